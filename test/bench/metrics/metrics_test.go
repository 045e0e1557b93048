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
		"nothing":   {reason: "an empty page has no samples", page: "\n"},
		"comments":  {reason: "help and type are passed over", page: "# HELP a b\n# TYPE a counter\na 1\n", want: []Sample{{Name: "a", Labels: map[string]string{}, Value: 1}}},
		"labels":    {reason: "labels are unquoted, and may hold braces, commas and blanks", page: `a{b="c, d} e",f="g\"h"} 2`, want: []Sample{{Name: "a", Labels: map[string]string{"b": "c, d} e", "f": `g"h`}, Value: 2}}},
		"time":      {reason: "a time after the value is not the value", page: "a{} 1.5e3 1700000000000", want: []Sample{{Name: "a", Labels: map[string]string{}, Value: 1500}}},
		"chosen":    {reason: "only the names that are asked for are read, as whole names", page: "a 1\nab 2\nb{c=\"d\"} 3", names: []string{"a"}, want: []Sample{{Name: "a", Labels: map[string]string{}, Value: 1}}},
		"no value":  {reason: "a line without a value is no sample", page: `a{b="c"}`, fails: true},
		"unclosed":  {reason: "labels have an end", page: `a{b="c" 1`, fails: true},
		"no number": {reason: "a value is a number", page: "a b", fails: true},
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
		t.Errorf("samples with the same key are added up, and what has not changed is left out (-want +got):\n%s", diff)
	}
}
