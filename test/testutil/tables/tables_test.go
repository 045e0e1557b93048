package tables_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/test/testutil/tables"
)

const page = "# Page\n\n| key | meaning |\n|---|---:|\n| `a`, `b` | one \\| two |\n| c |  |\n\n## Part\n\n" +
	"```text\n# no heading\n| no | table |\n```\n\n| flag |\n| --- |\n| `--x` |\n"

// TestOf: headings, borders, bars that belong to a cell, and blocks with examples.
func TestOf(t *testing.T) {
	want := []tables.Table{
		{Heading: "Page", Header: []string{"key", "meaning"}, Rows: [][]string{{"`a`, `b`", `one \| two`}, {"c", ""}}},
		{Heading: "Part", Header: []string{"flag"}, Rows: [][]string{{"`--x`"}}},
	}
	if diff := cmp.Diff(want, tables.Of(page)); diff != "" {
		t.Errorf("tables differ (-want +got):\n%s", diff)
	}
}

// TestFirst: only tables with the title count, and only what is code.
func TestFirst(t *testing.T) {
	cases := map[string]struct {
		reason, title string
		want          []string
	}{
		"Keys":  {reason: "Two codes in one cell, and a cell without code.", title: "key", want: []string{"a", "b"}},
		"Flags": {reason: "Another table of the same page.", title: "flag", want: []string{"--x"}},
		"None":  {reason: "The title of another column does not count.", title: "meaning"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tables.First(page, tc.title)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
