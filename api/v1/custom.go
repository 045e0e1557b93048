package v1

import (
	"errors"
	"fmt"
	"strings"

	kjson "sigs.k8s.io/json"
)

// Custom reports whether the reference is to a custom task, whose runs are CustomRuns. A Task of any version of this API is
// none.
func (t *TaskRef) Custom() bool { return t != nil && custom(t.APIVersion, t.Kind) }

// Custom reports whether the embedded task is a custom one.
func (t *EmbeddedTask) Custom() bool { return t != nil && custom(t.APIVersion, t.Kind) }

// Custom reports whether the runs of the task are CustomRuns.
func (t *PipelineTask) Custom() bool { return t.TaskRef.Custom() || t.TaskSpec.Custom() }

// Nested reports whether the runs of the task are PipelineRuns.
func (t *PipelineTask) Nested() bool { return t.PipelineRef != nil || t.PipelineSpec != nil }

// NestedSpec returns the pipeline in PipelineSpec, which must be set. Each call decodes it. Fields that a pipeline does not have,
// and fields that are there twice, are errors.
func (t *PipelineTask) NestedSpec() (*PipelineSpec, error) {
	spec := &PipelineSpec{}
	faults, err := kjson.UnmarshalStrict(t.PipelineSpec.Raw, spec)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, fmt.Errorf("cannot decode the pipeline: %w", err)
	}
	return spec, nil
}

// Embedded returns the spec of the Task that is written out in the pipeline; nil if the task is another one.
func (t *PipelineTask) Embedded() *TaskSpec {
	if t.TaskSpec == nil || t.TaskSpec.Custom() {
		return nil
	}
	return &t.TaskSpec.TaskSpec
}

func custom(apiVersion, kind string) bool {
	if apiVersion == "" || kind == "" {
		return false
	}
	group, _, _ := strings.Cut(apiVersion, "/")
	return group != GroupName || !strings.EqualFold(kind, KindTask)
}
