package reconcile

import (
	"testing"
	"time"
)

func TestUntil(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	cases := map[string]struct {
		reason    string
		deadlines []time.Time
		want      time.Duration
	}{
		"None": {
			reason: "without a deadline there is nothing to wait for",
			want:   0,
		},
		"Zero": {
			reason:    "the zero time is no deadline",
			deadlines: []time.Time{{}},
			want:      0,
		},
		"First": {
			reason:    "the first deadline counts",
			deadlines: []time.Time{now.Add(time.Hour), {}, now.Add(time.Minute)},
			want:      time.Minute,
		},
		"Passed": {
			reason:    "a deadline that has passed means soon, and not never",
			deadlines: []time.Time{now.Add(-time.Hour), now.Add(time.Minute)},
			want:      time.Millisecond,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Until(now, tc.deadlines...); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}
