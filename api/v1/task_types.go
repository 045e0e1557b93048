package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Task is a list of steps that run one after the other in one pod, with the params, workspaces and results that they
// share.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:categories={all,tekton}
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Task struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the task needs, does and produces.
	// +required
	Spec TaskSpec `json:"spec,omitempty"`
}

// TaskList is a list of Tasks.
//
// +kubebuilder:object:root=true
type TaskList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Task `json:"items"`
}

// TaskSpec is what a task needs, does and produces.
type TaskSpec struct {
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
	// Results that the steps produce, each by writing the file $(results.<name>.path). Of two that have the same name, the last
	// one counts.
	// +optional
	// +listType=atomic
	Results []TaskResult `json:"results,omitempty"`
	// Workspaces are directories that a run provides.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Workspaces []WorkspaceDeclaration `json:"workspaces,omitempty"`
	// StepTemplate holds the fields that all steps share. A field that a step sets overrides it. env is merged by
	// name, and volumeMounts by path.
	// +optional
	StepTemplate *StepTemplate `json:"stepTemplate,omitempty"`
	// Steps run in this order, each in a separate container.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Steps []Step `json:"steps,omitempty"`
	// Sidecars run beside the steps. They start before the first step and are stopped after the last one.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Sidecars []Sidecar `json:"sidecars,omitempty"`
	// Volumes that steps and sidecars can mount. Names that begin with tekton-internal- are reserved.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Volumes []corev1.Volume `json:"volumes,omitempty"`
}
