// Package fault holds the tests that break a cluster while runs are in progress. Each run must keep its promise: its results
// are whole, byte for byte, or it has failed with a message, and not later than the collector's deadline.
//
// `make test-fault` starts a separate localkube cluster for them, because they stop its components, kill processes of
// its pods and rotate its logs. On a cluster that is up:
//
//	bin/localkube up --dir DIR --container-log-max-size 1Mi --node-grace-period 5s
//	LOCALKUBE_DIR=DIR go test -tags fault -count=1 -v ./test/suites/fault
//
// The moments at which a controller is killed are random. The test prints the seed; FAULT_SEED=N repeats it.
package fault
