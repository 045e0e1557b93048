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
		"Idle": {
			reason: "All are 0.",
			text:   "# HELP a b\na 0\nb{place=\"x\"} 0\nc 7\n",
		},
		"Busy": {
			reason: "One is not.",
			text:   "a 2\nb{place=\"x\"} 0\nb{place=\"y\"} 1\n",
			want:   []string{"a 2", `b{place="y"} 1`},
		},
		"Missing": {
			reason: "A missing metric is an error.",
			text:   "a 0\n",
			fails:  true,
		},
		"Strange": {
			reason: "An invalid number is not 0.",
			text:   "a x\nb 0\n",
			want:   []string{"a x"},
		},
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
