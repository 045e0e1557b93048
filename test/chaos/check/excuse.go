package check

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/disturb"
	"github.com/sluice-ci/sluice/test/chaos/plan"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// slack is the maximum delay with which a watch observes an event, and with which a repaired fault can still have an effect.
const slack = 5 * time.Second

// excused reports whether a disturbance allows an attempt to fail with that reason.
func (c *checker) excused(a *attempt, namespace, reason string) bool {
	return slices.ContainsFunc(c.Events, func(e disturb.Event) bool {
		if !slices.Contains(disturb.Reasons(e.Kind), reason) {
			return false
		}
		switch disturb.Destructive(e.Kind) {
		case disturb.Spares:
			return false
		case disturb.OwnRun:
			return a.podName != "" && e.Target == namespace+"/"+a.podName
		case disturb.Starting:
			return overlaps(e, a.from, earlier(a.running, a.to))
		case disturb.AllRuns:
			return overlaps(e, a.from, a.to)
		}
		return false
	})
}

// overlaps reports whether a disturbance was active between two times. A zero end time means no end.
func overlaps(e disturb.Event, from, to time.Time) bool {
	return e.Mended.Add(slack).After(from) && (to.IsZero() || e.Began.Before(to.Add(slack)))
}

// earlier returns the earlier of two times. A zero time is later than all others.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// planned reports whether the plan, or a user's action, allows an attempt of a task to fail with that reason.
func (c *checker) planned(tr *v1.TaskRun, t *plan.Task, a *attempt) bool {
	want, reason := t.Attempt(a.number), causeOf(t, a)
	switch {
	case reason == v1.TaskRunReasonCancelled:
		return tr.Spec.Status == v1.TaskRunSpecStatusCancelled && (!c.Cancelled.IsZero() || c.limited())
	case reason == v1.TaskRunReasonTimedOut && c.Plan.Pipeline && c.limited():
		return true // a TaskRun gets the remaining time of its pipeline
	case reason == v1.TaskRunReasonResultsUnavailable && c.rotated(t):
		return true
	case want.Succeeds || reason != want.Reason:
		return false
	case t.Fault.Kind == plan.Exits:
		return c.exited(t, a)
	}
	return true
}

// causeOf returns the reason with which an attempt failed. If the pipeline continues although its task failed, the reason of
// the TaskRun is FailureIgnored, and the cause begins the message unless it is Failed.
func causeOf(t *plan.Task, a *attempt) string {
	if !t.Ignored || !a.last || a.condition.Reason != v1.TaskRunReasonFailureIgnored {
		return a.condition.Reason
	}
	for _, cause := range []string{v1.TaskRunReasonStepOOM, v1.TaskRunReasonSidecarOOM, v1.TaskRunReasonPodEvicted} {
		if strings.HasPrefix(a.condition.Message, cause+": ") {
			return cause
		}
	}
	return v1.TaskRunReasonFailed
}

// rotated reports whether a reader that did not follow the log may find its beginning removed.
func (c *checker) rotated(t *plan.Task) bool {
	return c.Plan.From == kube.SidecarLogs && t.Encoded() > disturb.LogSize
}

// limited reports whether a timeout of the pipeline may end the run.
func (c *checker) limited() bool {
	late := slices.ContainsFunc(c.Events, func(e disturb.Event) bool {
		return disturb.Destructive(e.Kind) == disturb.AllRuns && overlaps(e, c.Created, c.Ended) &&
			slices.Contains(disturb.Reasons(e.Kind), v1.PipelineRunReasonTimedOut)
	})
	return c.Plan.Timeout+c.Plan.TasksTimeout > 0 || late
}

// ended reports whether an object has an outcome, and whether it is a success.
func ended(condition *metav1.Condition) (over, well bool) {
	if condition == nil || condition.Status == metav1.ConditionUnknown {
		return false, false
	}
	return true, condition.Status == metav1.ConditionTrue
}
