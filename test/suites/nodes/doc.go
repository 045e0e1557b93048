// Package nodes holds the tests that need a cluster with several nodes: where the pods of a run are scheduled, and what becomes of
// runs when their node is lost, drained or separated from the control plane.
//
// `make test-nodes` starts a localkube cluster of three nodes for them. On a cluster that is up:
//
//	bin/localkube up --dir DIR --nodes 3 --node-grace-period 5s
//	LOCALKUBE_DIR=DIR go test -tags e2e -count=1 -v ./test/suites/nodes
package nodes
