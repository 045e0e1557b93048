// Package integration tests what the API server makes of our files: the kinds, their validation, the policy, the rights.
// It needs an API server alone (build tag integration; make test-integration starts one) and no node.
package integration
