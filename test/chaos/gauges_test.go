package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOver(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		want   []string
		fails  bool
	}{
		"Idle":    {"All are 0.", "# HELP a b\na 0\nb{place=\"x\"} 0\nc 7\n", nil, false},
		"Busy":    {"One is not.", "a 2\nb{place=\"x\"} 0\nb{place=\"y\"} 1\n", []string{"a 2", `b{place="y"} 1`}, false},
		"Missing": {"Nothing is known about one.", "a 0\n", nil, true},
		"Strange": {"What is no number is not 0.", "a x\nb 0\n", []string{"a x"}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := over(tc.text, []string{"a", "b"})
			if diff := cmp.Diff(tc.want, got); diff != "" || (err != nil) != tc.fails {
				t.Errorf("%s %v (-want +got):\n%s", tc.reason, err, diff)
			}
		})
	}
}
