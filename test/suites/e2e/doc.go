// Package e2e holds the tests that run on a whole cluster: API server, kubelet and a deployed controller.
//
// `make test-e2e` starts a fresh localkube for them. On an existing cluster that runs Sluice:
//
//	go test -tags e2e -count=1 ./test/suites/e2e
//
// They use the current kubeconfig, change settings while they run, and restore them at the end. They delete
// the namespaces that they created; with SLUICE_E2E_KEEP=1 they keep them.
//
// What they share with the other tests on a cluster is in the packages test/testutil/kube and test/testutil/suite.
//
// The feature flags belong to the whole cluster. A test that depends on them is therefore a top-level test, which go runs one
// after the other. It sets the flags with UseFlags, and only its subtests are parallel.
package e2e
