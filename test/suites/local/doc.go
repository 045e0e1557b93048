// Package local has the test of `sluice run --local`: from the built binaries alone to results, on a cluster that the
// command starts itself. It needs root, bin/ as `make cli localkube standins` fills it, and the build tag e2e.
package local
