package terminal

import "github.com/mattn/go-runewidth"

// ellipsis replaces text that Cut removed.
const ellipsis = "…"

// measure counts columns for terminals without wide box-drawing characters. It ignores the environment, so that the same text
// always has the same width.
func measure() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }

// Columns returns the width of text in columns of a terminal: two for a wide character (most of Chinese, Japanese and Korean, and
// emoji), and none for a combining character.
func Columns(text string) int { return measure().StringWidth(text) }

// Cut truncates text to a number of columns, with … at the end; 0: no limit.
func Cut(text string, columns int) string {
	if columns <= 0 {
		return text
	}
	return measure().Truncate(text, columns, ellipsis)
}
