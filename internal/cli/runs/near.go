package runs

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/spelling"
)

// nearest is the maximum number of suggested names.
const nearest = 3

// Near returns up to three of names that are similar to name: they contain it, or differ from it in few letters. The most
// similar is first.
func Near(name string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var all []candidate
	for _, n := range names {
		d := spelling.Distance(name, n)
		if strings.Contains(n, name) || strings.Contains(name, n) {
			d = min(d, 1)
		}
		if d <= max(2, len(name)/3) {
			all = append(all, candidate{n, d})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var near []string
	for _, c := range all[:min(nearest, len(all))] {
		near = append(near, c.name)
	}
	return near
}
