package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Pipeline is a graph of tasks. Tasks that do not depend on each other run at the same time.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:categories={all,tekton}
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Pipeline struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the graph.
	// +required
	Spec PipelineSpec `json:"spec,omitempty"`
}

// PipelineList is a list of Pipelines.
//
// +kubebuilder:object:root=true
type PipelineList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Pipeline `json:"items"`
}

// PipelineSpec is a graph of tasks with the params, workspaces and results that they share.
type PipelineSpec struct {
	// DisplayName for people.
	// +optional
	DisplayName string `json:"displayName,omitempty"`
	// Description for people.
	// +optional
	Description string `json:"description,omitempty"`
	// Params that a run gives, as $(params.<name>).
	// +optional
	// +listType=map
	// +listMapKey=name
	Params []ParamSpec `json:"params,omitempty"`
	// Workspaces that a run provides and tasks use.
	// +optional
	// +listType=map
	// +listMapKey=name
	Workspaces []PipelineWorkspaceDeclaration `json:"workspaces,omitempty"`
	// Tasks of the graph. A task starts when those in its runAfter, and those whose results it uses, have succeeded.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	Tasks []PipelineTask `json:"tasks,omitempty"`
	// Results of the pipeline, made of results of its tasks.
	// +optional
	// +listType=map
	// +listMapKey=name
	Results []PipelineResult `json:"results,omitempty"`
}

// PipelineTask is one node of the graph.
//
// +kubebuilder:validation:XValidation:rule="has(self.taskRef) != has(self.taskSpec)",message="exactly one of taskRef and taskSpec must be given"
type PipelineTask struct {
	// Name of the task within the pipeline.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// DisplayName for people.
	// +optional
	DisplayName string `json:"displayName,omitempty"`
	// Description for people.
	// +optional
	Description string `json:"description,omitempty"`
	// TaskRef names the Task to run. Not together with taskSpec.
	// +optional
	TaskRef *TaskRef `json:"taskRef,omitempty"`
	// TaskSpec is the task to run, written out. Not together with taskRef.
	// +optional
	TaskSpec *EmbeddedTask `json:"taskSpec,omitempty"`
	// Params give values to the task's params: text, the pipeline's params as $(params.<name>), and results of other
	// tasks as $(tasks.<task>.results.<result>).
	// +optional
	// +listType=map
	// +listMapKey=name
	Params []Param `json:"params,omitempty"`
	// RunAfter names tasks that must have succeeded before this one starts.
	// +optional
	// +listType=atomic
	RunAfter []string `json:"runAfter,omitempty"`
	// Workspaces hand the pipeline's workspaces to the task.
	// +optional
	// +listType=map
	// +listMapKey=name
	Workspaces []WorkspacePipelineTaskBinding `json:"workspaces,omitempty"`
}

// EmbeddedTask is a task written out in a pipeline.
type EmbeddedTask struct {
	// Metadata: labels and annotations for the TaskRun.
	// +optional
	Metadata PipelineTaskMetadata `json:"metadata,omitempty"`

	TaskSpec `json:",inline"`
}

// PipelineTaskMetadata are labels and annotations for a task's TaskRun.
type PipelineTaskMetadata struct {
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}
