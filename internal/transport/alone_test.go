package transport

import "testing"

// TestAlone: only a reference that follows the syntax can stand for a whole value.
func TestAlone(t *testing.T) {
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
			if _, got := alone(tc.text); got != tc.want {
				t.Errorf("%s\nalone(%q) = %t", tc.reason, tc.text, got)
			}
		})
	}
}
