package v1

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PipelineRunStatus is how far a run has come and what it produced. It refers to its TaskRuns and never repeats them,
// so that large results stay where they are.
type PipelineRunStatus struct {
	// ObservedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: the first has type Succeeded; it is Unknown while the run continues, then True or False. A run that continues
	// although a task could not start also has one of type sluice.dev/StartFailure.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// StartTime is when the run was first acted on.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// CompletionTime is when the outcome was known.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// Results of the pipeline, once it has ended.
	// +optional
	// +listType=atomic
	Results []PipelineRunResult `json:"results,omitempty"`
	// PipelineSpec is the resolved pipeline, before params were substituted. It has one owner as a
	// whole: a list of who owns which field of it would be longer than the spec, and be counted at each write of the status.
	// +optional
	// +structType=atomic
	PipelineSpec *PipelineSpec `json:"pipelineSpec,omitempty"`
	// ChildReferences name the TaskRuns of this run, in the order in which the pipeline lists its tasks.
	// +optional
	// +listType=atomic
	ChildReferences []ChildReference `json:"childReferences,omitempty"`
	// SkippedTasks are those that will not run, with the reason.
	// +optional
	// +listType=atomic
	SkippedTasks []SkippedTask `json:"skippedTasks,omitempty"`
	// FinallyStartTime is when the tasks of finally began.
	// +optional
	FinallyStartTime *metav1.Time `json:"finallyStartTime,omitempty"`
	// Provenance is where the pipeline came from, and the configuration that was in force when the run started.
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
	// WhenExpressions of the task, as they were judged.
	// +optional
	// +listType=atomic
	WhenExpressions []WhenExpression `json:"whenExpressions,omitempty"`
}

// SkippedTask is a task of a pipeline that will not run.
type SkippedTask struct {
	// Name of the task.
	Name string `json:"name"`
	// Reason for which it will not run.
	Reason string `json:"reason"`
	// WhenExpressions of the task that did not hold, as they were judged.
	// +optional
	// +listType=atomic
	WhenExpressions []WhenExpression `json:"whenExpressions,omitempty"`
}

// Begun reports whether the controller has acted on the run. Everything in the status is a proof, but for what is written
// to a run that spec.status holds.
func (s *PipelineRunStatus) Begun() bool {
	rest := *s
	rest.ObservedGeneration, rest.SpanContext = 0, nil
	rest.Conditions = slices.DeleteFunc(slices.Clone(rest.Conditions), func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionUnknown && c.Reason == PipelineRunReasonPending
	})
	return !equality.Semantic.DeepEqual(rest, PipelineRunStatus{})
}
