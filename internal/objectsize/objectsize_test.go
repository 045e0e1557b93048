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
		"Text":        {reason: "plain text takes its bytes and two quotes", value: strings.Repeat("x", 100), want: 102},
		"Markup":      {reason: "an angle bracket takes six bytes", value: strings.Repeat("<", 100), want: 602},
		"Control":     {reason: "so does a control character", value: strings.Repeat("\x01", 100), want: 602},
		"Newline":     {reason: "a newline takes two", value: "\n\n", want: 6},
		"Object":      {reason: "an object as it is stored, without a newline after it", value: map[string]int{"a": 1}, want: len(`{"a":1}`)},
		"Unencodable": {reason: "what cannot be encoded cannot be stored either", value: make(chan int), want: results.ObjectLimit},
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
	parts := []Part{{Name: "small", Size: 1}, {Name: "large", Size: 9}, {Name: "middle", Size: 5}, {Name: "other", Size: 5}}
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
