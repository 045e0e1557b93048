package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
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
	// +listType=atomic
	Params []ParamSpec `json:"params,omitempty"`
	// Workspaces that a run provides and tasks use.
	// +optional
	// +listType=atomic
	Workspaces []PipelineWorkspaceDeclaration `json:"workspaces,omitempty"`
	// Tasks of the graph. A task starts when the tasks in its runAfter, and the tasks whose results it uses, have
	// succeeded. A run of a pipeline without tasks succeeds at once.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Tasks []PipelineTask `json:"tasks,omitempty"`
	// Finally lists tasks that run after all others have ended, with success or failure. They do not depend on each
	// other.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Finally []PipelineTask `json:"finally,omitempty"`
	// Results of the pipeline, built from results of its tasks. Of two that have the same name, the last one counts.
	// +optional
	// +listType=atomic
	Results []PipelineResult `json:"results,omitempty"`
}

// PipelineTask is one node of the graph.
type PipelineTask struct {
	// Name of the task within the pipeline.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// DisplayName for people.
	// +optional
	DisplayName string `json:"displayName,omitempty"`
	// Description for people.
	// +optional
	Description string `json:"description,omitempty"`
	// TaskRef names the Task to run. It excludes taskSpec, pipelineRef and pipelineSpec.
	// +optional
	TaskRef *TaskRef `json:"taskRef,omitempty"`
	// TaskSpec is the task to run, embedded. It excludes taskRef, pipelineRef and pipelineSpec.
	// +optional
	TaskSpec *EmbeddedTask `json:"taskSpec,omitempty"`
	// Params give values to the task's params: text, the pipeline's params as $(params.<name>), and results of other
	// tasks as $(tasks.<task>.results.<result>).
	// +optional
	// +listType=atomic
	Params []Param `json:"params,omitempty"`
	// RunAfter names tasks that must have succeeded before this one starts.
	// +optional
	// +listType=atomic
	RunAfter []string `json:"runAfter,omitempty"`
	// Workspaces pass the pipeline's workspaces to the task.
	// +optional
	// +listType=atomic
	Workspaces []WorkspacePipelineTaskBinding `json:"workspaces,omitempty"`
	// When lists conditions. The task runs if all of them are true, and is skipped otherwise.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	When []WhenExpression `json:"when,omitempty"`
	// Matrix runs the task once for each combination of the values of some params.
	// +optional
	Matrix *Matrix `json:"matrix,omitempty"`
	// Retries is the number of times that a failed task is started again.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Retries int `json:"retries,omitempty"`
	// Timeout of the TaskRun, CustomRun or PipelineRun, such as 1h30m; "0s" means none. Default: what is left of the run's timeout.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^(0|([0-9]{1,6}([.][0-9]{1,9})?h|[0-9]{1,7}([.][0-9]{1,9})?m|[0-9]{1,9}([.][0-9]{1,9})?(ns|us|µs|ms|s))+)$`
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// OnError: with continue, the tasks that depend on this one run although it failed; stopAndFail, the default,
	// ends the run.
	// +optional
	// +kubebuilder:validation:Pattern=`^(continue|stopAndFail|[$][(].+[)])?$`
	OnError OnError `json:"onError,omitempty"`
	// PipelineRef names a Pipeline to run as the task, in a PipelineRun that belongs to this one. It excludes taskRef,
	// taskSpec and pipelineSpec.
	// +optional
	PipelineRef *PipelineRef `json:"pipelineRef,omitempty"`
	// PipelineSpec is the pipeline to run as the task, embedded. It has the fields of the spec of a Pipeline, and sees
	// only its own params and workspaces. It excludes taskRef, taskSpec and pipelineRef.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	PipelineSpec *runtime.RawExtension `json:"pipelineSpec,omitempty"`
}

// Matrix runs a task once for each combination of the values of its params.
type Matrix struct {
	// Params, each with an array of values. Each run of the task gets one element of each array.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Params []Param `json:"params,omitempty"`
	// Include adds params to some combinations, or adds combinations.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Include []MatrixInclude `json:"include,omitempty"`
}

// MatrixInclude is one more combination of params. If it shares params with combinations that exist, and the values
// of the shared params are equal, its other params are added to those combinations instead.
type MatrixInclude struct {
	// Name for people.
	// +optional
	Name string `json:"name,omitempty"`
	// Params, each with a string.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Params []Param `json:"params,omitempty"`
}

// EmbeddedTask is the spec of a task within a pipeline.
type EmbeddedTask struct {
	// APIVersion of a custom task, with its group. A custom task has only apiVersion, kind, spec and metadata.
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
	// Kind of a custom task; see apiVersion.
	// +optional
	Kind string `json:"kind,omitempty"`
	// Spec of a custom task. Its fields are those of the kind, and variables in it stay as they are.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Spec *runtime.RawExtension `json:"spec,omitempty"`
	// Metadata: labels and annotations for the TaskRun.
	// +optional
	Metadata PipelineTaskMetadata `json:"metadata,omitempty"`

	TaskSpec `json:",inline"`
}

// PipelineTaskMetadata holds labels and annotations for a task's TaskRun.
type PipelineTaskMetadata struct {
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}
