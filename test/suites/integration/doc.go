// Package integration tests this project's files on an API server: the kinds, their validation, the policy and the roles. It
// needs only an API server and no node (build tag integration; make test-integration starts one).
package integration
