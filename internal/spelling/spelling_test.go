package spelling

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"results-from", "max-result-size", "coschedule"}
	cases := map[string]struct {
		reason     string
		misspelled string
		want       string
	}{
		"Letter":  {reason: "A letter is missing.", misspelled: "result-from", want: "results-from"},
		"Twisted": {reason: "Two letters changed places.", misspelled: "coschedlue", want: "coschedule"},
		"Equal":   {reason: "A name is nearest to itself.", misspelled: "coschedule", want: "coschedule"},
		"Far":     {reason: "Another word matches no name.", misspelled: "timeout"},
		"Short":   {reason: "A short word differs too much.", misspelled: "x"},
		"Empty":   {reason: "So does an empty text."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Nearest(tc.misspelled, names); got != tc.want {
				t.Errorf("%s\nNearest(%q) = %q, want %q", tc.reason, tc.misspelled, got, tc.want)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	cases := map[string]struct {
		reason string
		a, b   string
		want   int
	}{
		"Same":    {reason: "Equal names need no change.", a: "abc", b: "abc", want: 0},
		"Empty":   {reason: "Each byte is inserted.", a: "", b: "abc", want: 3},
		"Replace": {reason: "One byte is replaced.", a: "abc", b: "axc", want: 1},
		"Insert":  {reason: "One byte is inserted.", a: "ac", b: "abc", want: 1},
		"Both":    {reason: "The classic example.", a: "kitten", b: "sitting", want: 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, back := Distance(tc.a, tc.b), Distance(tc.b, tc.a); got != tc.want || back != tc.want {
				t.Errorf("%s\nDistance(%q, %q) = %d, and %d the other way, want %d", tc.reason, tc.a, tc.b, got, back, tc.want)
			}
		})
	}
}
