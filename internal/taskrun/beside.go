package taskrun

import (
	"maps"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// knownTo returns the function that leaves out of a status what the API of the cluster does not have; nil if it has all fields.
func knownTo(d Dependencies) func(v1.TaskRunStatus) v1.TaskRunStatus {
	if !d.Runs.Beside() {
		return d.Known
	}
	return func(status v1.TaskRunStatus) v1.TaskRunStatus {
		status = withoutOwnFields(status)
		if d.Known == nil {
			return status
		}
		return d.Known(status)
	}
}

// withoutOwnFields moves the fields that no version of Tekton has into annotations of the status. Unlike annotations of the run,
// they are as hard to change as a field of the status. It does not change the argument.
func withoutOwnFields(status v1.TaskRunStatus) v1.TaskRunStatus {
	if status.Provenance == nil || status.Provenance.FeatureFlags == nil {
		return status
	}
	flags := *status.Provenance.FeatureFlags
	moved := map[string]string{
		v1.AnnotationSigningPolicy:   flags.SignedResultsPolicy,
		v1.AnnotationSigningIdentity: flags.SignedResultsIdentity,
	}
	maps.DeleteFunc(moved, func(_, value string) bool { return value == "" })
	if len(moved) == 0 {
		return status
	}
	maps.Copy(moved, status.Annotations)
	flags.SignedResultsPolicy, flags.SignedResultsIdentity = "", ""
	provenance := *status.Provenance
	provenance.FeatureFlags = &flags
	status.Provenance, status.Annotations = &provenance, moved
	return status
}
