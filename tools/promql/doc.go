// Package promql holds the test that Prometheus understands what alerts and dashboard ask of it. It is a module of its own,
// so that nothing else is built with the versions that Prometheus wants.
package promql
