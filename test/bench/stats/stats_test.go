package stats

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSummarise(t *testing.T) {
	seconds := func(n ...int) []time.Duration {
		series := make([]time.Duration, len(n))
		for i, s := range n {
			series[i] = time.Duration(s) * time.Second
		}
		return series
	}
	cases := map[string]struct {
		reason string
		series []time.Duration
		want   Summary
	}{
		"none":   {reason: "nothing was measured", series: nil, want: Summary{Name: "x"}},
		"one":    {reason: "every figure is that value", series: seconds(3), want: Summary{Name: "x", N: 1, Min: 3, P50: 3, P95: 3, Max: 3}},
		"ten":    {reason: "of ten values the fifth is the median, and the last the 95th percentile", series: seconds(10, 9, 8, 7, 6, 5, 4, 3, 2, 1), want: Summary{Name: "x", N: 10, Min: 1, P50: 5, P95: 10, Max: 10}},
		"twenty": {reason: "of twenty values one may be above the 95th percentile", series: seconds(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 9), want: Summary{Name: "x", N: 20, Min: 1, P50: 1, P95: 2, Max: 9}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Summarise("x", tc.series)); diff != "" {
				t.Errorf("Summarise: %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestTable(t *testing.T) {
	var got strings.Builder
	if err := Table(&got, []Summary{{Name: "one thing", N: 10, Min: 0.5, P50: 1.234, P95: 12, Max: 12}}); err != nil {
		t.Fatal(err)
	}
	want := "" +
		"   N     MIN     P50      P95      MAX  WHAT\n" +
		"  10  0.50 s  1.23 s  12.00 s  12.00 s  one thing\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("Table (-want +got):\n%s", diff)
	}
}
