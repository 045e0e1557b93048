package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-ci/sluice/test/load/bench/stats"
	"github.com/sluice-ci/sluice/test/load/soak/plan"
)

// tellEvery is the number of runs between two lines about the progress.
const tellEvery = 50

// outcome is the outcome of one run.
type outcome struct {
	// number of the run, and name of its TaskRun once it has one.
	number int
	name   string
	// planned is its plan.
	planned plan.Run
	// took is the time from its creation to its observed end.
	took time.Duration
	// err is nil if every result was equal, a lostError if a green run's results were not, and another error if it failed.
	err error
}

// tally counts outcomes; several goroutines may add to it.
type tally struct {
	wanted int
	began  time.Time

	mu                    sync.Mutex
	verified, lost, other int
	results               map[string]int
	bytes                 int64
	smallest, largest     int
	times                 []time.Duration
}

func newTally(wanted int) *tally {
	return &tally{wanted: wanted, began: time.Now(), results: map[string]int{}, smallest: plan.Largest}
}

// add counts an outcome, and prints a line for a bad one.
func (t *tally) add(o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, lost := errors.AsType[*lostError](o.err); lost {
		t.lost++
	} else if o.err != nil {
		t.other++
	}
	if o.err != nil {
		fmt.Printf("run %d (TaskRun %s): %.400v; to repeat it alone, add -first %d -count 1 and the seed\n", o.number, o.name, o.err, o.number)
		return
	}
	t.verified++
	t.times = append(t.times, o.took)
	size := 0
	for _, r := range o.planned.Results {
		t.results[r.Type]++
		size += r.Size()
	}
	t.bytes += int64(size)
	t.smallest, t.largest = min(t.smallest, size), max(t.largest, size)
	if t.verified%tellEvery == 0 {
		fmt.Printf("%d of %d verified after %s\n", t.verified, t.wanted, time.Since(t.began).Round(time.Second))
	}
}

// summary returns one line about all outcomes.
func (t *tally) summary() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	took := time.Since(t.began)
	var types []string
	all := 0
	for _, name := range slices.Sorted(maps.Keys(t.results)) {
		types = append(types, fmt.Sprintf("%s %d", name, t.results[name]))
		all += t.results[name]
	}
	seconds := make([]float64, len(t.times))
	for i := range t.times {
		seconds[i] = t.times[i].Seconds()
	}
	s := stats.Summarize(seconds)
	return fmt.Sprintf("%d verified, %d lost, %d failed of %d in %s; %d results (%s) with %.1f MB, %d to %d bytes a run; "+
		"%.2f runs/s, p50 %.1f s, p95 %.1f s",
		t.verified, t.lost, t.other, t.wanted, took.Round(time.Second), all, strings.Join(types, ", "), float64(t.bytes)/1e6,
		min(t.smallest, t.largest), t.largest, float64(t.verified)/took.Seconds(), s.P50, s.P95)
}

// verdict returns nil if every run was verified.
func (t *tally) verdict() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.verified == t.wanted {
		return nil
	}
	return fmt.Errorf("%d of %d TaskRuns were not verified: %d lost, %d failed, %d not ended in time",
		t.wanted-t.verified, t.wanted, t.lost, t.other, t.wanted-t.verified-t.lost-t.other)
}
