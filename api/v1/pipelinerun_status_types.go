package v1

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PipelineRunStatus is the progress of a run, and what it produced. It refers to the run's TaskRuns and does not
// repeat them, so that large results are stored once.
type PipelineRunStatus struct {
	// Annotations have what no field of the status is for, under keys of sluice.dev. Only the controller writes a status, so
	// users cannot change them.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// ObservedGeneration is the generation of the spec that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: the first has type Succeeded. It is Unknown while the run continues, then True or False. A run that
	// continues although a task could not start also has one of type sluice.dev/StartFailure.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// StartTime is the time at which the controller first acted on the run.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// CompletionTime is the time at which the run ended.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// Results of the pipeline, set when the run has ended.
	// +optional
	// +listType=atomic
	Results []PipelineRunResult `json:"results,omitempty"`
	// PipelineSpec is the resolved pipeline, before params were substituted. It has one owner as a whole
	// (structType=atomic): a list of the owners of its fields would be longer than the spec, and each write of the
	// status would count it.
	// +optional
	// +structType=atomic
	PipelineSpec *PipelineSpec `json:"pipelineSpec,omitempty"`
	// ChildReferences name the TaskRuns of this run, in the order in which the pipeline lists its tasks.
	// +optional
	// +listType=atomic
	ChildReferences []ChildReference `json:"childReferences,omitempty"`
	// SkippedTasks are the tasks that will not run, each with its reason.
	// +optional
	// +listType=atomic
	SkippedTasks []SkippedTask `json:"skippedTasks,omitempty"`
	// FinallyStartTime is the time at which the tasks of finally started.
	// +optional
	FinallyStartTime *metav1.Time `json:"finallyStartTime,omitempty"`
	// Provenance is the source of the pipeline, and the configuration at the run's start.
	// +optional
	Provenance *Provenance `json:"provenance,omitempty"`
	// SpanContext is the trace that the run belongs to.
	// +optional
	SpanContext map[string]string `json:"spanContext,omitempty"`
}

// ChildReference names a TaskRun of a PipelineRun.
type ChildReference struct {
	// APIVersion of the child: tekton.dev/v1.
	APIVersion string `json:"apiVersion,omitempty"`
	// Kind of the child: TaskRun.
	Kind string `json:"kind,omitempty"`
	// Name of the child.
	// +optional
	Name string `json:"name,omitempty"`
	// PipelineTaskName is the task of the pipeline that the child runs.
	// +optional
	PipelineTaskName string `json:"pipelineTaskName,omitempty"`
	// DisplayName of the task.
	// +optional
	DisplayName string `json:"displayName,omitempty"`
	// WhenExpressions of the task, with the values that were evaluated.
	// +optional
	// +listType=atomic
	WhenExpressions []WhenExpression `json:"whenExpressions,omitempty"`
}

// SkippedTask is a task of a pipeline that will not run.
type SkippedTask struct {
	// Name of the task.
	Name string `json:"name"`
	// Reason why it will not run.
	Reason string `json:"reason"`
	// WhenExpressions of the task that were false, with the values that were evaluated.
	// +optional
	// +listType=atomic
	WhenExpressions []WhenExpression `json:"whenExpressions,omitempty"`
}

// Begun reports whether the controller has acted on the run. Every field of the status shows that it has, except
// those that the controller writes to a run that spec.status holds.
func (s *PipelineRunStatus) Begun() bool {
	rest := *s
	rest.ObservedGeneration, rest.SpanContext = 0, nil
	rest.Conditions = slices.DeleteFunc(slices.Clone(rest.Conditions), func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionUnknown && c.Reason == PipelineRunReasonPending
	})
	return !equality.Semantic.DeepEqual(rest, PipelineRunStatus{})
}
