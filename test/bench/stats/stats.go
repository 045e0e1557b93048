// Package stats turns durations that were measured into the figures that are told.
package stats

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// Summary is what is told about one series of measurements. Its times are in seconds, so that its JSON is plain.
type Summary struct {
	// Name of what was measured.
	Name string `json:"name"`
	// N is how many times it was measured.
	N int `json:"n"`
	// Min, P50, P95 and Max of the series, in seconds.
	Min float64 `json:"min"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
}

// Summarise returns the figures of a series. A percentile is the smallest of the values that at least that share of the
// series does not exceed, so it is always one that was measured. An empty series has zeros.
func Summarise(name string, series []time.Duration) Summary {
	s := Summary{Name: name, N: len(series)}
	if len(series) == 0 {
		return s
	}
	sorted := slices.Sorted(slices.Values(series))
	rank := func(share float64) float64 {
		return sorted[max(int(math.Ceil(share*float64(len(sorted))))-1, 0)].Seconds()
	}
	s.Min, s.P50, s.P95, s.Max = sorted[0].Seconds(), rank(0.50), rank(0.95), sorted[len(sorted)-1].Seconds()
	return s
}

// Table prints one line for each summary.
func Table(w io.Writer, summaries []Summary) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "N\tMIN\tP50\tP95\tMAX\t  WHAT")
	for _, s := range summaries {
		fmt.Fprintf(table, "%d\t%.2f s\t%.2f s\t%.2f s\t%.2f s\t  %s\n", s.N, s.Min, s.P50, s.P95, s.Max, s.Name)
	}
	return table.Flush()
}
