package variables

import (
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestSole: only a reference that follows the syntax can stand for a whole value.
func TestSole(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		want   bool
	}{
		"Whole":     {reason: "A reference and nothing else.", text: "$(steps.a.results.b)", want: true},
		"Array":     {reason: "All elements of an array.", text: "$(steps.a.results.b[*])", want: true},
		"Before":    {reason: "Text before it.", text: "x$(steps.a.results.b)"},
		"After":     {reason: "Text after it.", text: "$(steps.a.results.b) "},
		"Two":       {reason: "Two references.", text: "$(steps.a.results.b)$(steps.a.results.c)"},
		"Malformed": {reason: "A reference that breaks the syntax stands for nothing.", text: "$(steps.a..results.b)"},
		"Index":     {reason: "So does one with an index that is none.", text: "$(steps.a.results.b[x])"},
		"Text":      {reason: "A text is no reference.", text: "text"},
		"Empty":     {reason: "Nor is nothing."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, got := Sole(tc.text); got != tc.want {
				t.Errorf("%s\nSole(%q) = %t", tc.reason, tc.text, got)
			}
			if _, got := SoleIn(v1.StringValue(tc.text)); got != tc.want {
				t.Errorf("%s\nSoleIn(%q) = %t", tc.reason, tc.text, got)
			}
			if _, got := SoleIn(v1.ArrayValue(tc.text)); got {
				t.Errorf("an array is no text, and its element %q is taken for one", tc.text)
			}
		})
	}
}
