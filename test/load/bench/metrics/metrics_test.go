package metrics

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason string
		page   string
		names  []string
		want   []Sample
		fails  bool
	}{
		"nothing": {
			reason: "an empty page has no samples",
			page:   "\n",
		},
		"comments": {
			reason: "help and type lines are not samples",
			page:   "# HELP a b\n# TYPE a counter\na 1\n",
			want:   []Sample{{Name: "a", Labels: map[string]string{}, Value: 1}},
		},
		"labels": {
			reason: "labels are unquoted, and may contain braces, commas and spaces",
			page:   `a{b="c, d} e",f="g\"h"} 2` + "\n",
			want:   []Sample{{Name: "a", Labels: map[string]string{"b": "c, d} e", "f": `g"h`}, Value: 2}},
		},
		"time": {
			reason: "a time after the value is not the value",
			page:   "a{} 1.5e3 1700000000000\n",
			want:   []Sample{{Name: "a", Labels: map[string]string{}, Value: 1500}},
		},
		"chosen": {
			reason: "only the requested names are returned, as whole names",
			page:   "a 1\nab 2\nb{c=\"d\"} 3\n",
			names:  []string{"a"},
			want:   []Sample{{Name: "a", Labels: map[string]string{}, Value: 1}},
		},
		"gauge": {
			reason: "a gauge has one value like a counter",
			page:   "# TYPE a gauge\na 4\n",
			want:   []Sample{{Name: "a", Labels: map[string]string{}, Value: 4}},
		},
		"histogram": {
			reason: "a histogram has several values",
			page:   "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
		},
		"no value": {
			reason: "a line without a value is refused",
			page:   `a{b="c"}` + "\n",
			fails:  true,
		},
		"unclosed": {
			reason: "labels without an end are refused",
			page:   `a{b="c" 1` + "\n",
			fails:  true,
		},
		"no number": {
			reason: "a value that is not a number is refused",
			page:   "a b\n",
			fails:  true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(strings.NewReader(tc.page), tc.names...)
			if (err != nil) != tc.fails {
				t.Fatalf("Parse: %s: error %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Parse: %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCountsAndDifference(t *testing.T) {
	key := func(s Sample) string { return s.Labels["verb"] }
	before := Counts([]Sample{{Labels: map[string]string{"verb": "GET"}, Value: 2}, {Labels: map[string]string{"verb": "PUT"}, Value: 1}}, key)
	after := Counts([]Sample{
		{Labels: map[string]string{"verb": "GET"}, Value: 3}, {Labels: map[string]string{"verb": "GET"}, Value: 4},
		{Labels: map[string]string{"verb": "PUT"}, Value: 1}, {Labels: map[string]string{"verb": "POST"}, Value: 5}, {Value: 100},
	}, key)
	want := map[string]int{"GET": 5, "POST": 5}
	if diff := cmp.Diff(want, Difference(before, after)); diff != "" {
		t.Errorf("samples with the same key are added, and unchanged ones are omitted (-want +got):\n%s", diff)
	}
}

// TestSums: Sums reads the sum of a histogram, and nothing else.
func TestSums(t *testing.T) {
	const page = `# TYPE took_seconds histogram
took_seconds_bucket{name="a",le="1"} 1
took_seconds_bucket{name="a",le="+Inf"} 2
took_seconds_sum{name="a"} 3.5
took_seconds_count{name="a"} 2
# TYPE others counter
others 7
`
	got, err := Sums(strings.NewReader(page), "took_seconds", "others")
	if err != nil || len(got) != 1 || got[0].Value != 3.5 || got[0].Labels["name"] != "a" {
		t.Errorf("want the one sum of 3.5, got %+v, %v", got, err)
	}
}
