package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/sluice-ci/sluice/internal/cli/resultview"
)

// Report is the output of `sluice compare` for programs.
type Report struct {
	// Equal: the outcomes of run and tasks and all results are equal.
	Equal bool `json:"equal"`
	// Differences, those that make the runs unequal first.
	Differences []Difference `json:"differences"`
	Sluice      Side         `json:"sluice"`
	Tekton      Side         `json:"tekton"`
}

// Difference is something that is not the same on both sides.
type Difference struct {
	// What differs, such as "outcome" or "result sbom".
	What string `json:"what"`
	// Sluice and Tekton are the values; empty: there is none.
	Sluice string `json:"sluice"`
	Tekton string `json:"tekton"`
	// Unequal: because of it the runs are not equal. Reasons, exit codes and numbers of pods are only shown.
	Unequal bool `json:"unequal"`
}

func byName(a, b Task) int { return cmp.Compare(a.Name, b.Name) }

func newReport(sluice, tekton side) Report {
	r := Report{Sluice: sluice.shown(), Tekton: tekton.shown(), Differences: []Difference{}}
	a, b := r.Sluice, r.Tekton
	r.differ("outcome", a.Outcome, b.Outcome, true)
	if ended := sluice.snapshot.Run.Done() && tekton.snapshot.Run.Done(); !ended && a.Outcome == b.Outcome {
		r.Differences = append(r.Differences, Difference{What: "outcome", Sluice: a.Outcome, Tekton: b.Outcome, Unequal: true})
	}
	r.differ("reason", a.Reason, b.Reason, false)
	r.differ("pods", strconv.Itoa(a.Pods), strconv.Itoa(b.Pods), false)
	for one, other := range pairs(a.Results, b.Results, func(r Result) string { return r.Name }) {
		if one != nil && other != nil && one.Type == other.Type && one.neutral == other.neutral {
			continue
		}
		name := cmp.Or(one, other).Name
		r.Differences = append(r.Differences, Difference{
			What: "result " + name, Sluice: one.text(one.typeUnless(other)), Tekton: other.text(other.typeUnless(one)), Unequal: true,
		})
	}
	for one, other := range pairs(a.Tasks, b.Tasks, func(t Task) string { return t.Name }) {
		r.differTask(one, other)
	}
	slices.SortStableFunc(r.Differences, func(a, b Difference) int {
		switch {
		case a.Unequal == b.Unequal:
			return 0
		case a.Unequal:
			return -1
		default:
			return 1
		}
	})
	r.Equal = !slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Unequal })
	return r
}

// differ adds a difference if the texts are not equal.
func (r *Report) differ(what, sluice, tekton string, unequal bool) {
	if sluice != tekton {
		r.Differences = append(r.Differences, Difference{What: what, Sluice: sluice, Tekton: tekton, Unequal: unequal})
	}
}

// differTask compares a task; a side is nil if it has no such task. The run of a TaskRun is its own task, and its outcome and
// reason are compared as those of the run.
func (r *Report) differTask(one, other *Task) {
	task := cmp.Or(one, other)
	if task.Name != "" {
		r.differ("task "+task.Name, one.outcome(), other.outcome(), true)
		r.differ("reason of task "+task.Name, one.reason(), other.reason(), false)
	}
	if one == nil || other == nil {
		return
	}
	for a, b := range pairs(one.Steps, other.Steps, func(s Step) string { return s.Name }) {
		r.differ("step "+stepName(task.Name, cmp.Or(a, b).Name), a.text(), b.text(), false)
	}
}

func stepName(task, step string) string {
	if task == "" {
		return step
	}
	return task + "/" + step
}

// pairs yields the elements of two lists by their names: those of one in its order, and then those that only other has. A side
// is nil where it has no element of the name.
func pairs[T any](one, other []T, name func(T) string) func(yield func(a, b *T) bool) {
	index := make(map[string]*T, len(other))
	for i := range other {
		index[name(other[i])] = &other[i]
	}
	return func(yield func(a, b *T) bool) {
		seen := make(map[string]bool, len(one))
		for i := range one {
			seen[name(one[i])] = true
			if !yield(&one[i], index[name(one[i])]) {
				return
			}
		}
		for i := range other {
			if !seen[name(other[i])] && !yield(nil, &other[i]) {
				return
			}
		}
	}
}

// typeUnless returns the type of the result if it differs from that of another; otherwise empty.
func (r *Result) typeUnless(other *Result) string {
	if r == nil || other == nil || r.Type == other.Type {
		return ""
	}
	return string(r.Type)
}

// text returns size and digest, after a prefix; "none" for no result.
func (r *Result) text(prefix string) string {
	if r == nil {
		return "none"
	}
	if prefix != "" {
		prefix += " "
	}
	return fmt.Sprintf("%s%s %s", prefix, resultview.Bytes(r.Size), r.SHA256[:12])
}

func (t *Task) outcome() string {
	if t == nil {
		return "none"
	}
	return string(t.Outcome)
}

func (t *Task) reason() string {
	if t == nil {
		return "none"
	}
	return t.Reason
}

func (s *Step) text() string {
	switch {
	case s == nil:
		return "none"
	case s.ExitCode == nil:
		return "no exit code"
	default:
		return fmt.Sprintf("exit %d", *s.ExitCode)
	}
}
