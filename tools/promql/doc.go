// Package promql tests that Prometheus can parse the expressions of the alerts and of the dashboard. It is a separate module,
// so that the dependencies of Prometheus do not affect other modules.
package promql
