package objectsize

import (
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/results"
)

func TestEncoded(t *testing.T) {
	cases := map[string]struct {
		reason string
		value  any
		want   int
	}{
		"Text":        {"plain text takes its bytes and two quotes", strings.Repeat("x", 100), 102},
		"Markup":      {"an angle bracket takes six bytes", strings.Repeat("<", 100), 602},
		"Control":     {"so does a control character", strings.Repeat("\x01", 100), 602},
		"Newline":     {"a newline takes two", "\n\n", 6},
		"Object":      {"an object as it is stored, without a newline after it", map[string]int{"a": 1}, len(`{"a":1}`)},
		"Unencodable": {"what cannot be encoded cannot be stored either", make(chan int), results.ObjectLimit},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Encoded(tc.value); got != tc.want {
				t.Errorf("%s: want %d, got %d", tc.reason, tc.want, got)
			}
		})
	}
}

func TestLargest(t *testing.T) {
	parts := []Part{{"small", 1}, {"large", 9}, {"middle", 5}, {"other", 5}}
	if got, want := Largest("results", parts), `the largest results, encoded: "large" with 9, "middle" with 5, "other" with 5`; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if parts[0].Name != "small" {
		t.Error("the caller's list stays as it is")
	}
	if got, want := Largest("params", nil), "it has no params"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if got := PartOf("a", "bc"); got != (Part{"a", 4}) {
		t.Errorf("a part is as large as its value encoded, got %+v", got)
	}
}
