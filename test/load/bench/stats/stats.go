// Package stats summarizes series of measurements.
package stats

import (
	"math"
	"slices"
)

// Summary summarizes one series of measurements, in the unit of the series.
type Summary struct {
	// N is the number of values.
	N int `json:"n"`
	// Min, P50, P95 and Max of the values.
	Min float64 `json:"min"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
}

// Summarize returns the summary of a series. A percentile is the smallest value that at least that share of the series does
// not exceed, so it is always a measured value. The summary of an empty series is zero.
func Summarize(series []float64) Summary {
	if len(series) == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(series))
	rank := func(share float64) float64 { return sorted[max(int(math.Ceil(share*float64(len(sorted))))-1, 0)] }
	return Summary{N: len(sorted), Min: sorted[0], P50: rank(0.50), P95: rank(0.95), Max: sorted[len(sorted)-1]}
}

// Median is the P50 of a series.
func Median(series []float64) float64 { return Summarize(series).P50 }
