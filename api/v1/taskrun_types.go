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
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || !has(oldSelf.status.completionTime) || self.spec == oldSelf.spec",fieldPath=".spec",message="the run has ended, and its spec is the record of what was run; create another run"
type TaskRun struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what to run, and the inputs.
	// +required
	Spec TaskRunSpec `json:"spec,omitempty"`
	// Status is the progress of the run, and what it produced.
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

// TaskRunSpec is what to run, and the inputs.
//
// +kubebuilder:validation:XValidation:rule="has(self.taskRef) != has(self.taskSpec)",message="exactly one of taskRef and taskSpec must be given"
// +kubebuilder:validation:XValidation:rule="!has(self.statusMessage) || has(self.status)",fieldPath=".statusMessage",message="it explains spec.status, which is not set"
// +kubebuilder:validation:XValidation:rule="!has(self.computeResources) || !has(self.stepSpecs)",fieldPath=".stepSpecs",message="give resources either for the whole task, in spec.computeResources, or for its steps, in spec.stepSpecs, not both"
// +kubebuilder:validation:XValidation:rule="has(self.managedBy) == has(oldSelf.managedBy)",fieldPath=".managedBy",message="managedBy cannot be changed"
type TaskRunSpec struct {
	// TaskRef names the Task to run. It excludes taskSpec.
	// +optional
	// +kubebuilder:validation:XValidation:rule="has(self.resolver) ? !has(self.name) : has(self.name) || has(self.apiVersion) && has(self.kind)",message="give either name, or resolver with params"
	TaskRef *TaskRef `json:"taskRef,omitempty"`
	// TaskSpec is the task to run, embedded. It excludes taskRef.
	// +optional
	// +structType=atomic
	TaskSpec *TaskSpec `json:"taskSpec,omitempty"`
	// Params give values to the task's params.
	// +optional
	// +listType=atomic
	Params []Param `json:"params,omitempty"`
	// Workspaces bind the task's workspaces to volumes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Workspaces []WorkspaceBinding `json:"workspaces,omitempty"`
	// ServiceAccountName that the pod runs as; default: the namespace's default service account.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// Timeout after which the run is stopped and fails, such as 1h30m; "0s" means none. Default: 60 minutes.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == '0' || self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) <= duration('876000h')",message="must be a duration such as 1h30m or 90s, of at most 876000h (100 years)",messageExpression="'must be a duration such as 1h30m or 90s, of at most 876000h (100 years), got \"' + self + '\"'"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// PodTemplate sets fields of the pod: scheduling, volumes, network and identity.
	// +optional
	PodTemplate *PodTemplate `json:"podTemplate,omitempty"`
	// Retries is the number of times that a failed run is started again. Earlier attempts are kept in
	// status.retriesStatus.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Retries int `json:"retries,omitempty"`
	// Status: TaskRunCancelled cancels the run.
	// +optional
	Status TaskRunSpecStatus `json:"status,omitempty"`
	// StatusMessage gives the reason of the cancellation.
	// +optional
	StatusMessage TaskRunSpecStatusMessage `json:"statusMessage,omitempty"`
	// ComputeResources of the whole task, divided among its steps. It excludes those of stepSpecs.
	// +optional
	ComputeResources *corev1.ResourceRequirements `json:"computeResources,omitempty"`
	// StepSpecs override fields of some of the task's steps.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	StepSpecs []TaskRunStepSpec `json:"stepSpecs,omitempty"`
	// SidecarSpecs override fields of some of the task's sidecars.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	SidecarSpecs []TaskRunSidecarSpec `json:"sidecarSpecs,omitempty"`
	// Debug holds the run at breakpoints.
	// +optional
	Debug *TaskRunDebug `json:"debug,omitempty"`
	// ManagedBy names the controller that runs this; the default is tekton.dev/pipeline, which is this one. This
	// controller does not act on a run that names another one. The field cannot be changed.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[^/]+/.+$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="managedBy cannot be changed"
	ManagedBy *string `json:"managedBy,omitempty"`
}

// TaskRunSpecStatus is a user's request to hold a run, or to end it.
//
// +kubebuilder:validation:Enum="";TaskRunCancelled;TaskRunPending
type TaskRunSpecStatus string

const (
	// TaskRunSpecStatusCancelled cancels the run.
	TaskRunSpecStatusCancelled TaskRunSpecStatus = "TaskRunCancelled"
	// TaskRunSpecStatusPending holds the run until the field is emptied. It has no effect on a run that has started.
	TaskRunSpecStatusPending TaskRunSpecStatus = "TaskRunPending"
)

// TaskRunSpecStatuses lists the valid values, in the order in which messages name them.
func TaskRunSpecStatuses() []TaskRunSpecStatus {
	return []TaskRunSpecStatus{TaskRunSpecStatusCancelled, TaskRunSpecStatusPending}
}

// TaskRunSpecStatusMessage gives the reason of a cancellation.
type TaskRunSpecStatusMessage string

// TaskRunStepSpec overrides fields of one of a task's steps.
type TaskRunStepSpec struct {
	// Name of the step.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// ComputeResources of the step, instead of the task's.
	// +required
	ComputeResources corev1.ResourceRequirements `json:"computeResources,omitempty"`
}

// TaskRunSidecarSpec overrides fields of one of a task's sidecars.
type TaskRunSidecarSpec struct {
	// Name of the sidecar.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// ComputeResources of the sidecar, instead of the task's.
	// +required
	ComputeResources corev1.ResourceRequirements `json:"computeResources,omitempty"`
}

// TaskRunDebug holds a run at breakpoints.
type TaskRunDebug struct {
	// Breakpoints at which the pod waits for its user.
	// +optional
	Breakpoints *TaskBreakpoints `json:"breakpoints,omitempty"`
}

// TaskBreakpoints are the places at which a run waits for its user.
type TaskBreakpoints struct {
	// OnFailure: with enabled, a step that failed is held.
	// +optional
	// +kubebuilder:validation:Enum="";enabled
	OnFailure string `json:"onFailure,omitempty"`
	// BeforeSteps names steps that are held before they start.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	BeforeSteps []string `json:"beforeSteps,omitempty"`
}
