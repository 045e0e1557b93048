package rewrite

import (
	"cmp"
	"slices"
	"strings"
)

// edit replaces the bytes from one offset to another.
type edit struct {
	from, to int
	text     string
}

// apply applies edits to a text, in the order of their offsets. It drops repeated edits, which several aliases of one value cause.
// ok is false if two edits overlap.
func apply(text string, edits []edit) (changed string, ok bool) {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.text, b.text))
	})
	edits = slices.Compact(edits)
	var b strings.Builder
	done := 0
	for _, e := range edits {
		if e.from < done || e.to < e.from || e.to > len(text) {
			return "", false
		}
		b.WriteString(text[done:e.from])
		b.WriteString(e.text)
		done = e.to
	}
	b.WriteString(text[done:])
	return b.String(), true
}
