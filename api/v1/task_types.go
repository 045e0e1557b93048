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
	// +kubebuilder:validation:XValidation:rule="!self.steps.exists(x, has(x.volumeMounts) && x.volumeMounts.exists(m, (m.mountPath == '/tekton' || m.mountPath.startsWith('/tekton/')) && m.mountPath != '/tekton/home' && !m.mountPath.startsWith('/tekton/home/')))",fieldPath=".steps",message="a volume must not be mounted at or under /tekton, except /tekton/home"
	// +kubebuilder:validation:XValidation:rule="!has(self.sidecars) || !self.sidecars.exists(x, has(x.volumeMounts) && x.volumeMounts.exists(m, (m.mountPath == '/tekton' || m.mountPath.startsWith('/tekton/')) && m.mountPath != '/tekton/home' && !m.mountPath.startsWith('/tekton/home/')))",fieldPath=".sidecars",message="a volume must not be mounted at or under /tekton, except /tekton/home"
	// +kubebuilder:validation:XValidation:rule="self.steps.all(x, !has(x.name) || size(x.name) == 0 || self.steps.exists_one(y, has(y.name) && y.name == x.name))",fieldPath=".steps",message="two steps have the same name"
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
	// +listType=map
	// +listMapKey=name
	Params []ParamSpec `json:"params,omitempty"`
	// Results that the steps produce, each by writing the file $(results.<name>.path).
	// +optional
	// +listType=map
	// +listMapKey=name
	Results []TaskResult `json:"results,omitempty"`
	// Workspaces are directories that a run provides.
	// +optional
	// +listType=map
	// +listMapKey=name
	Workspaces []WorkspaceDeclaration `json:"workspaces,omitempty"`
	// Steps run in this order, each in a container of its own.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Steps []Step `json:"steps,omitempty"`
	// Sidecars run beside the steps: started before the first one, ended after the last one.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	Sidecars []Sidecar `json:"sidecars,omitempty"`
	// Volumes that steps and sidecars can mount. Names that begin with tekton-internal- are reserved.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:XValidation:rule="!self.name.startsWith('tekton-internal-')",fieldPath=".name",reason="FieldValueForbidden",message="names that begin with tekton-internal- are reserved"
	Volumes []corev1.Volume `json:"volumes,omitempty"`
}

// Step is one container of a Task. Its command, or its script, starts when the step before it has ended well.
//
// +kubebuilder:validation:XValidation:rule="!has(self.script) || size(self.script) == 0 || !has(self.command) || size(self.command) == 0",message="script and command exclude each other"
type Step struct {
	// Name of the step; its container is called step-<name>.
	// +optional
	// +kubebuilder:validation:MaxLength=58
	Name string `json:"name,omitempty"`
	// Image of the step's container.
	// +optional
	Image string `json:"image,omitempty"`
	// ImagePullPolicy: Always, Never or IfNotPresent.
	// +optional
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`
	// Command to run, an array of the program and its first arguments. Not together with script.
	// +optional
	// +listType=atomic
	Command []string `json:"command,omitempty"`
	// Args of the command or of the script.
	// +optional
	// +listType=atomic
	Args []string `json:"args,omitempty"`
	// Script is the text of a program. One without a "#!" line is run by /bin/sh with "set -e". Nothing in it is
	// interpreted by Kubernetes.
	// +optional
	Script string `json:"script,omitempty"`
	// WorkingDir that the command starts in; made when it does not exist, and relative to /workspace.
	// +optional
	WorkingDir string `json:"workingDir,omitempty"`
	// EnvFrom sets environment variables from ConfigMaps and Secrets.
	// +optional
	// +listType=atomic
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`
	// Env sets environment variables.
	// +optional
	// +listType=atomic
	Env []corev1.EnvVar `json:"env,omitempty"`
	// ComputeResources of the step's container.
	// +optional
	ComputeResources corev1.ResourceRequirements `json:"computeResources,omitempty"`
	// VolumeMounts of volumes that the Task declares. Paths at or under /tekton, except /tekton/home, are reserved.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts,omitempty"`
	// SecurityContext of the step's container.
	// +optional
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`
}

// Sidecar is a container that runs beside the steps.
//
// +kubebuilder:validation:XValidation:rule="!has(self.script) || size(self.script) == 0 || !has(self.command) || size(self.command) == 0",message="script and command exclude each other"
type Sidecar struct {
	// Name of the sidecar; its container is called sidecar-<name>. The name tekton-log-results is reserved.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=55
	// +kubebuilder:validation:XValidation:rule="self != 'tekton-log-results'",message="the name tekton-log-results is reserved for the sidecar that sends the results"
	Name string `json:"name"`
	// Image of the sidecar's container.
	// +optional
	Image string `json:"image,omitempty"`
	// ImagePullPolicy: Always, Never or IfNotPresent.
	// +optional
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`
	// Command to run instead of the image's entrypoint. Not together with script.
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
	// Ports that the sidecar listens on.
	// +optional
	// +listType=atomic
	Ports []corev1.ContainerPort `json:"ports,omitempty"`
	// EnvFrom sets environment variables from ConfigMaps and Secrets.
	// +optional
	// +listType=atomic
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`
	// Env sets environment variables.
	// +optional
	// +listType=atomic
	Env []corev1.EnvVar `json:"env,omitempty"`
	// ComputeResources of the sidecar's container.
	// +optional
	ComputeResources corev1.ResourceRequirements `json:"computeResources,omitempty"`
	// VolumeMounts of volumes that the Task declares. Paths at or under /tekton, except /tekton/home, are reserved.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts,omitempty"`
	// ReadinessProbe: the first step waits until it succeeds.
	// +optional
	ReadinessProbe *corev1.Probe `json:"readinessProbe,omitempty"`
	// SecurityContext of the sidecar's container.
	// +optional
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`
}
