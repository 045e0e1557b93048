package check

import (
	"cmp"
	"slices"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
)

// Severity is the severity of a finding.
type Severity string

const (
	// Error is a finding that the API server refuses, or with which a run fails.
	Error Severity = "error"
	// Warning is a finding that is probably a mistake, or with which a run fails for some values.
	Warning Severity = "warning"
	// Note is about a document that is not checked. It is no problem.
	Note Severity = "note"
)

// Finding is a problem in a file.
type Finding struct {
	document.Place

	Severity Severity `json:"severity"`
	// Object is the kind and the name, as in Task/build; empty if the document is not an object.
	Object string `json:"object,omitempty"`
	// Field is the path of the field; empty for the whole document.
	Field string `json:"field,omitempty"`
	// Message is the problem.
	Message string `json:"message"`
	// Hint is what to do; may be empty.
	Hint string `json:"hint,omitempty"`
}

// Count returns the number of findings of a severity.
func Count(findings []Finding, severity Severity) int {
	n := 0
	for _, f := range findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// inOrder sorts findings by file, in the given order, and by place. It drops duplicates.
func inOrder(findings []Finding, files []string) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(files, a.File), slices.Index(files, b.File)),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Field, b.Field),
		)
	})
	return slices.Compact(findings)
}
