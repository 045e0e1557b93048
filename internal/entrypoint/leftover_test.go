package entrypoint

import (
	"fmt"
	"strings"
	"testing"
)

func TestParentOf(t *testing.T) {
	cases := map[string]struct {
		reason string
		stat   string
		want   int
		ok     bool
	}{
		"Usual":    {"The parent is the second field after the name.", "12 (sh) S 7 12 12 0 -1", 7, true},
		"Spaces":   {"A name may have spaces.", "12 (a b) R 7 1", 7, true},
		"Bracket":  {"And brackets, which look like the end of a name.", "12 (a) R 99) S 7 1", 7, true},
		"Newline":  {"And line breaks.", "12 (a\n) S 7 1", 7, true},
		"Empty":    {"A process may be gone.", "", 0, false},
		"Cut":      {"What is cut says nothing.", "12 (sh) S", 0, false},
		"NoNumber": {"A parent is a number.", "12 (sh) S x 1", 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, ok := parentOf([]byte(tc.stat)); got != tc.want || ok != tc.ok {
				t.Errorf("%s\ngot %d, %t, want %d, %t", tc.reason, got, ok, tc.want, tc.ok)
			}
		})
	}
}

// FuzzParentOf: whatever a process is called, its parent is found.
func FuzzParentOf(f *testing.F) {
	f.Add("sh", 1)
	f.Add(") S 9 (", 4194304)
	f.Fuzz(func(t *testing.T, name string, parent int) {
		stat := fmt.Sprintf("12 (%s) S %d 12 12 0 -1 4194304", strings.ToValidUTF8(name, "?"), parent)
		if got, ok := parentOf([]byte(stat)); got != parent || !ok {
			t.Errorf("%q: got %d, %t", stat, got, ok)
		}
	})
}
