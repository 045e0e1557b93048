package taskrun

import (
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

const (
	// retryPeriod is how long a run waits whose pod cannot be made yet, and which nothing wakes.
	retryPeriod = 5 * time.Second
	// verdictPeriod is how often a run is looked at that waits for its kubelet's word on a killed step, which does not
	// always come.
	verdictPeriod = time.Second
)

// wait is when to look again without being woken: at the run's timeout, or sooner where nothing wakes us.
func wait(tr *v1.TaskRun, status v1.TaskRunStatus, obs Observation, effect Effect) time.Duration {
	switch {
	case status.Done() || status.StartTime == nil: // ended, or about to begin anew: the status itself wakes us
		return 0
	case effect.Waiting == nil && obs.Needs.Lookup.Pending > 0 && !obs.Needs.Lookup.Full:
		return soonest(obs.Now, append(deadlinesOf(tr, status, obs), obs.Now.Add(lookupPeriod)))
	case effect.Waiting != nil, obs.Needs.Hindered != nil:
		return retryPeriod
	case obs.Evidence.Set != nil:
		return verdictPeriod
	}
	deadlines := deadlinesOf(tr, status, obs)
	if obs.Pod != nil {
		if due := sandboxDue(obs.Pod); due.After(obs.Now) {
			deadlines = append(deadlines, due)
		}
		c := containersOf(obs.Pod)
		if s := c.unpullable(); s != nil {
			deadlines = append(deadlines, placed(obs.Pod).Add(obs.patience(s)))
		}
		if s := c.misconfigured(); s != nil {
			deadlines = append(deadlines, placed(obs.Pod).Add(obs.patience(s)))
		}
	}
	return soonest(obs.Now, deadlines)
}

// deadlinesOf is when the run times out, if it ever does.
func deadlinesOf(tr *v1.TaskRun, status v1.TaskRunStatus, obs Observation) []time.Time {
	if timeout := obs.timeout(tr); timeout > 0 {
		return []time.Time{status.StartTime.Add(timeout)}
	}
	return nil
}

// soonest is the time until the first of the deadlines, 0 when there are none.
func soonest(now time.Time, deadlines []time.Time) time.Duration {
	var least time.Duration
	for _, d := range deadlines {
		if left := max(d.Sub(now), time.Millisecond); least == 0 || left < least {
			least = left
		}
	}
	return least
}
