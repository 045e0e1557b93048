// Package truncate cuts texts that are too long for a message, an event or a status.
package truncate

import (
	"fmt"
	"unicode/utf8"
)

// mark stands where a text was cut.
const mark = "…"

// Text returns text as it is if it has at most limit bytes, and otherwise its first bytes, at most limit, and "…". It does
// not cut a character in two.
func Text(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return text[:border(text, limit)] + mark
}

// Counted is like Text, and adds the length of a text that it cut: "… (2048 bytes)".
func Counted(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return fmt.Sprintf("%s%s (%d bytes)", text[:border(text, limit)], mark, len(text))
}

// border returns the last border of a character at or before limit, which is less than len(text). In a text that is not
// UTF-8 it is limit itself, or up to three bytes before it.
func border(text string, limit int) int {
	for end := limit; end >= 0 && end > limit-utf8.UTFMax; end-- {
		if utf8.RuneStart(text[end]) {
			return end
		}
	}
	return limit
}
