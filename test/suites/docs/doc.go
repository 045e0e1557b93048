// Package docs checks that the documentation agrees with the source: names of tests, reasons and fields.
package docs
