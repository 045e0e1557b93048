// Package local tests `sluice run --local`: it runs the built binaries and checks the results, on a cluster that the command
// starts itself. It needs root, bin/ with the output of `make cli localkube standins`, and the build tag e2e.
package local
