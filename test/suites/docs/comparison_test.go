package docs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/test/load/bench/plot"
)

const (
	comparisonPage = root + "/docs/comparison.md"
	// pictureMark precedes a table with the file of its picture.
	pictureMark = "<!-- picture: "
)

// pictures returns the pictures of the tables of a page by file: the first column has the names, and each further column up to the
// column "ratio" has values with units.
func pictures(t *testing.T, page string) map[string]string {
	t.Helper()
	drawn := map[string]string{}
	colors := []plot.Color{plot.Second, plot.First, plot.Limit}
	for _, part := range strings.Split(page, pictureMark)[1:] {
		file, rest, _ := strings.Cut(part, " -->\n\n")
		table, _, _ := strings.Cut(rest, "\n\n")
		rows := strings.Split(table, "\n")
		names := cells(rows[0])[1:]
		var legend []plot.Entry
		for i, name := range names {
			if name != "ratio" {
				legend = append(legend, plot.Entry{Color: colors[i], Name: name})
			}
		}
		var groups []plot.Group
		for _, row := range rows[2:] {
			all := cells(row)
			group := plot.Group{Name: all[0]}
			for i := range legend {
				number, _, _ := strings.Cut(all[i+1], " ")
				value, err := strconv.ParseFloat(number, 64)
				if err != nil {
					t.Fatalf("%s: %q is not a number and a unit", file, all[i+1])
				}
				group.Bars = append(group.Bars, plot.Bar{Color: colors[i], Value: value, Label: all[i+1]})
			}
			groups = append(groups, group)
		}
		drawn[file] = plot.Groups("The same work: less is better", legend, groups)
	}
	return drawn
}

// cells returns the cells of a row of a table.
func cells(row string) []string {
	parts := strings.Split(strings.Trim(row, "|"), "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// TestPicturesOfComparison: the pictures of the comparison have the values of its tables. With -update it draws them.
func TestPicturesOfComparison(t *testing.T) {
	drawn := pictures(t, read(t, comparisonPage))
	if len(drawn) != 2 {
		t.Errorf("want two pictures, got %d", len(drawn))
	}
	for file, picture := range drawn {
		path := filepath.Join(root, "docs", file)
		if *update {
			if err := os.WriteFile(path, []byte(picture), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(read(t, path), picture); diff != "" {
			t.Errorf("docs/%s does not show the table; draw it again: go test ./test/suites/docs -run %s -update\n%s", file, t.Name(), diff)
		}
	}
}

// TestRatiosOfComparison: a ratio is that of the two values before it, rounded.
func TestRatiosOfComparison(t *testing.T) {
	found := 0
	for line := range strings.Lines(read(t, comparisonPage)) {
		row := cells(strings.TrimSpace(line))
		if len(row) != 4 || !strings.Contains(row[1], " ") {
			continue
		}
		values := make([]float64, 3)
		numbers := true
		for i := range values {
			number, _, _ := strings.Cut(row[i+1], " ")
			var err error
			values[i], err = strconv.ParseFloat(number, 64)
			numbers = numbers && err == nil
		}
		if !numbers {
			continue
		}
		found++
		if ratio := values[0] / values[1]; ratio < values[2]*0.96 || ratio > values[2]*1.04 {
			t.Errorf("%s: the ratio is %.2f", row[0], ratio)
		}
	}
	const least = 8
	if found < least {
		t.Errorf("want at least %d ratios, got %d", least, found)
	}
}
