package check

import (
	"cmp"
	"slices"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
)

// Severity says what comes of a finding.
type Severity string

const (
	// Error is what the API server refuses, or a run fails for.
	Error Severity = "error"
	// Warning is what is doubtful, or fails with some values.
	Warning Severity = "warning"
)

// Finding is something that is wrong with a file.
type Finding struct {
	document.Place

	Severity Severity `json:"severity"`
	// Object is the kind and name, as in Task/build; empty where the document is none.
	Object string `json:"object,omitempty"`
	// Field is the path of the field; empty for the whole document.
	Field string `json:"field,omitempty"`
	// Message says what is wrong.
	Message string `json:"message"`
	// Hint says what to do; may be empty.
	Hint string `json:"hint,omitempty"`
}

// Count returns how many findings are of a severity.
func Count(findings []Finding, severity Severity) int {
	n := 0
	for _, f := range findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// inOrder sorts findings by their places, files as they were given, and drops those that are said twice.
func inOrder(findings []Finding, files []string) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(files, a.File), slices.Index(files, b.File)),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Field, b.Field),
		)
	})
	return slices.Compact(findings)
}
