package admission

import (
	"fmt"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/validation"
)

// Bounds of the warnings of a response, in bytes. The API server cuts a warning above 256 characters, and drops what is above
// 4096 characters in all (k8s.io/apiserver/pkg/endpoints/filters/warning.go).
const (
	maxWarning  = 256
	maxWarnings = 4096
)

// clientWarnings returns warnings for the client of a request, within the bounds. The last one counts those that have no room.
func clientWarnings(warnings []validation.Warning) []string {
	var shown []string
	room := maxWarnings - maxWarning // for the last one
	for i := range warnings {
		text := clip(warnings[i].String(), maxWarning)
		if room -= len(text); room < 0 {
			return append(shown, fmt.Sprintf("%d more warnings have no room here; sluice validate prints all of them", len(warnings)-i))
		}
		shown = append(shown, text)
	}
	return shown
}

// clip shortens a text to a number of bytes, at the boundary of a character.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const mark = "..."
	end := most - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
