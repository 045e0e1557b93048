// Package beside tests Sluice beside Tekton on an API server: with Tekton's kinds, a stand-in for its webhook and a stand-in for
// its controller (build tag integration; make test-integration starts the API server, which needs an audit log).
package beside
