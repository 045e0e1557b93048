// Package e2e holds the tests that run on a whole cluster: API server, kubelet and a deployed controller.
//
// `make test-e2e` starts a fresh localkube for them. On a cluster of one's own that has Sluice on it:
//
//	go test -tags e2e -count=1 ./test/suites/e2e
//
// They use the current kubeconfig, change the ConfigMap feature-flags while they run and set it back at the end, and
// delete the namespaces that they made (with SLUICE_E2E_KEEP=1 they leave them).
//
// What it shares with the other tests on a cluster is in the packages test/testutil/kube and test/testutil/suite.
//
// The feature flags belong to the whole cluster. So a test that depends on them is a top-level test, which go runs one
// after the other; it sets what it needs with UseFlags, and what is parallel in it is a subtest.
package e2e
