package check

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
	"github.com/sluice-ci/sluice/test/chaos/plan"
)

// taskRun checks one TaskRun, be it a run of its own or one of a pipeline.
func (c *checker) taskRun(tr *v1.TaskRun) {
	t, _, ok := c.Plan.Task(c.taskOf(tr))
	if !ok {
		c.findf("UnknownTask", tr.Name, "it is of task %q, which the pipeline does not have", c.taskOf(tr))
		return
	}
	all := c.attemptsOf(tr)
	c.attempts(tr, &t, all)
	for i := range all {
		a := &all[i]
		c.steps(tr.Name, &t, a)
		over, well := ended(a.condition)
		switch {
		case !over && (!a.last || !c.Ended.IsZero()):
			c.findf("NoOutcome", tr.Name, "attempt %d has not ended, and its run has", a.number)
		case !over:
		case well:
			c.succeeded(tr.Name, &t, a)
		default:
			c.failed(tr, &t, a)
		}
	}
}

// attempts: as many as the task may have, each with one pod, and as many as it needs.
func (c *checker) attempts(tr *v1.TaskRun, t *plan.Task, all []attempt) {
	if len(all) > t.Retries+1 {
		c.findf("Attempts", tr.Name, "it has %d attempts, and may have %d", len(all), t.Retries+1)
	}
	pods := map[string]bool{}
	if h := c.Histories[tr.Name]; h != nil {
		for _, p := range h.Pods {
			pods[p.UID] = true
		}
	}
	if len(pods) > len(all) {
		c.findf("TooManyPods", tr.Name, "it had %d pods for %d attempts", len(pods), len(all))
	}
	last := &all[len(all)-1]
	over, well := ended(last.condition)
	stopped := tr.Spec.Status == v1.TaskRunSpecStatusCancelled || over && slices.Contains([]string{
		v1.TaskRunReasonCancelled, v1.TaskRunReasonResultsLogAccessDenied, v1.TaskRunReasonPodCreationFailed, v1.TaskRunReasonValidationFailed,
	}, last.condition.Reason)
	if over && !well && !stopped && len(all) < t.Retries+1 {
		c.findf("Attempts", tr.Name, "it failed after %d attempts, and had %d", len(all), t.Retries+1)
	}
}

// steps: each starts once, in its turn, and is told which attempt it is of.
func (c *checker) steps(name string, t *plan.Task, a *attempt) {
	for i := range t.Steps {
		step := plan.StepName(i)
		if n := a.written.Count(step, ledger.Started); n > 1 {
			c.findf("StepTwice", name, "%s was started %d times in pod %q", step, n, a.podName)
		}
		started, ok := a.written.Last(step, ledger.Started, "")
		if !ok {
			continue
		}
		if started.Attempt != a.number {
			c.findf("AttemptTold", name, "%s of attempt %d was told that it is of attempt %d", step, a.number, started.Attempt)
		}
		for before := range i {
			end, ok := a.written.Last(plan.StepName(before), ledger.Ended, "")
			if !ok || end.Exit != t.Steps[before].Continue {
				c.findf("Order", name, "%s of attempt %d started, and %s had not ended well (ended %t, exit code %d)",
					step, a.number, plan.StepName(before), ok, end.Exit)
			}
		}
	}
}

// exited reports whether the step that had to fail has failed so, and the run says which exit code it had.
func (c *checker) exited(t *plan.Task, a *attempt) bool {
	end, ok := a.written.Last(plan.StepName(t.Fault.Step), ledger.Ended, "")
	reduced := !a.last && a.condition.Message == ""
	return ok && end.Exit == t.Fault.Exit && (reduced || strings.Contains(a.condition.Message, fmt.Sprintf("code %d", end.Exit)))
}

// failed: for a reason that somebody gave it, and with what it has produced.
func (c *checker) failed(tr *v1.TaskRun, t *plan.Task, a *attempt) {
	planned := c.planned(tr, t, a)
	if !planned && !c.excused(a, tr.Namespace, a.condition.Reason) {
		want := t.Attempt(a.number)
		c.findf("Unexplained",
			tr.Name, "attempt %d failed as %s (%.300s); by the plan it succeeds: %t, or fails as %q; nothing that was broken accounts for it",
			a.number, a.condition.Reason, a.condition.Message, want.Succeeds, want.Reason)
	}
	if a.condition.Message == "" && a.last {
		c.findf("NoMessage", tr.Name, "it failed as %s without a message", a.condition.Reason)
	}
	c.right(tr.Name, t, a)
	if planned && a.last && a.condition.Reason == v1.TaskRunReasonFailed && !c.unreadable(tr, t, a) {
		c.whole(tr.Name, a)
	}
}

// unreadable reports whether a step has failed whose results cannot be read either, and the message says so: that the step
// failed is said first.
func (c *checker) unreadable(tr *v1.TaskRun, t *plan.Task, a *attempt) bool {
	if !strings.Contains(a.condition.Message, "cannot") && !strings.Contains(a.condition.Message, "may not") {
		return false
	}
	return c.rotated(t) || c.excused(a, tr.Namespace, v1.TaskRunReasonResultsUnavailable) ||
		c.excused(a, tr.Namespace, v1.TaskRunReasonResultsLogAccessDenied)
}

// succeeded: it had to, all its steps have ended well, and all that they wrote is there.
func (c *checker) succeeded(name string, t *plan.Task, a *attempt) {
	if want := t.Attempt(a.number); !want.Succeeds {
		c.findf("Green", name, "attempt %d succeeded, and had to fail as %q", a.number, want.Reason)
	}
	if a.uid == "" {
		c.findf("Green", name, "attempt %d succeeded, and its pod %q was never seen", a.number, a.podName)
		return
	}
	for i, s := range t.Steps {
		if end, ok := a.written.Last(plan.StepName(i), ledger.Ended, ""); !ok || end.Exit != s.Continue {
			c.findf("Green", name, "attempt %d succeeded, and %s did not end well (ended %t, exit code %d)",
				a.number, plan.StepName(i), ok, end.Exit)
		}
	}
	c.right(name, t, a)
	c.whole(name, a)
	values := valuesOf(a)
	for _, r := range t.Declared() {
		if _, there := values[r.Name]; !there {
			c.findf("GreenAndEmpty", name, "attempt %d succeeded, and result %q is missing", a.number, r.Name)
		}
	}
}

func valuesOf(a *attempt) map[string]v1.Value {
	values := map[string]v1.Value{}
	for _, r := range a.results {
		values[r.Name] = r.Value
	}
	return values
}

// right: what a run has as its results is what a step of that attempt wrote, and what it had to write.
func (c *checker) right(name string, t *plan.Task, a *attempt) {
	writing := a.written.Results(ledger.Writing)
	for _, r := range a.results {
		size, digest := ledger.Digest(r.Value)
		entry, ok := writing[r.Name]
		switch {
		case !ok:
			c.findf("NotWritten", name, "result %q of attempt %d was written by none of its steps", r.Name, a.number)
		case entry.Digest != digest:
			c.findf("Damaged", name, "result %q of attempt %d has %d bytes, and %d were written, with another digest",
				r.Name, a.number, size, entry.Size)
		}
		want, ok := t.Value(r.Name)
		if r.Name == plan.AttemptResult {
			want, ok = v1.StringValue(fmt.Sprintf("%s/%d", a.uid, a.number)), true
		}
		if ok && !want.Equal(r.Value) {
			c.findf("Damaged", name, "result %q of attempt %d is not what the plan says: %d bytes", r.Name, a.number, size)
		}
	}
}

// whole: what the steps of that attempt wrote is in its results.
func (c *checker) whole(name string, a *attempt) {
	values := valuesOf(a)
	for _, result := range sortedKeys(a.written.Results(ledger.Wrote)) {
		if _, there := values[result]; !there && result != plan.BigResult {
			c.findf("Dropped", name, "result %q of attempt %d was written, and is missing", result, a.number)
		}
	}
}
