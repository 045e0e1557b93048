package validation

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/truncate"
)

const (
	// maxHints is the maximum number of warnings in the message of a run that failed.
	maxHints = 3
	// maxHint is the maximum length of one of them, in bytes.
	maxHint = 300
)

// Hints returns a text with the warnings about the part of an object whose fields begin with a prefix, for the message of a run
// that failed there. It is empty if there are none, and names at most three. Root is the beginning of the fields that users
// need not see.
func Hints(warnings []Warning, root, prefix string) string {
	var hints []string
	more := 0
	for _, w := range warnings {
		switch {
		case !strings.HasPrefix(w.Field, prefix):
		case len(hints) == maxHints:
			more++
		default:
			hints = append(hints, truncate.Text(strings.TrimPrefix(w.String(), root), maxHint))
		}
	}
	if more > 0 {
		hints = append(hints, fmt.Sprintf("and %d more", more))
	}
	if len(hints) == 0 {
		return ""
	}
	return "this may be the cause: " + strings.Join(hints, "; ")
}
