// Package cli runs the command line sluice against a real API server, by the scripts in testdata: each reads like a page
// of documentation. It has the build tag integration; `make test-integration` runs it.
//
// There is no controller: what a script wants a controller to have written, it stores itself, with the command store.
package cli
