package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/load/soak/plan"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const seed = 5

// brought returns a run that has all planned results.
func brought(planned plan.Run) *v1.TaskRun {
	run := &v1.TaskRun{}
	run.Status.SetCondition(v1.Succeeded("done"), metav1.Now())
	for _, r := range planned.Results {
		run.Status.Results = append(run.Status.Results, v1.TaskRunResult{Name: r.Name, Type: v1.ValueType(r.Type), Value: r.APIValue()})
	}
	return run
}

func TestVerify(t *testing.T) {
	cases := map[string]struct {
		reason string
		damage func(*v1.TaskRun)
		lost   bool
		want   string
	}{
		"Equal": {
			reason: "A run with all planned results is verified.",
			damage: func(*v1.TaskRun) {},
		},
		"Missing": {
			reason: "A green run without one of its results is lost.",
			damage: func(run *v1.TaskRun) { run.Status.Results = run.Status.Results[1:] },
			lost:   true,
			want:   "is missing",
		},
		"None": {
			reason: "A green run without any result is lost.",
			damage: func(run *v1.TaskRun) { run.Status.Results = nil },
			lost:   true,
			want:   "is missing",
		},
		"Byte": {
			reason: "A difference of one byte is detected.",
			damage: func(run *v1.TaskRun) { run.Status.Results[0].Value = v1.StringValue("x") },
			lost:   true,
			want:   "differs",
		},
		"More": {
			reason: "A result that was not written is detected.",
			damage: func(run *v1.TaskRun) {
				run.Status.Results = append(run.Status.Results, v1.TaskRunResult{Name: "more", Value: v1.StringValue("x")})
			},
			lost: true,
			want: "results, want",
		},
		"Failed": {
			reason: "A failed run with a message is not lost, but the soak fails.",
			damage: func(run *v1.TaskRun) {
				run.Status.SetCondition(v1.Failed(v1.TaskRunReasonResultsUnavailable, "gone"), metav1.Now())
			},
			want: v1.TaskRunReasonResultsUnavailable,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			planned := plan.Make(seed, 1)
			run := brought(planned)
			tc.damage(run)
			err := verify(run, planned)
			_, lost := errors.AsType[*lostError](err)
			if lost != tc.lost || (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nlost %t, error %v; want %t, %q", tc.reason, lost, err, tc.lost, tc.want)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	good := outcome{planned: plan.Make(seed, 1), took: time.Second}
	cases := map[string]struct {
		reason   string
		outcomes []outcome
		want     string
	}{
		"All": {
			reason:   "All runs were verified.",
			outcomes: []outcome{good, good},
		},
		"Lost": {
			reason:   "One lost run fails the soak.",
			outcomes: []outcome{good, {err: &lostError{what: "green"}}},
			want:     "1 lost, 0 failed, 0 not ended",
		},
		"Failed": {
			reason:   "One failed run fails the soak.",
			outcomes: []outcome{good, {err: errors.New("why")}},
			want:     "0 lost, 1 failed, 0 not ended",
		},
		"TooSlow": {
			reason:   "A run that was not sent was not verified.",
			outcomes: []outcome{good},
			want:     "0 lost, 0 failed, 1 not ended",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tally := newTally(2)
			for _, o := range tc.outcomes {
				tally.add(o)
			}
			err := tally.verdict()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nverdict %v, want %q", tc.reason, err, tc.want)
			}
			if line := tally.summary(); !strings.Contains(line, "verified") || strings.Contains(line, "\n") {
				t.Errorf("the summary is one line: %q", line)
			}
		})
	}
}
