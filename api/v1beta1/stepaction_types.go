package v1beta1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// StepAction is a step that the steps of several tasks can refer to.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:categories={all,tekton}
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type StepAction struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the step needs, does and produces.
	// +required
	Spec StepActionSpec `json:"spec,omitempty"`
}

// StepActionList is a list of StepActions.
//
// +kubebuilder:object:root=true
type StepActionList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []StepAction `json:"items"`
}

// StepActionSpec is what a step needs, does and produces.
//
// +kubebuilder:validation:XValidation:rule="!has(self.script) || size(self.script) == 0 || !has(self.command) || size(self.command) == 0",message="script and command exclude each other"
type StepActionSpec struct {
	// DisplayName for people.
	// +optional
	DisplayName string `json:"displayName,omitempty"`
	// Description for people.
	// +optional
	Description string `json:"description,omitempty"`
	// Params that the step gives, as $(params.<name>). The params of the task are not available here.
	// +optional
	// +listType=atomic
	Params []v1.ParamSpec `json:"params,omitempty"`
	// Results that the step produces, each by writing the file $(step.results.<name>.path). Of two that have the same name, the
	// last one counts.
	// +optional
	// +listType=atomic
	Results []v1.StepResult `json:"results,omitempty"`
	// Image of the step's container.
	// +required
	// +kubebuilder:validation:MinLength=1
	Image string `json:"image,omitempty"`
	// Command to run, an array of the program and its first arguments. It excludes script.
	// +optional
	// +listType=atomic
	Command []string `json:"command,omitempty"`
	// Args of the command or of the script.
	// +optional
	// +listType=atomic
	Args []string `json:"args,omitempty"`
	// Script is the text of a program, as in a step.
	// +optional
	Script string `json:"script,omitempty"`
	// WorkingDir that the command starts in.
	// +optional
	WorkingDir string `json:"workingDir,omitempty"`
	// Env sets environment variables.
	// +optional
	// +listType=atomic
	Env []corev1.EnvVar `json:"env,omitempty"`
	// VolumeMounts of volumes that the task declares. Each name is a single reference to a string param, such as
	// $(params.cache), so that the task decides which volume it is.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts,omitempty"`
	// SecurityContext of the step's container.
	// +optional
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`
}

// Step returns the step that the StepAction defines. It shares memory with the StepAction. It has no name, and none
// of the other fields that only the step which refers to the StepAction can set.
func (s *StepActionSpec) Step() *v1.Step {
	return &v1.Step{
		Image: s.Image, Command: s.Command, Args: s.Args, Script: s.Script, WorkingDir: s.WorkingDir, Env: s.Env,
		VolumeMounts: s.VolumeMounts, SecurityContext: s.SecurityContext, Results: s.Results,
	}
}
