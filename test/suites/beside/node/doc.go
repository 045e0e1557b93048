// Package node tests Sluice beside another engine on a cluster with a node, as a user moves a namespace and moves it back (build
// tag e2e; make test-beside starts the cluster). The other engine is the controller of this project in its mode without Tekton: it
// runs the runs that Tekton would run.
package node
