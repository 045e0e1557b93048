// Package e2e brings real clusters up and down with the built program, and checks that nothing is left of them. It needs the
// output of hack/build-localkube.sh, root for the tests with a node, and busybox (static) for an image.
package e2e
