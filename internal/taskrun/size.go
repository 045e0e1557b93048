package taskrun

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// stored returns how many bytes the run takes when it is stored with a status.
func stored(tr *v1.TaskRun, status v1.TaskRunStatus) int {
	whole := *tr
	whole.Status = status
	return objectsize.Stored(&whole)
}

// fitted returns the status as it is when the whole TaskRun can be stored with it. Otherwise it is that of a run that
// has failed for that reason, without the results, and oversize is true: etcd would refuse the object, and the run would
// never end.
func fitted(tr *v1.TaskRun, status v1.TaskRunStatus, now metav1.Time) (fitting v1.TaskRunStatus, oversize bool) {
	encoded := stored(tr, status)
	if encoded <= objectsize.Limit {
		return status, false
	}
	if less := lean(status); stored(tr, less) <= objectsize.Limit {
		return less, false
	}
	cause := fmt.Sprintf("the TaskRun with its results has %d bytes when encoded as JSON, more than the limit of %d "+
		"(1.5 MiB for one object, less %d for the API server); %s; hand large data on through a workspace",
		encoded, objectsize.Limit, objectsize.Reserve, objectsize.Largest("results", resultParts(status)))
	return withoutResults(status, v1.TaskRunReasonResultTooLarge, cause, now), true
}

// lean returns the status with earlier attempts reduced to why they failed.
func lean(status v1.TaskRunStatus) v1.TaskRunStatus {
	status.RetriesStatus = reducedAll(status.RetriesStatus)
	return status
}

// withoutResults ends the run for a cause, without its results and those of its steps. Why it has failed already is what a
// user must hear first.
func withoutResults(status v1.TaskRunStatus, reason, cause string, now metav1.Time) v1.TaskRunStatus {
	if c := status.Condition(); c != nil && c.Status == metav1.ConditionFalse {
		reason, cause = c.Reason, c.Message+"; "+cause
	}
	status = lean(*status.DeepCopy())
	status.Results = nil
	for i := range status.Steps {
		status.Steps[i].Results = nil
	}
	if status.StartTime == nil {
		status.StartTime = &now
	}
	status.CompletionTime = &now
	status.SetCondition(v1.Failed(reason, cause), now)
	finish(status.Steps, reason, now)
	return status
}

// statusReserve is kept free, in bytes, in a run that is about to start, for the status that it will have: a run that could
// start and never end would be worse than one that does not start.
const statusReserve = 16 << 10

// fits reports whether the object has room for a copy of its resolved task, and for the rest of its status. An embedded
// task that is too large for two copies stays where the user wrote it, in spec.taskSpec.
func fits(tr *v1.TaskRun, spec *v1.TaskSpec) bool {
	return objectsize.Stored(tr)+objectsize.Encoded(spec)+statusReserve <= objectsize.Limit
}

// checkRoom says why the object has no room for what its status must hold, so that the run cannot start.
func checkRoom(tr *v1.TaskRun, spec *v1.TaskSpec) error {
	own := objectsize.Stored(tr)
	switch {
	case tr.Spec.TaskRef != nil && !fits(tr, spec):
		return fmt.Errorf("the TaskRun has %d bytes when encoded as JSON, and the Task %q, which its status must hold, %d; "+
			"with %d for the rest of the status that is more than the limit of %d for one object; make one of them smaller",
			own, taskName(tr), objectsize.Encoded(spec), statusReserve, objectsize.Limit)
	case own+statusReserve > objectsize.Limit:
		return fmt.Errorf("the TaskRun has %d bytes when encoded as JSON (%d of them in metadata.managedFields); with %d for its status "+
			"that is more than the limit of %d for one object; give shorter params, or make a Task of spec.taskSpec",
			own, objectsize.ManagedFields(tr), statusReserve, objectsize.Limit)
	}
	return nil
}

// resultParts are the results of the run and of its steps, which go by STEP.RESULT.
func resultParts(status v1.TaskRunStatus) []objectsize.Part {
	var parts []objectsize.Part
	for _, r := range status.Results {
		parts = append(parts, objectsize.PartOf(r.Name, r.Value))
	}
	for _, s := range status.Steps {
		for _, r := range s.Results {
			parts = append(parts, objectsize.PartOf(s.Name+"."+r.Name, r.Value))
		}
	}
	return parts
}
