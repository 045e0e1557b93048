// Package takeover tests the preparation of a move from Tekton to Sluice on an API server with Tekton's kinds, whose objects are stored
// in versions that an earlier Tekton has written (build tag integration; make test-integration starts the API server).
package takeover
