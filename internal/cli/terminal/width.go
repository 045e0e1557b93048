package terminal

import "github.com/mattn/go-runewidth"

// ellipsis stands for what Cut has removed.
const ellipsis = "…"

// measure counts columns as terminals do in any locale but those with wide box-drawing characters. The environment is
// not asked, so that the same text always has the same width.
func measure() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }

// Columns is how many columns of a terminal text covers: two for a wide character (most of Chinese, Japanese and Korean,
// and emoji), none for one that joins the character before it.
func Columns(text string) int { return measure().StringWidth(text) }

// Cut shortens text to at most so many columns, with … for what is missing; 0 columns are without limit.
func Cut(text string, columns int) string {
	if columns <= 0 {
		return text
	}
	return measure().Truncate(text, columns, ellipsis)
}
