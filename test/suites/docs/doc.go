// Package docs holds the tests that keep what the documentation names in agreement with the tree: tests, reasons and
// fields.
package docs
