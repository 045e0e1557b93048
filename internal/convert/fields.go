package convert

import (
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// The fields that differ, and those that this package changes for them.
const (
	fieldResources        = "resources"
	fieldComputeResources = "computeResources"
	fieldBundle           = "bundle"
	fieldTimeout          = "timeout"
	fieldTimeouts         = "timeouts"
	fieldResolver         = "resolver"
	fieldParams           = "params"
	fieldName             = "name"
	fieldTaskRuns         = "taskRuns"
	fieldRuns             = "runs"
	fieldChildren         = "childReferences"
	fieldConfigSource     = "configSource"
	fieldRefSource        = "refSource"
	fieldTemplate         = "taskRunTemplate"
	fieldAccount          = "serviceAccountName"
	fieldPodTemplate      = "podTemplate"
	fieldStepSpecs        = "stepSpecs"
	fieldSidecarSpecs     = "sidecarSpecs"
	fieldStepOverrides    = "stepOverrides"
	fieldSidecarOverrides = "sidecarOverrides"
	fieldResults          = "results"
	fieldTaskSpec         = "taskSpec"
	fieldPipelineSpec     = "pipelineSpec"
	fieldTaskRef          = "taskRef"
	fieldPipelineRef      = "pipelineRef"
	fieldProvenance       = "provenance"
	fieldCloudEvents      = "cloudEvents"
	fieldResourcesResult  = "resourcesResult"
)

// ruleOf returns the rule for objects of a kind.
func ruleOf(kind string) rule {
	switch kind {
	case v1.KindTask:
		return rule{in: []inner{{fieldSpec, taskSpec}}}
	case v1.KindTaskRun:
		return rule{in: []inner{{fieldSpec, taskRunSpec}, {fieldStatus, taskRunStatus}}}
	case v1.KindPipeline:
		return rule{in: []inner{{fieldSpec, pipelineSpec}}}
	default:
		return rule{in: []inner{{fieldSpec, pipelineRunSpec}, {fieldStatus, pipelineRunStatus}}}
	}
}

// withoutEffect returns the fields of steps and of the stepTemplate that v1beta1 has and that never had an effect on a step: they
// were in its schema because it once was that of a container.
func withoutEffect() []string {
	return []string{
		"ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "terminationMessagePath", "terminationMessagePolicy",
		"stdin", "stdinOnce", "tty",
	}
}

// leaves returns the keys of a kept tree that have a value of a field and that are not refused: fields that never had an effect or
// that are part of a status, and the originals of what a move has changed.
func leaves() []string {
	return append(withoutEffect(), fieldName, fieldTaskRuns, fieldRuns, fieldCloudEvents, fieldResourcesResult, fieldConfigSource,
		fieldRefSource, fieldChildren, fieldTimeouts)
}

func taskSpec() rule {
	return rule{
		removed: []string{fieldResources},
		in:      []inner{{"stepTemplate", stepTemplate}},
		each:    []inner{{"steps", step}, {"sidecars", container}},
	}
}

func step() rule {
	r := container()
	r.removed = append(r.removed, withoutEffect()...)
	return r
}

// stepTemplate is that of a step, and has the name of a container: a step has its own name.
func stepTemplate() rule {
	r := step()
	r.removed = append(r.removed, fieldName)
	return r
}

// container is the rule for all that has resources of a container. v1beta1 does not have the name of v1: it is refused, because its
// author has mixed two versions.
func container() rule {
	return rule{
		renamed: [][2]string{{fieldResources, fieldComputeResources}},
		removed: []string{fieldComputeResources},
	}
}

func pipelineSpec() rule {
	return rule{removed: []string{fieldResources}, each: []inner{{"tasks", pipelineTask}, {"finally", pipelineTask}}}
}

func pipelineTask() rule {
	return rule{
		removed: []string{fieldResources},
		in: []inner{
			{fieldTaskRef, taskRef}, {fieldPipelineRef, pipelineRef}, {fieldTaskSpec, taskSpec}, {fieldPipelineSpec, pipelineSpec},
		},
	}
}

func taskRef() rule     { return rule{moves: []move{bundle("task")}} }
func pipelineRef() rule { return rule{moves: []move{bundle("pipeline")}} }

// overrides are the names of what a run sets for the containers of a task.
func overrides() [][2]string {
	return [][2]string{{fieldStepOverrides, fieldStepSpecs}, {fieldSidecarOverrides, fieldSidecarSpecs}}
}

func taskRunSpec() rule {
	return rule{
		removed: []string{fieldResources},
		renamed: overrides(),
		in:      []inner{{fieldTaskRef, taskRef}, {fieldTaskSpec, taskSpec}},
		each:    []inner{{fieldStepOverrides, container}, {fieldSidecarOverrides, container}},
	}
}

// taskRunStatus is also the rule for the statuses of earlier attempts.
func taskRunStatus() rule {
	return rule{
		removed: []string{fieldCloudEvents, fieldResourcesResult},
		renamed: [][2]string{{"taskResults", fieldResults}},
		in:      []inner{{fieldTaskSpec, taskSpec}, {fieldProvenance, provenance}},
		each:    []inner{{"steps", stepState}, {"retriesStatus", taskRunStatus}},
	}
}

func stepState() rule  { return rule{in: []inner{{fieldProvenance, provenance}}} }
func provenance() rule { return rule{moves: []move{source()}} }

func pipelineRunSpec() rule {
	return rule{
		removed: []string{fieldResources},
		moves:   []move{template(fieldAccount), template(fieldPodTemplate), timeout()},
		in:      []inner{{fieldPipelineRef, pipelineRef}, {fieldPipelineSpec, pipelineSpec}},
		each:    []inner{{"taskRunSpecs", taskRunSpecs}},
	}
}

func taskRunSpecs() rule {
	return rule{
		renamed: slices.Concat(overrides(), [][2]string{
			{"taskServiceAccountName", fieldAccount}, {"taskPodTemplate", fieldPodTemplate},
		}),
		each: []inner{{fieldStepOverrides, container}, {fieldSidecarOverrides, container}},
	}
}

func pipelineRunStatus() rule {
	return rule{
		renamed: [][2]string{{"pipelineResults", fieldResults}},
		moves:   []move{children()},
		in:      []inner{{fieldPipelineSpec, pipelineSpec}, {fieldProvenance, provenance}},
	}
}
