package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PipelineRun is one execution of a Pipeline: one TaskRun for each of its tasks.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName={pr,prs},categories={all,tekton}
// +kubebuilder:printcolumn:name="Succeeded",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].reason`
// +kubebuilder:printcolumn:name="StartTime",type=date,JSONPath=`.status.startTime`
// +kubebuilder:printcolumn:name="CompletionTime",type=date,JSONPath=`.status.completionTime`
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || !has(oldSelf.status.completionTime) || self.spec == oldSelf.spec",fieldPath=".spec",message="the run has ended, and its spec is the record of what was run; create another run"
type PipelineRun struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what to run, and the inputs.
	// +required
	Spec PipelineRunSpec `json:"spec,omitempty"`
	// Status is the progress of the run, and what it produced.
	// +optional
	Status PipelineRunStatus `json:"status,omitempty"`
}

// PipelineRunList is a list of PipelineRuns.
//
// +kubebuilder:object:root=true
type PipelineRunList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PipelineRun `json:"items"`
}

// PipelineTaskRunTemplate holds settings that all TaskRuns of a PipelineRun share.
type PipelineTaskRunTemplate struct {
	// ServiceAccountName that the pods run as; default: the namespace's default service account.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// PodTemplate sets fields of the pods: scheduling, volumes, network and identity.
	// +optional
	PodTemplate *PodTemplate `json:"podTemplate,omitempty"`
}

// PipelineTaskRunSpec overrides the shared settings for one task of the pipeline.
type PipelineTaskRunSpec struct {
	// PipelineTaskName is the task of the pipeline.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	PipelineTaskName string `json:"pipelineTaskName"`
	// ServiceAccountName that the task's pod runs as.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// PodTemplate of the task's pod. Fields that it does not set come from taskRunTemplate.
	// +optional
	PodTemplate *PodTemplate `json:"podTemplate,omitempty"`
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
	// Metadata: labels and annotations for the TaskRun.
	// +optional
	Metadata *PipelineTaskMetadata `json:"metadata,omitempty"`
	// ComputeResources of the whole task, divided among its steps.
	// +optional
	ComputeResources *corev1.ResourceRequirements `json:"computeResources,omitempty"`
	// Timeout of the TaskRun, instead of the timeout that the pipeline sets for the task.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^(0|([0-9]{1,6}([.][0-9]{1,9})?h|[0-9]{1,7}([.][0-9]{1,9})?m|[0-9]{1,9}([.][0-9]{1,9})?(ns|us|µs|ms|s))+)$`
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// Timeouts limit the duration of a PipelineRun and its parts.
type Timeouts struct {
	// Pipeline is the time limit of the whole run, such as 1h30m; "0s" means no limit. Default: 60 minutes.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == '0' || self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) <= duration('876000h')",message="must be a duration such as 1h30m or 90s, of at most 876000h (100 years)",messageExpression="'must be a duration such as 1h30m or 90s, of at most 876000h (100 years), got \"' + self + '\"'"
	Pipeline *metav1.Duration `json:"pipeline,omitempty"`
	// Tasks is the time limit of the tasks, without those of finally.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == '0' || self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) <= duration('876000h')",message="must be a duration such as 1h30m or 90s, of at most 876000h (100 years)",messageExpression="'must be a duration such as 1h30m or 90s, of at most 876000h (100 years), got \"' + self + '\"'"
	Tasks *metav1.Duration `json:"tasks,omitempty"`
	// Finally is the time limit of the tasks of finally.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == '0' || self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) <= duration('876000h')",message="must be a duration such as 1h30m or 90s, of at most 876000h (100 years)",messageExpression="'must be a duration such as 1h30m or 90s, of at most 876000h (100 years), got \"' + self + '\"'"
	Finally *metav1.Duration `json:"finally,omitempty"`
}

// PipelineRunSpecStatus is a user's request to end or hold a run.
//
// +kubebuilder:validation:Enum="";Cancelled;CancelledRunFinally;StoppedRunFinally;PipelineRunPending
type PipelineRunSpecStatus string

const (
	// PipelineRunSpecStatusCancelled cancels the run and all its TaskRuns; finally does not run.
	PipelineRunSpecStatusCancelled PipelineRunSpecStatus = "Cancelled"
	// PipelineRunSpecStatusCancelledRunFinally cancels the running TaskRuns, and then runs finally.
	PipelineRunSpecStatusCancelledRunFinally PipelineRunSpecStatus = "CancelledRunFinally"
	// PipelineRunSpecStatusStoppedRunFinally waits for the running TaskRuns, starts no other, and then runs finally.
	PipelineRunSpecStatusStoppedRunFinally PipelineRunSpecStatus = "StoppedRunFinally"
	// PipelineRunSpecStatusPending holds a run that has not started, until the field is cleared.
	PipelineRunSpecStatusPending PipelineRunSpecStatus = "PipelineRunPending"
)

// PipelineRunSpecStatuses lists the valid values, in the order in which messages name them.
func PipelineRunSpecStatuses() []PipelineRunSpecStatus {
	return []PipelineRunSpecStatus{
		PipelineRunSpecStatusCancelled, PipelineRunSpecStatusCancelledRunFinally,
		PipelineRunSpecStatusStoppedRunFinally, PipelineRunSpecStatusPending,
	}
}

// PipelineRunSpec is what to run, and the inputs.
//
// +kubebuilder:validation:XValidation:rule="has(self.pipelineRef) != has(self.pipelineSpec)",message="exactly one of pipelineRef and pipelineSpec must be given"
// +kubebuilder:validation:XValidation:rule="has(self.managedBy) == has(oldSelf.managedBy)",fieldPath=".managedBy",message="managedBy cannot be changed"
type PipelineRunSpec struct {
	// PipelineRef names the Pipeline to run. It excludes pipelineSpec.
	// +optional
	// +kubebuilder:validation:XValidation:rule="has(self.resolver) != has(self.name)",message="give either name, or resolver with params"
	PipelineRef *PipelineRef `json:"pipelineRef,omitempty"`
	// PipelineSpec is the pipeline to run, embedded. It excludes pipelineRef.
	// +optional
	// +structType=atomic
	PipelineSpec *PipelineSpec `json:"pipelineSpec,omitempty"`
	// Params give values to the pipeline's params.
	// +optional
	// +listType=atomic
	Params []Param `json:"params,omitempty"`
	// Workspaces bind the pipeline's workspaces to volumes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Workspaces []WorkspaceBinding `json:"workspaces,omitempty"`
	// TaskRunTemplate holds settings that all TaskRuns of this run share.
	// +optional
	TaskRunTemplate PipelineTaskRunTemplate `json:"taskRunTemplate,omitempty"`
	// TaskRunSpecs override the shared settings for some tasks.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	TaskRunSpecs []PipelineTaskRunSpec `json:"taskRunSpecs,omitempty"`
	// Timeouts of the run and of its parts.
	// +optional
	Timeouts *Timeouts `json:"timeouts,omitempty"`
	// Status: Cancelled, CancelledRunFinally or StoppedRunFinally end the run; PipelineRunPending holds a run that
	// has not started.
	// +optional
	Status PipelineRunSpecStatus `json:"status,omitempty"`
	// ManagedBy names the controller that runs this; the default is tekton.dev/pipeline, which is this one. This
	// controller does not act on a run that names another one. The field cannot be changed.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[^/]+/.+$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="managedBy cannot be changed"
	ManagedBy *string `json:"managedBy,omitempty"`
}
