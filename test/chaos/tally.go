package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/check"
	"github.com/sluice-ci/sluice/test/chaos/disturb"
	"github.com/sluice-ci/sluice/test/load/bench/stats"
)

// tellEvery is the number of runs between two lines about the progress.
const tellEvery = 25

// tally counts runs; several goroutines may add to it.
type tally struct {
	began time.Time

	mu       sync.Mutex
	runs     map[string]int
	tasks    map[string]int
	seconds  map[string][]float64
	attempts int
	results  int
	bytes    int64
	bad      int
}

func newTally() *tally {
	return &tally{began: time.Now(), runs: map[string]int{}, tasks: map[string]int{}, seconds: map[string][]float64{}}
}

// add counts a run without findings.
func (t *tally) add(c *check.Case) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kind, outcome := "TaskRun", "?"
	if c.Plan.Pipeline {
		kind = "PipelineRun"
		if condition := c.PipelineRun.Status.Condition(); condition != nil {
			outcome = condition.Reason
		}
	}
	for _, tr := range c.TaskRuns {
		t.attempts += 1 + len(tr.Status.RetriesStatus)
		t.results += len(tr.Status.Results)
		for _, r := range tr.Status.Results {
			t.bytes += int64(size(r.Value))
		}
		reason := "?"
		if condition := tr.Status.Condition(); condition != nil {
			reason = condition.Reason
		}
		t.tasks[reason]++
		if !c.Plan.Pipeline {
			outcome = reason
		}
	}
	t.runs[kind+" "+outcome]++
	if !c.Ended.IsZero() {
		t.seconds[kind] = append(t.seconds[kind], c.Ended.Sub(c.Created).Seconds())
	}
	if n := sum(t.runs); n%tellEvery == 0 {
		fmt.Printf("%d runs after %s\n", n, time.Since(t.began).Round(time.Second))
	}
}

// size returns the number of bytes of a value: its text, or all its elements.
func size(v v1.Value) int {
	n := len(v.String)
	for _, element := range v.Array {
		n += len(element)
	}
	for _, element := range v.Object {
		n += len(element)
	}
	return n
}

// trouble counts a run that could not be sent or checked.
func (t *tally) trouble(number int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bad++
	fmt.Printf("finding: run %d: %v\n", number, err)
}

func (t *tally) troubles() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bad
}

func sum(counts map[string]int) int {
	n := 0
	for _, count := range counts {
		n += count
	}
	return n
}

// report summarizes the counts. It names those of the planned kinds of disturbances that did not occur.
func (t *tally) report(events []disturb.Event, planned []string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	kinds, seen := map[string]int{}, map[disturb.Disturbance]bool{}
	for _, e := range events {
		if !seen[e.Disturbance] { // one that hits several pods has an event for each
			kinds[e.Kind]++
		}
		seen[e.Disturbance] = true
	}
	missing := slices.DeleteFunc(planned, func(kind string) bool { return kinds[kind] > 0 })
	lines := []string{
		fmt.Sprintf("%d runs in %s: %s", sum(t.runs), time.Since(t.began).Round(time.Second), counted(t.runs)),
		fmt.Sprintf("%d TaskRuns with %d attempts: %s", sum(t.tasks), t.attempts, counted(t.tasks)),
		fmt.Sprintf("%d results with %.1f MB", t.results, float64(t.bytes)/1e6),
		fmt.Sprintf("%d disturbances: %s; none of: %s", len(seen), counted(kinds), cmp.Or(strings.Join(missing, ", "), "no kind")),
	}
	for _, kind := range slices.Sorted(maps.Keys(t.seconds)) {
		s := stats.Summarize(t.seconds[kind])
		lines = append(lines, fmt.Sprintf("from creation to end of a %s: p50 %.1f s, p95 %.1f s", kind, s.P50, s.P95))
	}
	return strings.Join(lines, "\n")
}

// counted lists counts, the largest first.
func counted(counts map[string]int) string {
	keys := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(keys, func(a, b string) int { return counts[b] - counts[a] })
	var parts []string
	for _, key := range keys {
		parts = append(parts, fmt.Sprintf("%s %d", key, counts[key]))
	}
	return strings.Join(parts, ", ")
}
