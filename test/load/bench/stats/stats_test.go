package stats

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSummarize(t *testing.T) {
	cases := map[string]struct {
		reason string
		series []float64
		want   Summary
	}{
		"none": {
			reason: "nothing was measured",
			series: nil,
			want:   Summary{},
		},
		"one": {
			reason: "every figure is the only value",
			series: []float64{3},
			want:   Summary{N: 1, Min: 3, P50: 3, P95: 3, Max: 3},
		},
		"ten": {
			reason: "of ten values the fifth is the median, and the last the 95th percentile",
			series: []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1},
			want:   Summary{N: 10, Min: 1, P50: 5, P95: 10, Max: 10},
		},
		"twenty": {
			reason: "of twenty values one may be above the 95th percentile",
			series: []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 9},
			want:   Summary{N: 20, Min: 1, P50: 1, P95: 2, Max: 9},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Summarize(tc.series)); diff != "" {
				t.Errorf("Summarize: %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
