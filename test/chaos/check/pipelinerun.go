package check

import (
	"maps"
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
	"github.com/sluice-ci/sluice/test/chaos/plan"
)

// pipelineRun checks the PipelineRun after its TaskRuns have been checked.
func (c *checker) pipelineRun() {
	pr := c.PipelineRun
	children := map[string][]*v1.TaskRun{}
	for _, tr := range c.TaskRuns {
		children[c.taskOf(tr)] = append(children[c.taskOf(tr)], tr)
	}
	skipped := map[string]string{}
	for _, s := range pr.Status.SkippedTasks {
		if skipped[s.Name] != "" {
			c.findf("Skipped", pr.Name, "task %q is listed twice in skippedTasks", s.Name)
		}
		skipped[s.Name] = s.Reason
	}
	c.references(children)
	for _, t := range c.Plan.All() {
		c.pipelineTask(&t, children, skipped)
	}
	if over, well := ended(pr.Status.Condition()); over && well {
		c.pipelineSucceeded(children, skipped)
	} else if over {
		c.pipelineFailed(children)
	}
	c.pipelineResults()
}

// references: the run must list its TaskRuns, and no others.
func (c *checker) references(children map[string][]*v1.TaskRun) {
	listed := map[string]int{}
	for _, ref := range c.PipelineRun.Status.ChildReferences {
		listed[ref.Name]++
	}
	for _, all := range children {
		for _, tr := range all {
			if listed[tr.Name] != 1 {
				c.findf("Children", c.PipelineRun.Name, "TaskRun %q is listed %d times", tr.Name, listed[tr.Name])
			}
			delete(listed, tr.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		c.findf("Children", c.PipelineRun.Name, "TaskRun %q is listed but does not exist", name)
	}
}

// pipelineTask: a task must run once or be skipped, start after the tasks that it depends on, and get their results.
func (c *checker) pipelineTask(t *plan.Task, children map[string][]*v1.TaskRun, skipped map[string]string) {
	pr, mine := c.PipelineRun, children[t.Name]
	over, well := ended(pr.Status.Condition())
	switch {
	case len(mine) > t.Copies():
		c.findf("TaskTwice", pr.Name, "task %q has %d TaskRuns, at most %d are allowed", t.Name, len(mine), t.Copies())
	case len(mine) > 0 && skipped[t.Name] != "":
		c.findf("Skipped", pr.Name, "task %q ran, but is listed as skipped: %s", t.Name, skipped[t.Name])
	case over && len(mine) == 0 && skipped[t.Name] == "" && len(c.TaskRuns) > 0:
		c.findf("TaskLost", pr.Name, "task %q neither ran nor was skipped", t.Name)
	case well && len(mine) > 0 && len(mine) < t.Copies():
		c.findf("TaskLost", pr.Name, "task %q has %d TaskRuns of %d", t.Name, len(mine), t.Copies())
	}
	if len(mine) > 0 && t.When != nil {
		if other, _, _ := c.Plan.Task(t.When.Task); other.Answer != t.When.Answer {
			c.findf("When", pr.Name, "task %q ran although task %q answers %q", t.Name, t.When.Task, other.Answer)
		}
	}
	for _, tr := range mine {
		c.inOrder(t, tr, children)
		c.handed(t, tr)
	}
	c.matrix(t, mine)
}

// matrix: each TaskRun of a task must have another value of its matrix.
func (c *checker) matrix(t *plan.Task, mine []*v1.TaskRun) {
	if len(t.Matrix) == 0 {
		return
	}
	copies := map[string]string{}
	for _, tr := range mine {
		for _, pod := range c.ledgers(tr.Name) {
			e, ok := pod.Last(plan.StepName(0), ledger.Started, "")
			if !ok {
				continue
			}
			if other := copies[e.Name]; other != "" && other != tr.Name || !slices.Contains(t.Matrix, e.Name) {
				c.findf("Matrix", tr.Name, "it has the value %q of the matrix, like %q", e.Name, other)
			}
			copies[e.Name] = tr.Name
		}
	}
}

// needs returns the tasks that must end before a task starts.
func (c *checker) needs(t *plan.Task) []string {
	all := slices.Clone(t.After)
	if t.Takes != nil {
		all = append(all, t.Takes.Task)
	}
	if t.When != nil {
		all = append(all, t.When.Task)
	}
	if _, final, _ := c.Plan.Task(t.Name); final {
		for _, other := range c.Plan.Tasks {
			all = append(all, other.Name)
		}
	}
	return all
}

// inOrder: no step of a task may write a record before the last steps of the tasks that it depends on. An interrupted TaskRun
// is excluded: it ends immediately, and its steps get some time to end.
func (c *checker) inOrder(t *plan.Task, tr *v1.TaskRun, children map[string][]*v1.TaskRun) {
	first, _ := c.span(tr.Name)
	for _, need := range c.needs(t) {
		for _, other := range children[need] {
			condition := other.Status.Condition()
			if over, well := ended(condition); over && !well && condition.Reason != v1.TaskRunReasonFailed {
				continue
			}
			if _, last := c.span(other.Name); !first.IsZero() && last.After(first) {
				c.findf("Order", tr.Name, "it began %s before TaskRun %q, which it needs, had ended", last.Sub(first), other.Name)
			}
		}
	}
}

// handed: a step must get from another task exactly that task's result.
func (c *checker) handed(t *plan.Task, tr *v1.TaskRun) {
	if t.Takes == nil {
		return
	}
	size, digest := ledger.Digest(t.Takes.Result.APIValue())
	for _, pod := range c.ledgers(tr.Name) {
		if e, ok := pod.Last(plan.StepName(0), ledger.Took, ""); ok && e.Digest != digest {
			c.findf("Handed", tr.Name, "it got %d bytes of result %q, which has %d bytes, or other content", e.Size, t.Takes.Result.Name, size)
		} else if _, ended := pod.Last(plan.StepName(0), ledger.Ended, ""); ended && !ok {
			c.findf("Handed", tr.Name, "it did not get result %q", t.Takes.Result.Name)
		}
	}
}

// fate is whether a task runs in a pipeline without failures.
type fate int

const (
	runs fate = iota
	// guarded: the task's when expression is false. Tasks after it run.
	guarded
	// orphaned: a result that the task needs is missing.
	orphaned
)

// fates computes which tasks run. Tasks come after those that they depend on.
func fates(tasks []plan.Task) map[string]fate {
	all, answers := map[string]fate{}, map[string]string{}
	for _, t := range tasks {
		answers[t.Name] = t.Answer
		switch {
		case t.Takes != nil && all[t.Takes.Task] != runs,
			t.When != nil && all[t.When.Task] != runs,
			slices.ContainsFunc(t.After, func(other string) bool { return all[other] == orphaned }):
			all[t.Name] = orphaned
		case t.When != nil && answers[t.When.Task] != t.When.Answer:
			all[t.Name] = guarded
		default:
			all[t.Name] = runs
		}
	}
	return all
}

// pipelineSucceeded: every task that must run has run, and no failure that counts has occurred.
func (c *checker) pipelineSucceeded(children map[string][]*v1.TaskRun, skipped map[string]string) {
	pr, expected := c.PipelineRun, fates(c.Plan.Tasks)
	for _, t := range c.Plan.All() {
		if want := expected[t.Name] == runs; want != (len(children[t.Name]) > 0) {
			c.findf("Skipped", pr.Name, "the run succeeded; task %q must run: %t, but has %d TaskRuns; skipped: %q",
				t.Name, want, len(children[t.Name]), skipped[t.Name])
		}
		for _, tr := range children[t.Name] {
			if over, well := ended(tr.Status.Condition()); !over || !well && !t.Ignored {
				c.findf("Green", pr.Name, "the run succeeded, but TaskRun %q did not", tr.Name)
			}
		}
	}
	want := v1.PipelineRunReasonSucceeded
	if len(skipped) > 0 {
		want = v1.PipelineRunReasonCompleted
	}
	if got := pr.Status.Condition().Reason; got != want {
		c.findf("Reason", pr.Name, "it is %s, want %s: %d tasks were skipped", got, want, len(skipped))
	}
}

// pipelineFailed: a failed run must have a cause, and finally must have run.
func (c *checker) pipelineFailed(children map[string][]*v1.TaskRun) {
	pr, condition := c.PipelineRun, c.PipelineRun.Status.Condition()
	failed := false
	for _, t := range c.Plan.All() {
		for _, tr := range children[t.Name] {
			over, well := ended(tr.Status.Condition())
			failed = failed || over && !well && !t.Ignored
			if !over {
				c.findf("NoOutcome", pr.Name, "the run has ended, but TaskRun %q has not", tr.Name)
			}
		}
	}
	explained := map[string]bool{
		v1.PipelineRunReasonFailed:    failed,
		v1.PipelineRunReasonCancelled: !c.Cancelled.IsZero(),
		v1.PipelineRunReasonTimedOut:  c.limited(),
	}[condition.Reason]
	if !explained {
		c.findf("Unexplained", pr.Name, "it failed as %s (%.300s); a task has failed: %t; cancelled: %t; limited: %t",
			condition.Reason, condition.Message, failed, !c.Cancelled.IsZero(), c.limited())
	}
	abrupt := pr.Spec.Status == v1.PipelineRunSpecStatusCancelled || condition.Reason == v1.PipelineRunReasonTimedOut || len(c.TaskRuns) == 0
	for _, t := range c.Plan.Finally {
		if len(children[t.Name]) == 0 && !abrupt {
			c.findf("Finally", pr.Name, "it failed as %s, but task %q of finally did not run", condition.Reason, t.Name)
		}
	}
}

// pipelineResults: the results of the pipeline must be those of its first task.
func (c *checker) pipelineResults() {
	pr := c.PipelineRun
	values := map[string]v1.Value{}
	for _, r := range pr.Status.Results {
		values[r.Name] = r.Value
	}
	_, well := ended(pr.Status.Condition())
	for _, r := range c.Plan.Passed {
		value, there := values[r.Name]
		switch {
		case there && !value.Equal(r.APIValue()):
			c.findf("Damaged", pr.Name, "result %q of the pipeline is not that of its task", r.Name)
		case well && !there:
			c.findf("GreenAndEmpty", pr.Name, "it succeeded, but result %q of the pipeline is missing", r.Name)
		}
		delete(values, r.Name)
	}
	for name := range values {
		c.findf("NotWritten", pr.Name, "it has a result %q, which the pipeline does not have", name)
	}
}
