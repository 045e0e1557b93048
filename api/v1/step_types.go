package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// OnError selects what a step's failure means for its task, or a task's failure for its pipeline.
type OnError string

const (
	// OnErrorContinue records the failure and continues.
	OnErrorContinue OnError = "continue"
	// OnErrorStopAndFail ends the task or the run; it is the default.
	OnErrorStopAndFail OnError = "stopAndFail"
)

// OnErrors lists the valid values, in the order in which messages name them.
func OnErrors() []OnError { return []OnError{OnErrorContinue, OnErrorStopAndFail} }

// Step is one container of a Task. Its command, or its script, starts when the previous step has succeeded.
type Step struct {
	// Name of the step; its container is named step-<name>.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$`
	Name string `json:"name,omitempty"`
	// DisplayName for people.
	// +optional
	DisplayName string `json:"displayName,omitempty"`
	// Image of the step's container.
	// +optional
	Image string `json:"image,omitempty"`
	// ImagePullPolicy: Always, Never or IfNotPresent.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(Always|Never|IfNotPresent|.*[$][(].+[)].*)?$`
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`
	// Command to run, an array of the program and its first arguments. It excludes script. Without command and script
	// the image's entrypoint runs.
	// +optional
	// +listType=atomic
	Command []string `json:"command,omitempty"`
	// Args of the command or of the script.
	// +optional
	// +listType=atomic
	Args []string `json:"args,omitempty"`
	// Script is the text of a program. A script without a "#!" line runs with /bin/sh and "set -e". Kubernetes does
	// not interpret its text.
	// +optional
	Script string `json:"script,omitempty"`
	// WorkingDir that the command starts in, relative to /workspace. It is created if it does not exist.
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
	// VolumeDevices are block devices of the Task's volumes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	VolumeDevices []corev1.VolumeDevice `json:"volumeDevices,omitempty"`
	// SecurityContext of the step's container.
	// +optional
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`
	// Timeout after which the step is stopped and fails, such as 5m30s. By default only the run's timeout applies.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^(0|([0-9]{1,6}([.][0-9]{1,9})?h|[0-9]{1,7}([.][0-9]{1,9})?m|[0-9]{1,9}([.][0-9]{1,9})?(ns|us|µs|ms|s))+)$`
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// OnError: continue records a failure of the step and runs the next step; stopAndFail, the default, ends the
	// task.
	// +optional
	// +kubebuilder:validation:Pattern=`^(continue|stopAndFail|[$][(].+[)])?$`
	OnError OnError `json:"onError,omitempty"`
	// Workspaces of the Task that this step mounts. A workspace that any step or sidecar lists is mounted only in the
	// steps and sidecars that list it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Workspaces []WorkspaceUsage `json:"workspaces,omitempty"`
	// StdoutConfig sets a file for the standard output, in addition to the log.
	// +optional
	StdoutConfig *StepOutputConfig `json:"stdoutConfig,omitempty"`
	// StderrConfig sets a file for the standard error, in addition to the log.
	// +optional
	StderrConfig *StepOutputConfig `json:"stderrConfig,omitempty"`
	// Ref names a StepAction to run. The step must then not set image, command, args, script, env or volumeMounts.
	// +optional
	Ref *StepRef `json:"ref,omitempty"`
	// Params give values to the StepAction's params. They need ref.
	// +optional
	// +listType=atomic
	Params []Param `json:"params,omitempty"`
	// Results that the step produces for other steps and for the task's results, each by writing the file
	// $(step.results.<name>.path). Other steps refer to them as $(steps.<step>.results.<name>). Of two that have the same
	// name, the last one counts.
	// +optional
	// +listType=atomic
	Results []StepResult `json:"results,omitempty"`
	// When lists conditions. The step runs if all of them are true, and is skipped otherwise.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	When []WhenExpression `json:"when,omitempty"`
}

// StepTemplate holds the fields that all steps of a task share.
type StepTemplate struct {
	// Image of steps that do not set one.
	// +optional
	Image string `json:"image,omitempty"`
	// ImagePullPolicy: Always, Never or IfNotPresent.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(Always|Never|IfNotPresent|.*[$][(].+[)].*)?$`
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`
	// Command of steps that set neither command nor script.
	// +optional
	// +listType=atomic
	Command []string `json:"command,omitempty"`
	// Args of steps that do not set any.
	// +optional
	// +listType=atomic
	Args []string `json:"args,omitempty"`
	// WorkingDir of steps that do not set one.
	// +optional
	WorkingDir string `json:"workingDir,omitempty"`
	// EnvFrom sets environment variables from ConfigMaps and Secrets.
	// +optional
	// +listType=atomic
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`
	// Env sets environment variables. A step's variable of the same name overrides it.
	// +optional
	// +listType=atomic
	Env []corev1.EnvVar `json:"env,omitempty"`
	// ComputeResources of steps that do not set any.
	// +optional
	ComputeResources corev1.ResourceRequirements `json:"computeResources,omitempty"`
	// VolumeMounts of all steps. A step's mount at the same path overrides it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts,omitempty"`
	// VolumeDevices of all steps. A step's device at the same path overrides it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	VolumeDevices []corev1.VolumeDevice `json:"volumeDevices,omitempty"`
	// SecurityContext of the steps' containers.
	// +optional
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`
}

// StepOutputConfig sets a file for an output stream of a step.
type StepOutputConfig struct {
	// Path of the file.
	// +optional
	Path string `json:"path,omitempty"`
}

// StepRef names a StepAction: by its name in the run's namespace, or through a resolver.
type StepRef struct {
	// Name of the StepAction.
	// +optional
	Name string `json:"name,omitempty"`

	ResolverRef `json:",inline"`
}

// StepResult declares a result of a step or of a StepAction.
type StepResult struct {
	// Name of the result, which is also the name of its file: letters, digits, '-', '_' and '.'. It begins and ends
	// with a letter or a digit.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Name string `json:"name"`
	// Type of the result: string, array or object, as for a task's result.
	// +optional
	Type ValueType `json:"type,omitempty"`
	// Properties are the keys that a result of type object must have.
	// +optional
	Properties map[string]PropertySpec `json:"properties,omitempty"`
	// Description for people.
	// +optional
	Description string `json:"description,omitempty"`
}

// WorkspaceUsage mounts a workspace of the Task in one step or sidecar.
type WorkspaceUsage struct {
	// Name of the workspace as the Task declares it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// MountPath in this container; default: the workspace's own.
	// +optional
	MountPath string `json:"mountPath,omitempty"`
}
