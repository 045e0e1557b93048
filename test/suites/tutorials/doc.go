// Package tutorials runs the commands of the tutorials and compares their output with the pages. The tests of the reader and of
// the comparison need nothing. The run itself starts a cluster: it needs root, port 6443, bin/ with the output of
// `make cli localkube standins`, and the build tag e2e. It is a part of the release checklist.
package tutorials
