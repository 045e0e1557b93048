package taskrun

import (
	"fmt"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// lean returns the status with earlier attempts reduced to why they failed.
func lean(status v1.TaskRunStatus) v1.TaskRunStatus {
	status.RetriesStatus = reducedAll(status.RetriesStatus)
	return status
}

// bare returns a copy of the lean status without the results and artifacts of the run and of its steps.
func bare(status v1.TaskRunStatus) v1.TaskRunStatus {
	status = lean(*status.DeepCopy())
	status.Results, status.Artifacts = nil, nil
	for i := range status.Steps {
		s := &status.Steps[i]
		s.Results, s.Inputs, s.Outputs = nil, nil, nil
	}
	return status
}

// statusReserve is the room in bytes that a run must have for its later status before it starts. A run that could start but
// never end would be worse than one that does not start.
const statusReserve = 16 << 10

// fits reports whether the object has room for a copy of its resolved task, and for the rest of its status. An embedded
// task that is too large for two copies stays where the user wrote it, in spec.taskSpec.
func fits(tr *v1.TaskRun, spec *v1.TaskSpec) bool {
	return objectsize.Stored(tr)+objectsize.Encoded(spec)+statusReserve <= objectsize.Limit
}

// checkRoom returns why the object has no room for its required status, so that the run cannot start.
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

// resultParts returns the results of the run and of its steps, the latter as STEP.RESULT, and the artifacts.
func resultParts(status v1.TaskRunStatus) []objectsize.Part {
	var parts []objectsize.Part
	for _, r := range status.Results {
		parts = append(parts, objectsize.PartOf(r.Name, r.Value))
	}
	for _, s := range status.Steps {
		for _, r := range s.Results {
			parts = append(parts, objectsize.PartOf(s.Name+"."+r.Name, r.Value))
		}
		if len(s.Inputs)+len(s.Outputs) > 0 {
			parts = append(parts, objectsize.PartOf(s.Name+".artifacts", v1.Artifacts{Inputs: s.Inputs, Outputs: s.Outputs}))
		}
	}
	if status.Artifacts != nil {
		parts = append(parts, objectsize.PartOf("status.artifacts", status.Artifacts))
	}
	return parts
}
