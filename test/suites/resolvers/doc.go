// Package resolvers tests the program sluice-resolvers on a whole cluster: each resolver, with each kind of definition and both
// transports of results, against real servers in a pod. The image of the servers is hack/images/standin.sh forge.
package resolvers
