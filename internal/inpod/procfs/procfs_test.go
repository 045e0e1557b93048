package procfs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseStat(t *testing.T) {
	cases := map[string]struct {
		reason string
		stat   string
		want   Process
		ok     bool
	}{
		"Usual": {
			reason: "The parent is the second field after the name.",
			stat:   "12 (sh) S 7 12 12 0 -1",
			want:   Process{Parent: 7, Name: "sh"},
			ok:     true,
		},
		"Spaces": {
			reason: "A name may have spaces.",
			stat:   "12 (a b) R 7 1",
			want:   Process{Parent: 7, Name: "a b"},
			ok:     true,
		},
		"Bracket": {
			reason: "A name may have brackets, which look like its end.",
			stat:   "12 (a) R 99) S 7 1",
			want:   Process{Parent: 7, Name: "a) R 99"},
			ok:     true,
		},
		"Newline": {
			reason: "A name may have line breaks.",
			stat:   "12 (a\n) S 7 1",
			want:   Process{Parent: 7, Name: "a\n"},
			ok:     true,
		},
		"Empty":    {reason: "A process may be gone."},
		"Cut":      {reason: "What is cut says nothing.", stat: "12 (sh) S"},
		"NoName":   {reason: "Without a name it is no such file.", stat: "12 S 7 1"},
		"Reversed": {reason: "A bracket that closes what none opened ends no name.", stat: "12 ) S 7 (1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := parseStat([]byte(tc.stat))
			if ok != tc.ok || ok && got != tc.want {
				t.Errorf("%s\ngot %+v, %t, want %+v, %t", tc.reason, got, ok, tc.want, tc.ok)
			}
		})
	}
	if _, ok := parseStat([]byte("12 (sh) S x 1")); ok {
		t.Error("a parent is a number")
	}
}

// FuzzParseStat: whatever a process is called, its parent is found.
func FuzzParseStat(f *testing.F) {
	f.Add("sh", 1)
	f.Add(") S 9 (", 4194304)
	f.Fuzz(func(t *testing.T, name string, parent int) {
		stat := fmt.Sprintf("12 (%s) S %d 12 12 0 -1 4194304", strings.ToValidUTF8(name, "?"), parent)
		if got, ok := parseStat([]byte(stat)); got.Parent != parent || !ok {
			t.Errorf("%q: got %+v, %t", stat, got, ok)
		}
	})
}

func TestOpensForWriting(t *testing.T) {
	cases := map[string]struct {
		reason string
		info   string
		want   bool
	}{
		"ReadOnly":  {reason: "A descriptor for reading.", info: "pos:\t0\nflags:\t0100000\nmnt_id:\t29\n"},
		"WriteOnly": {reason: "One for writing.", info: "pos:\t0\nflags:\t0100001\nmnt_id:\t29\n", want: true},
		"ReadWrite": {reason: "One for both.", info: "pos:\t0\nflags:\t02100002\n", want: true},
		"PathOnly":  {reason: "A handle can do neither.", info: "pos:\t0\nflags:\t012000000\n"},
		"NoFlags":   {reason: "Without flags nothing is known.", info: "pos:\t0\n", want: true},
		"NoNumber":  {reason: "Nor with flags that are no number.", info: "flags:\tx\n", want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, opensForWriting([]byte(tc.info))); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
