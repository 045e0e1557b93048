// Package stats turns what was measured into the figures that are told.
package stats

import (
	"math"
	"slices"
)

// Summary is what is told about one series of measurements, in the unit of the series.
type Summary struct {
	// N is how many values there were.
	N int `json:"n"`
	// Min, P50, P95 and Max of them.
	Min float64 `json:"min"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
}

// Summarise returns the figures of a series. A percentile is the smallest of the values that at least that share of the
// series does not exceed, so it is always one that was measured. An empty series has zeros.
func Summarise(series []float64) Summary {
	if len(series) == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(series))
	rank := func(share float64) float64 { return sorted[max(int(math.Ceil(share*float64(len(sorted))))-1, 0)] }
	return Summary{N: len(sorted), Min: sorted[0], P50: rank(0.50), P95: rank(0.95), Max: sorted[len(sorted)-1]}
}

// Median is the P50 of a series.
func Median(series []float64) float64 { return Summarise(series).P50 }
