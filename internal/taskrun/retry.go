package taskrun

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// attempt counts the attempts before the current one. It is part of the pod's name, so that the name of this attempt's pod
// never finds that of another.
func attempt(tr *v1.TaskRun) int { return len(tr.Status.RetriesStatus) }

// attemptKey distinguishes the current attempt from all others of all runs, so that data that was collected for one is never
// used as the results of another.
func attemptKey(tr *v1.TaskRun) types.UID {
	if n := attempt(tr); n > 0 {
		return types.UID(fmt.Sprintf("%s/retry%d", tr.UID, n))
	}
	return tr.UID
}

// retriable reports whether a run with this end is retried. A run that its user cancelled is not, and neither is one that
// would fail in the same way each time, because its task, its params or its permissions are wrong.
func retriable(tr *v1.TaskRun, end metav1.Condition) bool {
	if end.Status != metav1.ConditionFalse || attempt(tr) >= tr.Spec.Retries || tr.Spec.Status == v1.TaskRunSpecStatusCancelled {
		return false
	}
	switch end.Reason {
	case v1.TaskRunReasonCancelled, v1.TaskRunReasonValidationFailed, v1.TaskRunReasonResolutionFailed,
		v1.TaskRunReasonResultsLogAccessDenied, v1.TaskRunReasonResultsSigningUnavailable,
		v1.TaskRunReasonPodCreationFailed, v1.TaskRunReasonPodAdmissionFailed, v1.TaskRunReasonClaimCreationFailed,
		v1.TaskRunReasonInvalidParamValue, v1.TaskRunReasonResourceVerificationFailed:
		return false
	default:
		return true
	}
}

// begunAnew returns the status of a run whose attempt has ended with the given status, and that is about to be retried. The
// attempt is in retriesStatus, and its fields are empty for the next attempt.
func begunAnew(tr *v1.TaskRun, ended v1.TaskRunStatus, now metav1.Time) v1.TaskRunStatus {
	next := ended
	next.RetriesStatus = archived(ended.RetriesStatus, v1.TaskRunAttempt{
		Conditions: ended.Conditions, PodName: ended.PodName, StartTime: ended.StartTime, CompletionTime: ended.CompletionTime,
		Results: ended.Results, Steps: ended.Steps, Sidecars: ended.Sidecars,
	})
	next.PodName, next.StartTime, next.CompletionTime = "", nil, nil
	next.Results, next.Steps, next.Sidecars, next.Artifacts = nil, sourcesOf(ended.Steps), nil, nil
	next.Conditions = tr.Status.DeepCopy().Conditions
	if trusted := meta.FindStatusCondition(ended.Conditions, v1.ConditionTrustedResources); trusted != nil {
		meta.SetStatusCondition(&next.Conditions, *trusted) // the next attempt uses the same definitions, and does not verify them again
	}
	next.SetCondition(v1.Running(v1.TaskRunReasonToBeRetried, fmt.Sprintf("attempt %d of %d failed: %s: %s",
		attempt(tr)+1, tr.Spec.Retries+1, ended.Condition().Reason, ended.Condition().Message)), now)
	return next
}

const (
	// maxAttemptResults is the maximum length of the results of a failed attempt in retriesStatus, encoded, in bytes. No task
	// uses them as input, and the object must have room for those of the attempt that succeeds.
	maxAttemptResults = 4 << 10
	// maxAttempts is the maximum length of retriesStatus, encoded, in bytes. Above it the oldest attempts are reduced to when
	// and why they failed. It is a sixth of what one object can hold.
	maxAttempts = 256 << 10
)

// archived adds a failed attempt to the others, in a size that leaves room for the results of later ones.
func archived(attempts []v1.TaskRunAttempt, failed v1.TaskRunAttempt) []v1.TaskRunAttempt {
	if n := objectsize.Encoded(failed.Results); n > maxAttemptResults {
		failed.Results = nil
		amend(&failed, fmt.Sprintf("; its results (%d bytes) are not kept, since retriesStatus holds at most %d of one attempt",
			n, maxAttemptResults))
	}
	all := append(append([]v1.TaskRunAttempt{}, attempts...), failed)
	total := objectsize.Encoded(all)
	for i := range all {
		if total <= maxAttempts {
			break
		}
		before := objectsize.Encoded(all[i])
		all[i] = reduced(all[i])
		total += objectsize.Encoded(all[i]) - before
	}
	return all
}

// reduced returns an attempt with only the time and the reason of its failure, and its pod: at most about 400 bytes, so that
// the maximum number of attempts leaves room for results.
func reduced(a v1.TaskRunAttempt) v1.TaskRunAttempt {
	a.Results, a.Steps, a.Sidecars = nil, nil, nil
	conditions := make([]metav1.Condition, len(a.Conditions))
	for i, c := range a.Conditions {
		c.Message = ""
		conditions[i] = c
	}
	a.Conditions = conditions
	return a
}

// reducedAll returns all attempts, reduced.
func reducedAll(attempts []v1.TaskRunAttempt) []v1.TaskRunAttempt {
	all := make([]v1.TaskRunAttempt, len(attempts))
	for i := range attempts {
		all[i] = reduced(attempts[i])
	}
	return all
}

// amend adds a text to the message of an attempt's condition.
func amend(a *v1.TaskRunAttempt, more string) {
	conditions := make([]metav1.Condition, len(a.Conditions))
	for i, c := range a.Conditions {
		if c.Type == v1.ConditionSucceeded {
			c = withTransition(v1.Failed(c.Reason, c.Message+more), c.LastTransitionTime)
		}
		conditions[i] = c
	}
	a.Conditions = conditions
}

func withTransition(c metav1.Condition, at metav1.Time) metav1.Condition {
	c.LastTransitionTime = at
	return c
}
