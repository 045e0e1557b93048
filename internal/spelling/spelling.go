// Package spelling finds the name that a misspelled one stands for.
package spelling

// Nearest returns the name of which a misspelled one differs in the fewest bytes; empty if each differs in more than two, and in
// more than a quarter of the misspelled one.
func Nearest(misspelled string, names []string) string {
	best, least := "", max(2, len(misspelled)/4)+1
	for _, name := range names {
		if d := Distance(misspelled, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// Distance is how many bytes must be inserted, deleted or replaced to turn one name into the other (Levenshtein). It takes
// time in the product of both lengths, so both should be names.
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
