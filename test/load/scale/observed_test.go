package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/test/load/scale/meter"
)

// TestRatio: one slow round changes neither median, and the report has the medians and their ratio.
func TestRatio(t *testing.T) {
	rounds := func(times ...time.Duration) (all []round) {
		for _, processor := range times {
			all = append(all, round{Reading: meter.Reading{Processor: processor}})
		}
		return all
	}
	o := observed{
		Runs: observedRuns, Off: rounds(4*time.Second, 9*time.Second, 4*time.Second), On: rounds(5*time.Second, time.Second, 5*time.Second),
	}
	var b strings.Builder
	o.report(&b)
	want := "controller: medians of 4.00 s and 5.00 s of processor time: a ratio of 1.250 (the aim is at most 1.05)"
	if !strings.Contains(b.String(), want) {
		t.Errorf("want %q, got\n%s", want, b.String())
	}
}
