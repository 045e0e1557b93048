package check

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/attack"
)

// AttackCase is one attack that has ended, with everything that is known about it.
type AttackCase struct {
	// Plan is the attack as generated.
	Plan attack.Attack
	// Created is the time at which it was sent. Answered is the time at which the API server admitted or refused it, or zero
	// if it had not done so at the deadline.
	Created, Answered time.Time
	// Refused is the reason of a refusal; empty if it was admitted.
	Refused string
	// Ended is the time at which the run was seen to have ended. It is zero if it had not ended at its deadline, or is not a
	// run.
	Ended time.Time
	// PipelineRun and TaskRuns are its objects in their last state.
	PipelineRun *v1.PipelineRun
	TaskRuns    []*v1.TaskRun
}

// Attack returns the findings about an attack. A run of the hostile tenant must end, too, and it may succeed only with the
// results that its steps wrote.
func Attack(c *AttackCase) []Finding {
	var found []Finding
	add := func(rule, object, format string, args ...any) {
		found = append(found, Finding{Rule: rule, Object: object, What: fmt.Sprintf(format, args...)})
	}
	switch {
	case c.Answered.IsZero():
		add("Unanswered", c.Plan.Name(), "the API server neither admitted nor refused it within %s", c.Plan.Deadline())
		return found
	case c.Refused != "" && c.Plan.Kind != attack.Oversized:
		add("Refused", c.Plan.Name(), "%.300s", c.Refused)
		return found
	case c.Refused != "":
		return nil
	case c.PipelineRun == nil && len(c.TaskRuns) == 0:
		return nil // a Task does not run
	case c.Ended.IsZero():
		add("Deadline", c.Plan.Name(), "it did not end within %s of its creation", c.Plan.Deadline())
	}
	if c.PipelineRun != nil {
		outcome(&c.Plan, c.Plan.Name(), c.PipelineRun.Status.Condition(), add)
		for _, r := range c.PipelineRun.Status.Results {
			poison(&c.Plan, c.Plan.Name(), r.Name, r.Value, add)
		}
	}
	for _, tr := range c.TaskRuns {
		attackedTaskRun(&c.Plan, tr, add)
	}
	return found
}

// report is called for each finding.
type report func(rule, object, format string, args ...any)

// outcome: a run that has ended must have a reason, and may succeed only if its plan allows it.
func outcome(a *attack.Attack, name string, condition *metav1.Condition, add report) {
	switch over, well := ended(condition); {
	case !over:
	case well && !a.MayGreen() && a.Kind != attack.Oversized:
		add("Green", name, "it succeeded, and its kind %q must fail", a.Kind)
	case !well && condition.Message == "":
		add("NoMessage", name, "it failed as %s without a message", condition.Reason)
	}
}

// attackedTaskRun: the results of an attack's TaskRun must be those of honest steps, and complete if it succeeded.
func attackedTaskRun(a *attack.Attack, tr *v1.TaskRun, add report) {
	outcome(a, tr.Name, tr.Status.Condition(), add)
	values, planned := map[string]v1.Value{}, a.Values()
	for _, r := range tr.Status.Results {
		values[r.Name] = r.Value
		poison(a, tr.Name, r.Name, r.Value, add)
	}
	for _, s := range tr.Status.Steps {
		for _, r := range s.Results {
			poison(a, tr.Name, r.Name, r.Value, add)
		}
	}
	if _, well := ended(tr.Status.Condition()); !well || a.Kind == attack.Oversized {
		return
	}
	for _, name := range a.Results {
		got, there := values[name]
		switch {
		case !there:
			add("GreenAndEmpty", tr.Name, "it succeeded, and result %q is missing", name)
		case a.MayGreen() && got.String != attack.Value(planned[name]):
			add("Damaged", tr.Name, "result %q has %d bytes and differs from what was written: %d bytes", name, len(got.String), planned[name])
		}
	}
}

// poison: no status may contain what a step wrote after its forged end.
func poison(a *attack.Attack, object, name string, value v1.Value, add report) {
	if n := len(value.String); a.Poison()[n] && value.String == attack.Value(n) {
		add("Poison", object, "result %q is what a step wrote after its forged end", name)
	}
}
