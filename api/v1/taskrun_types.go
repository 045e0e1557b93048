package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TaskRun is one execution of a Task, in one pod.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName={tr,trs},categories={all,tekton}
// +kubebuilder:printcolumn:name="Succeeded",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].reason`
// +kubebuilder:printcolumn:name="StartTime",type=date,JSONPath=`.status.startTime`
// +kubebuilder:printcolumn:name="CompletionTime",type=date,JSONPath=`.status.completionTime`
type TaskRun struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what to run, and with what.
	// +required
	Spec TaskRunSpec `json:"spec,omitempty"`
	// Status is how far the run has come and what it produced.
	// +optional
	Status TaskRunStatus `json:"status,omitempty"`
}

// TaskRunList is a list of TaskRuns.
//
// +kubebuilder:object:root=true
type TaskRunList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TaskRun `json:"items"`
}

// TaskRef names a Task in the run's namespace.
type TaskRef struct {
	// Name of the Task.
	// +optional
	Name string `json:"name,omitempty"`
	// Kind of what is referred to; only Task is possible, in any case of letters.
	// +optional
	Kind string `json:"kind,omitempty"`
	// APIVersion of what is referred to.
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
}

// TaskRunSpec is what to run, and with what.
//
// +kubebuilder:validation:XValidation:rule="has(self.taskRef) != has(self.taskSpec)",message="exactly one of taskRef and taskSpec must be given"
type TaskRunSpec struct {
	// TaskRef names the Task to run. Not together with taskSpec.
	// +optional
	TaskRef *TaskRef `json:"taskRef,omitempty"`
	// TaskSpec is the task to run, written out. Not together with taskRef.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!self.steps.exists(x, has(x.volumeMounts) && x.volumeMounts.exists(m, (m.mountPath == '/tekton' || m.mountPath.startsWith('/tekton/')) && m.mountPath != '/tekton/home' && !m.mountPath.startsWith('/tekton/home/')))",fieldPath=".steps",message="a volume must not be mounted at or under /tekton, except /tekton/home"
	// +kubebuilder:validation:XValidation:rule="!has(self.sidecars) || !self.sidecars.exists(x, has(x.volumeMounts) && x.volumeMounts.exists(m, (m.mountPath == '/tekton' || m.mountPath.startsWith('/tekton/')) && m.mountPath != '/tekton/home' && !m.mountPath.startsWith('/tekton/home/')))",fieldPath=".sidecars",message="a volume must not be mounted at or under /tekton, except /tekton/home"
	// +kubebuilder:validation:XValidation:rule="self.steps.all(x, !has(x.name) || size(x.name) == 0 || self.steps.exists_one(y, has(y.name) && y.name == x.name))",fieldPath=".steps",message="two steps have the same name"
	TaskSpec *TaskSpec `json:"taskSpec,omitempty"`
	// Params give values to the task's params.
	// +optional
	// +listType=map
	// +listMapKey=name
	Params []Param `json:"params,omitempty"`
	// Workspaces bind the task's workspaces to volumes.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=200
	Workspaces []WorkspaceBinding `json:"workspaces,omitempty"`
	// ServiceAccountName that the pod runs as; default: the namespace's default service account.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// Timeout after which the run is stopped and fails, such as 1h30m; "0s" means none. Default: 60 minutes.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == '0' || self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) <= duration('876000h')",message="must be a duration such as 1h30m or 90s, of at most 876000h (100 years)"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

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
	// TaskSpec is the resolved task, before params were substituted, so that a large param is not stored twice.
	// +optional
	TaskSpec *TaskSpec `json:"taskSpec,omitempty"`
	// Steps: the state of each step, in order.
	// +optional
	// +listType=atomic
	Steps []StepState `json:"steps,omitempty"`
	// Sidecars: the state of each sidecar of the task.
	// +optional
	// +listType=atomic
	Sidecars []SidecarState `json:"sidecars,omitempty"`
	// Provenance is the configuration that was in force when the run started.
	// +optional
	Provenance *Provenance `json:"provenance,omitempty"`
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

// Provenance is the configuration that was in force when a run started.
type Provenance struct {
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
}
