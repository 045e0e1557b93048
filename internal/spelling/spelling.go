// Package spelling finds the name that a user probably meant.
package spelling

import (
	"strings"
	"unicode"
)

// Nearest returns the name with the smallest Distance from a misspelled one. It returns an empty string if each name is more
// than two bytes, and more than a quarter of the misspelled name, away.
func Nearest(misspelled string, names []string) string {
	best, least := "", max(2, len(misspelled)/4)+1
	for _, name := range names {
		if d := Distance(misspelled, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// Distance returns how many bytes must be inserted, deleted or replaced to turn a into b (Levenshtein). The time is
// proportional to the product of both lengths, so use it only for short texts.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Fold returns the same text for names that a JSON decoder treats as equal: it ignores the case of letters.
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}
