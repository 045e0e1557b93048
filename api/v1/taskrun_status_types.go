package v1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TaskRunStatus is how far a run has come and what it produced.
type TaskRunStatus struct {
	// ObservedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: one, of type Succeeded; Unknown while the run goes on, then True or False.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// PodName is the pod that the steps run in.
	// +optional
	PodName string `json:"podName,omitempty"`
	// StartTime is when the run was first acted on.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// CompletionTime is when the outcome was known.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// Results that the steps produced. A run that has succeeded has every result that was written, whole.
	// +optional
	// +listType=atomic
	Results []TaskRunResult `json:"results,omitempty"`
	// TaskSpec is the resolved task, before params were substituted, so that a large param is not stored twice. It
	// has one owner as a whole: a list of who owns which field of it would be longer than the spec, and be counted at each
	// write of the status.
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
	// Artifacts that the steps read and made.
	// +optional
	Artifacts *Artifacts `json:"artifacts,omitempty"`
	// Provenance is where the task came from, and the configuration that was in force when the run started.
	// +optional
	Provenance *Provenance `json:"provenance,omitempty"`
	// SpanContext is the trace that the run belongs to.
	// +optional
	SpanContext map[string]string `json:"spanContext,omitempty"`
}

// TaskRunAttempt is the status of an attempt that failed and was begun anew. It has what a TaskRunStatus has, but for
// the task and for earlier attempts, which stand in the run's own status.
type TaskRunAttempt struct {
	// Conditions: one, of type Succeeded.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// PodName is the pod that the steps ran in.
	// +optional
	PodName string `json:"podName,omitempty"`
	// StartTime is when the attempt was first acted on.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// CompletionTime is when its outcome was known.
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

// StepState is the state of one step. Exactly one of waiting, running and terminated is set once the pod is known.
type StepState struct {
	corev1.ContainerState `json:",inline"`
	// Name of the step.
	// +optional
	Name string `json:"name,omitempty"`
	// Container that the step runs in.
	// +optional
	Container string `json:"container,omitempty"`
	// ImageID is the image that was run, with its digest.
	// +optional
	ImageID string `json:"imageID,omitempty"`
	// TerminationReason: Completed, Error, Skipped, Cancelled, Killed, StartError or Unfinished.
	// +optional
	TerminationReason string `json:"terminationReason,omitempty"`
	// Results that the step produced for other steps and for the task's results.
	// +optional
	// +listType=atomic
	Results []TaskRunResult `json:"results,omitempty"`
	// Provenance is where the StepAction came from.
	// +optional
	Provenance *Provenance `json:"provenance,omitempty"`
	// Inputs that the step read.
	// +optional
	// +listType=atomic
	Inputs []Artifact `json:"inputs,omitempty"`
	// Outputs that the step made.
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
	// ImageID is the image that was run, with its digest.
	// +optional
	ImageID string `json:"imageID,omitempty"`
}

// Provenance is where a definition came from, and the configuration that was in force when a run started.
type Provenance struct {
	// RefSource is where the definition was fetched from.
	// +optional
	RefSource *RefSource `json:"refSource,omitempty"`
	// FeatureFlags in force for the run.
	// +optional
	FeatureFlags *FeatureFlags `json:"featureFlags,omitempty"`
}

// FeatureFlags are the flags that shape how a run's results are carried.
type FeatureFlags struct {
	// ResultExtractionMethod is how results come back: termination-message or sidecar-logs.
	// +optional
	ResultExtractionMethod string `json:"resultExtractionMethod,omitempty"`
	// MaxResultSize is the limit of one result's value, in bytes.
	// +optional
	MaxResultSize int64 `json:"maxResultSize,omitempty"`
	// EnforceNonfalsifiability is spire where the results of the run are signed.
	// +optional
	EnforceNonfalsifiability string `json:"enforceNonfalsifiability,omitempty"`
	// SignedResultsPolicy is what becomes of the run when its signatures do not hold: enforce or warn.
	// +optional
	SignedResultsPolicy string `json:"signedResultsPolicy,omitempty"`
	// SignedResultsIdentity is the path of the SPIFFE ID that the run's pods have.
	// +optional
	SignedResultsIdentity string `json:"signedResultsIdentity,omitempty"`
}

// Begun reports whether the controller has acted on the run. Between two attempts a run has no start time and no pod:
// therefore everything in the status is a proof, but for what is written to a run that has not begun.
func (s *TaskRunStatus) Begun() bool {
	rest := *s
	rest.ObservedGeneration, rest.SpanContext = 0, nil
	return !equality.Semantic.DeepEqual(rest, TaskRunStatus{})
}
