package check

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
	"github.com/sluice-ci/sluice/test/chaos/plan"
)

// taskRun checks one TaskRun, alone or of a pipeline.
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
			c.findf("NoOutcome", tr.Name, "attempt %d has not ended, but its run has", a.number)
		case !over:
		case well:
			c.succeeded(tr.Name, &t, a)
		default:
			c.failed(tr, &t, a)
		}
	}
}

// attempts: a TaskRun must have at most the allowed attempts, as many as it needs, and one pod for each.
func (c *checker) attempts(tr *v1.TaskRun, t *plan.Task, all []attempt) {
	if len(all) > t.Retries+1 {
		c.findf("Attempts", tr.Name, "it has %d attempts, at most %d are allowed", len(all), t.Retries+1)
	}
	pods := map[string]bool{}
	if h := c.Histories[tr.Name]; h != nil {
		for i, p := range h.Pods {
			if !c.replaced(h, i) {
				pods[p.UID] = true
			}
		}
	}
	if len(pods) > len(all) {
		c.findf("TooManyPods", tr.Name, "it had %d pods for %d attempts", len(pods), len(all))
	}
	last := &all[len(all)-1]
	over, well := ended(last.condition)
	stopped := tr.Spec.Status == v1.TaskRunSpecStatusCancelled || over && slices.Contains([]string{
		v1.TaskRunReasonCancelled, v1.TaskRunReasonResultsLogAccessDenied, v1.TaskRunReasonPodCreationFailed, v1.TaskRunReasonValidationFailed,
		v1.TaskRunReasonPodAdmissionFailed, v1.TaskRunReasonInvalidParamValue,
	}, last.condition.Reason)
	if over && !well && !stopped && len(all) < t.Retries+1 {
		c.findf("Attempts", tr.Name, "it failed after %d attempts of %d", len(all), t.Retries+1)
	}
}

// steps: each step must start once, in order, and get the number of the attempt.
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
			c.findf("AttemptTold", name, "%s of attempt %d got the attempt number %d", step, a.number, started.Attempt)
		}
		for before := range i {
			end, ok := a.written.Last(plan.StepName(before), ledger.Ended, "")
			if !ok || end.Exit != t.Steps[before].Continue {
				c.findf("Order", name, "%s of attempt %d started, but %s had not succeeded (ended %t, exit code %d)",
					step, a.number, plan.StepName(before), ok, end.Exit)
			}
		}
	}
}

// exited reports whether the step that must fail has failed as planned, and the run reports its exit code.
func (c *checker) exited(t *plan.Task, a *attempt) bool {
	end, ok := a.written.Last(plan.StepName(t.Fault.Step), ledger.Ended, "")
	reduced := !a.last && a.condition.Message == ""
	return ok && end.Exit == t.Fault.Exit && (reduced || strings.Contains(a.condition.Message, fmt.Sprintf("code %d", end.Exit)))
}

// failed: a failure must have a cause in the plan or in a disturbance, and keep the results.
func (c *checker) failed(tr *v1.TaskRun, t *plan.Task, a *attempt) {
	planned, reason := c.planned(tr, t, a), causeOf(t, a)
	if !planned && !c.excused(a, tr.Namespace, reason) {
		want := t.Attempt(a.number)
		c.findf("Unexplained",
			tr.Name, "attempt %d failed as %s (%.300s); by the plan it succeeds: %t, or fails as %q; no disturbance explains it",
			a.number, a.condition.Reason, a.condition.Message, want.Succeeds, want.Reason)
	}
	if a.condition.Message == "" && a.last {
		c.findf("NoMessage", tr.Name, "it failed as %s without a message", a.condition.Reason)
	}
	c.right(tr.Name, t, a)
	if planned && a.last && reason == v1.TaskRunReasonFailed && !c.unreadable(tr, t, a) {
		c.whole(tr.Name, a)
	}
}

// unreadable reports whether a step has failed, its results could not be read either, and the message reports both. The
// failed step has the higher priority.
func (c *checker) unreadable(tr *v1.TaskRun, t *plan.Task, a *attempt) bool {
	if !strings.Contains(a.condition.Message, "cannot") && !strings.Contains(a.condition.Message, "may not") {
		return false
	}
	return c.rotated(t) || c.excused(a, tr.Namespace, v1.TaskRunReasonResultsUnavailable) ||
		c.excused(a, tr.Namespace, v1.TaskRunReasonResultsLogAccessDenied)
}

// succeeded: a successful attempt must be planned, all its steps must have succeeded, and all their results must be in the
// status.
func (c *checker) succeeded(name string, t *plan.Task, a *attempt) {
	if want := t.Attempt(a.number); !want.Succeeds {
		c.findf("Green", name, "attempt %d succeeded, but must fail as %q", a.number, want.Reason)
	}
	if a.uid == "" {
		c.findf("Green", name, "attempt %d succeeded, but its pod %q was never seen", a.number, a.podName)
		return
	}
	for i, s := range t.Steps {
		if end, ok := a.written.Last(plan.StepName(i), ledger.Ended, ""); !ok || end.Exit != s.Continue {
			c.findf("Green", name, "attempt %d succeeded, but %s did not (ended %t, exit code %d)",
				a.number, plan.StepName(i), ok, end.Exit)
		}
	}
	c.right(name, t, a)
	c.whole(name, a)
	values := valuesOf(a)
	for _, r := range t.Declared() {
		if _, there := values[r.Name]; !there {
			c.findf("GreenAndEmpty", name, "attempt %d succeeded, but result %q is missing", a.number, r.Name)
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

// right: a result in the status must be what a step of that attempt wrote, and what the plan says.
func (c *checker) right(name string, t *plan.Task, a *attempt) {
	writing := a.written.Results(ledger.Writing)
	for _, r := range a.results {
		size, digest := ledger.Digest(r.Value)
		entry, ok := writing[r.Name]
		switch {
		case !ok:
			c.findf("NotWritten", name, "result %q of attempt %d was written by none of its steps", r.Name, a.number)
		case entry.Digest != digest:
			c.findf("Damaged", name, "result %q of attempt %d has %d bytes, but %d bytes with another digest were written",
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

// whole: everything that the steps of that attempt wrote must be in its results.
func (c *checker) whole(name string, a *attempt) {
	values := valuesOf(a)
	for _, result := range sortedKeys(a.written.Results(ledger.Wrote)) {
		if _, there := values[result]; !there && result != plan.BigResult {
			c.findf("Dropped", name, "result %q of attempt %d was written, but is missing", result, a.number)
		}
	}
}
