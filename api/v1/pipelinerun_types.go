package v1

import (
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
type PipelineRun struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what to run, and with what.
	// +required
	Spec PipelineRunSpec `json:"spec,omitempty"`
	// Status is how far the run has come and what it produced.
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

// PipelineRef names a Pipeline in the run's namespace.
type PipelineRef struct {
	// Name of the Pipeline.
	// +optional
	Name string `json:"name,omitempty"`
	// APIVersion of what is referred to.
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
}

// PipelineTaskRunTemplate is what all TaskRuns of a PipelineRun share.
type PipelineTaskRunTemplate struct {
	// ServiceAccountName that the pods run as; default: the namespace's default service account.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
}

// PipelineRunSpec is what to run, and with what.
//
// +kubebuilder:validation:XValidation:rule="has(self.pipelineRef) != has(self.pipelineSpec)",message="exactly one of pipelineRef and pipelineSpec must be given"
type PipelineRunSpec struct {
	// PipelineRef names the Pipeline to run. Not together with pipelineSpec.
	// +optional
	PipelineRef *PipelineRef `json:"pipelineRef,omitempty"`
	// PipelineSpec is the pipeline to run, written out. Not together with pipelineRef.
	// +optional
	PipelineSpec *PipelineSpec `json:"pipelineSpec,omitempty"`
	// Params give values to the pipeline's params.
	// +optional
	// +listType=map
	// +listMapKey=name
	Params []Param `json:"params,omitempty"`
	// Workspaces bind the pipeline's workspaces to volumes.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=200
	Workspaces []WorkspaceBinding `json:"workspaces,omitempty"`
	// TaskRunTemplate is what all TaskRuns of this run share.
	// +optional
	TaskRunTemplate PipelineTaskRunTemplate `json:"taskRunTemplate,omitempty"`
}

// PipelineRunStatus is how far a run has come and what it produced. It refers to its TaskRuns and never repeats them,
// so that large results stay where they are.
type PipelineRunStatus struct {
	// ObservedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: one, of type Succeeded; Unknown while the run goes on, then True or False.
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
	// PipelineSpec is the resolved pipeline, before params were substituted.
	// +optional
	PipelineSpec *PipelineSpec `json:"pipelineSpec,omitempty"`
	// ChildReferences name the TaskRuns of this run, in the order in which the pipeline lists its tasks.
	// +optional
	// +listType=atomic
	ChildReferences []ChildReference `json:"childReferences,omitempty"`
	// SkippedTasks are those that will not run, with the reason.
	// +optional
	// +listType=atomic
	SkippedTasks []SkippedTask `json:"skippedTasks,omitempty"`
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
}

// SkippedTask is a task of a pipeline that will not run.
type SkippedTask struct {
	// Name of the task.
	Name string `json:"name"`
	// Reason for which it will not run.
	Reason string `json:"reason"`
}
