package taskrun

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// verdictPeriod is how often a run that waits for the kubelet's report on a killed step is reconciled. The report does not
// always cause an event.
const verdictPeriod = time.Second

// wait returns when the run must be reconciled without an event: at its timeout, or sooner if there is no event to wake it.
func wait(tr *v1.TaskRun, status v1.TaskRunStatus, obs Observation, plan Plan, effect Effect) time.Duration {
	switch {
	case status.StartTime == nil && effect.Waiting != nil: // for a quota, for which there is no deadline
		return reconcile.RetryPeriod
	case status.Done() || status.StartTime == nil: // ended, held, or about to begin again: changes of the object cause events
		return 0
	case effect.Waiting == nil && plan.Needs.Lookup.Pending > 0 && !plan.Needs.Lookup.Full:
		return reconcile.Until(obs.Now, append(deadlinesOf(tr, status, obs), obs.Now.Add(lookupPeriod))...)
	case effect.Waiting != nil, plan.Needs.Waiting != nil:
		return reconcile.RetryPeriod
	case obs.Evidence.Set != nil:
		return verdictPeriod
	case obs.Evidence.Unread: // no deadline comes closer meanwhile
		return reconcile.RetryPeriod
	}
	deadlines := deadlinesOf(tr, status, obs)
	if obs.Resolving != nil {
		return reconcile.Until(obs.Now, append(deadlines, obs.Resolving.Due)...)
	}
	if obs.Pod != nil {
		deadlines = append(deadlines, podDeadlines(obs)...)
	} else if obs.awaitsDeletion() {
		deadlines = append(deadlines, obs.Gone.due())
	}
	return reconcile.Until(obs.Now, deadlines...)
}

// deadlinesOf returns when the run times out, if it ever does.
func deadlinesOf(tr *v1.TaskRun, status v1.TaskRunStatus, obs Observation) []time.Time {
	if timeout := obs.timeout(tr); timeout > 0 {
		return []time.Time{status.StartTime.Add(timeout + obs.Evidence.Waited)}
	}
	return nil
}

// podDeadlines returns the times at which the same pod, with the same status, is in another state, or has another message.
func podDeadlines(obs Observation) []time.Time {
	var deadlines []time.Time
	c := containersOf(obs.Pod)
	for _, s := range []*corev1.ContainerStatus{c.unpullable(), c.misconfigured(), obs.unstartable()} {
		if s != nil {
			deadlines = append(deadlines, obs.startDue(s))
		}
	}
	if due, lost := obs.lostDue(); lost {
		deadlines = append(deadlines, due)
	}
	if c.ended() && c.transportRuns() {
		deadlines = append(deadlines, obs.reportDue())
	}
	if due := goneBy(obs.Pod); !due.IsZero() {
		deadlines = append(deadlines, due.Add(nodePatience))
	}
	if c.waiting() {
		deadlines = append(deadlines, sandboxDue(obs.Pod), slowDue(obs.Pod), obs.Warnings.Next)
	}
	if due, ok := obs.preparedDue(); ok {
		deadlines = append(deadlines, due)
	}
	if at, ok := lostSandbox(obs.Pod); ok {
		deadlines = append(deadlines, at.Add(nodePatience))
	}
	return slices.DeleteFunc(deadlines, func(d time.Time) bool { return !d.After(obs.Now) })
}
