package v1

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TaskRunStatus is the progress of a run, and what it produced.
type TaskRunStatus struct {
	// Annotations have what a field of the status would have if the API of the cluster had it, under keys of sluice.dev.
	// Only the controller writes a status, so users cannot change them.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// ObservedGeneration is the generation of the spec that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: one, of type Succeeded; Unknown while the run continues, then True or False.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// PodName is the pod that the steps run in.
	// +optional
	PodName string `json:"podName,omitempty"`
	// StartTime is the time at which the controller first acted on the run.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// CompletionTime is the time at which the run ended.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// Results that the steps produced. The status of a run that has succeeded holds every result that was written,
	// whole.
	// +optional
	// +listType=atomic
	Results []TaskRunResult `json:"results,omitempty"`
	// TaskSpec is the resolved task, before params were substituted, so that a large param is not stored twice. It
	// has one owner as a whole (structType=atomic): a list of the owners of its fields would be longer than the spec,
	// and each write of the status would count it.
	// +optional
	// +structType=atomic
	TaskSpec *TaskSpec `json:"taskSpec,omitempty"`
	// Steps: the state of each step, in order.
	// +optional
	// +listType=atomic
	Steps []StepState `json:"steps,omitempty"`
	// Sidecars: the state of each sidecar of the task.
	// +optional
	// +listType=atomic
	Sidecars []SidecarState `json:"sidecars,omitempty"`
	// RetriesStatus holds the attempts that failed before this one, oldest first.
	// +optional
	// +listType=atomic
	RetriesStatus []TaskRunAttempt `json:"retriesStatus,omitempty"`
	// Artifacts that the steps read and produced.
	// +optional
	Artifacts *Artifacts `json:"artifacts,omitempty"`
	// Provenance is the source of the task, and the configuration at the run's start.
	// +optional
	Provenance *Provenance `json:"provenance,omitempty"`
	// SpanContext is the trace that the run belongs to.
	// +optional
	SpanContext map[string]string `json:"spanContext,omitempty"`
}

// TaskRunAttempt is the status of a failed attempt. It has the fields of a TaskRunStatus, without the task and
// without earlier attempts, which are in the run's status.
type TaskRunAttempt struct {
	// Conditions: one, of type Succeeded.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// PodName is the pod that the steps ran in.
	// +optional
	PodName string `json:"podName,omitempty"`
	// StartTime is the time at which the controller first acted on the attempt.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// CompletionTime is the time at which the attempt ended.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// Results that the steps produced.
	// +optional
	// +listType=atomic
	Results []TaskRunResult `json:"results,omitempty"`
	// Steps: the state of each step, in order.
	// +optional
	// +listType=atomic
	Steps []StepState `json:"steps,omitempty"`
	// Sidecars: the state of each sidecar of the task.
	// +optional
	// +listType=atomic
	Sidecars []SidecarState `json:"sidecars,omitempty"`
}

// StepState is the state of one step. When the pod is known, exactly one of waiting, running and terminated is set.
type StepState struct {
	corev1.ContainerState `json:",inline"`
	// Name of the step.
	// +optional
	Name string `json:"name,omitempty"`
	// Container that the step runs in.
	// +optional
	Container string `json:"container,omitempty"`
	// ImageID is the image that ran, with its digest.
	// +optional
	ImageID string `json:"imageID,omitempty"`
	// TerminationReason: Completed, Error, Skipped, Cancelled, Killed, StartError or Unfinished.
	// +optional
	TerminationReason string `json:"terminationReason,omitempty"`
	// Results that the step produced for other steps and for the task's results.
	// +optional
	// +listType=atomic
	Results []TaskRunResult `json:"results,omitempty"`
	// Provenance is the source of the StepAction.
	// +optional
	Provenance *Provenance `json:"provenance,omitempty"`
	// Inputs that the step read.
	// +optional
	// +listType=atomic
	Inputs []Artifact `json:"inputs,omitempty"`
	// Outputs that the step produced.
	// +optional
	// +listType=atomic
	Outputs []Artifact `json:"outputs,omitempty"`
}

// SidecarState is the state of one sidecar.
type SidecarState struct {
	corev1.ContainerState `json:",inline"`
	// Name of the sidecar.
	// +optional
	Name string `json:"name,omitempty"`
	// Container that the sidecar runs in.
	// +optional
	Container string `json:"container,omitempty"`
	// ImageID is the image that ran, with its digest.
	// +optional
	ImageID string `json:"imageID,omitempty"`
}

// Provenance is the source of a definition, and the configuration at a run's start.
type Provenance struct {
	// RefSource is the place that the definition was fetched from.
	// +optional
	RefSource *RefSource `json:"refSource,omitempty"`
	// FeatureFlags in force for the run.
	// +optional
	FeatureFlags *FeatureFlags `json:"featureFlags,omitempty"`
}

// FeatureFlags are the flags that control how a run's results are transported.
type FeatureFlags struct {
	// ResultExtractionMethod is the transport of results: termination-message or sidecar-logs.
	// +optional
	ResultExtractionMethod string `json:"resultExtractionMethod,omitempty"`
	// MaxResultSize is the maximum size of one result's value, in bytes.
	// +optional
	MaxResultSize int64 `json:"maxResultSize,omitempty"`
	// EnforceNonfalsifiability is spire if the results of the run are signed.
	// +optional
	EnforceNonfalsifiability string `json:"enforceNonfalsifiability,omitempty"`
	// SignedResultsPolicy is what happens to the run when a signature is not valid: enforce or warn.
	// +optional
	SignedResultsPolicy string `json:"signedResultsPolicy,omitempty"`
	// SignedResultsIdentity is the path of the SPIFFE ID that the run's pods have.
	// +optional
	SignedResultsIdentity string `json:"signedResultsIdentity,omitempty"`
}

// Begun reports whether the controller has acted on the run. A run that waits for its next attempt has no start time
// and no pod. Therefore every field of the status counts, except those that the controller writes to a run that has
// not begun.
func (s *TaskRunStatus) Begun() bool {
	rest := *s
	rest.ObservedGeneration, rest.SpanContext = 0, nil
	rest.Conditions = slices.DeleteFunc(slices.Clone(rest.Conditions), func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionUnknown && c.Reason == TaskRunReasonHeld
	})
	return !equality.Semantic.DeepEqual(rest, TaskRunStatus{})
}
