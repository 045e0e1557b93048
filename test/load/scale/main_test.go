package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestChoose: each scenario can be chosen by its name, and a name that does not exist is refused with those that do.
func TestChoose(t *testing.T) {
	cases := map[string]struct {
		only  string
		want  []string
		fails string
	}{
		"All": {
			want: names(),
		},
		"One": {
			only: "finished",
			want: []string{"finished"},
		},
		"Two": {
			only: "nested,nested2",
			want: []string{"nested", "nested2"},
		},
		"Unknown": {
			only:  "wide,deep",
			fails: `cannot measure scenario "deep" of -only: it does not exist; the names are wide, many, chain`,
		},
		"Empty": {
			only:  "wide,",
			fails: `cannot measure scenario "" of -only`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := choose(tc.only)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("want %q, got %v", tc.fails, err)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
		})
	}
}

// TestNames: no two scenarios have the same name, because rows are found by it.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range names() {
		if seen[name] {
			t.Errorf("the name %q occurs twice", name)
		}
		seen[name] = true
	}
}
