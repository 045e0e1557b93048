package taskrun

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/size"
)

// fitted returns the status as it is when the whole TaskRun can be stored with it. Otherwise it is that of a run that
// has failed for that reason, without the results, and oversize is true: etcd would refuse the object, and the run would
// never end.
func fitted(tr *v1.TaskRun, status v1.TaskRunStatus, now metav1.Time) (fitting v1.TaskRunStatus, oversize bool) {
	whole := *tr
	whole.Status = status
	encoded := size.Encoded(whole)
	if encoded <= size.Limit {
		return status, false
	}
	if lean := leaner(tr, status); lean != nil {
		return *lean, false
	}
	message := fmt.Sprintf("the TaskRun with its results has %d bytes when encoded as JSON, more than the limit of %d "+
		"(1.5 MiB for one object, less %d for the API server); %s; hand large data on through a workspace",
		encoded, size.Limit, size.Reserve, largestResults(status.Results))
	status.Results = nil
	reason := v1.TaskRunReasonResultTooLarge
	if c := status.Condition(); c != nil && c.Reason == v1.TaskRunReasonFailed {
		// A step failed, which a user must hear first.
		reason, message = c.Reason, c.Message+"; "+message
	}
	status.SetCondition(v1.Failed(reason, message), now)
	return status, true
}

// leaner returns the status with earlier attempts reduced, if the TaskRun fits with that, and nil otherwise.
func leaner(tr *v1.TaskRun, status v1.TaskRunStatus) *v1.TaskRunStatus {
	status.RetriesStatus = reducedAll(status.RetriesStatus)
	whole := *tr
	whole.Status = status
	if size.Encoded(whole) > size.Limit {
		return nil
	}
	return &status
}

// fits reports whether the object has room for a copy of its resolved task. An embedded task that is too large for two
// copies stays where the user wrote it, in spec.taskSpec.
func fits(tr v1.TaskRun, spec *v1.TaskSpec) bool {
	return size.Encoded(tr)+size.Encoded(spec) <= size.Limit
}

// tooLargeToRecord says why a run of a referenced Task cannot begin.
func tooLargeToRecord(tr v1.TaskRun, spec *v1.TaskSpec) error {
	return fmt.Errorf("the TaskRun has %d bytes when encoded as JSON, and the Task %q, which its status must hold, %d; "+
		"that is more than the limit of %d for one object; make one of them smaller", size.Encoded(tr), taskName(&tr), size.Encoded(spec), size.Limit)
}

// overflow is the status of a run whose status the API server has refused as too large all the same: without what made
// it so, since a run must end.
func overflow(tr *v1.TaskRun, cause error, now metav1.Time) v1.TaskRunStatus {
	status := *tr.Status.DeepCopy()
	if status.StartTime == nil {
		status.StartTime = &now
	}
	status.CompletionTime = &now
	status.SetCondition(v1.Failed(v1.TaskRunReasonResultTooLarge, fmt.Sprintf(
		"the API server refuses the TaskRun with its results as too large (%v); hand large data on through a workspace", cause)), now)
	return status
}

// largestResults names the three results that take most, largest first.
func largestResults(all []v1.TaskRunResult) string {
	parts := make([]size.Part, len(all))
	for i, r := range all {
		parts[i] = size.PartOf(r.Name, r.Value)
	}
	return size.Largest("results", parts)
}
