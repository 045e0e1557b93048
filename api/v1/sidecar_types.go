package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// Sidecar is a container that runs beside the steps.
type Sidecar struct {
	// Name of the sidecar; its container is named sidecar-<name>, shortened if that is too long. The name tekton-log-results is reserved. The
	// default is unnamed-<i>, where <i> is its index among the sidecars.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$`
	Name string `json:"name,omitempty"`
	// Image of the sidecar's container.
	// +optional
	Image string `json:"image,omitempty"`
	// ImagePullPolicy: Always, Never or IfNotPresent.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(Always|Never|IfNotPresent|.*[$][(].+[)].*)?$`
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`
	// Command to run instead of the image's entrypoint. It excludes script.
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
	// VolumeDevices are block devices of the Task's volumes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	VolumeDevices []corev1.VolumeDevice `json:"volumeDevices,omitempty"`
	// LivenessProbe: the kubelet restarts the container when the probe fails.
	// +optional
	LivenessProbe *corev1.Probe `json:"livenessProbe,omitempty"`
	// ReadinessProbe: the first step waits until it succeeds.
	// +optional
	ReadinessProbe *corev1.Probe `json:"readinessProbe,omitempty"`
	// StartupProbe: the first step waits until it succeeds.
	// +optional
	StartupProbe *corev1.Probe `json:"startupProbe,omitempty"`
	// Lifecycle handlers, called after the container starts and before it stops.
	// +optional
	Lifecycle *corev1.Lifecycle `json:"lifecycle,omitempty"`
	// TerminationMessagePath is the file that holds the container's termination message.
	// +optional
	TerminationMessagePath string `json:"terminationMessagePath,omitempty"`
	// TerminationMessagePolicy: File or FallbackToLogsOnError.
	// +optional
	// +kubebuilder:validation:Enum="";File;FallbackToLogsOnError
	TerminationMessagePolicy corev1.TerminationMessagePolicy `json:"terminationMessagePolicy,omitempty"`
	// SecurityContext of the sidecar's container.
	// +optional
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`
	// Stdin keeps a buffer for the container's standard input.
	// +optional
	Stdin bool `json:"stdin,omitempty"`
	// StdinOnce closes the standard input when the first attached client disconnects.
	// +optional
	StdinOnce bool `json:"stdinOnce,omitempty"`
	// TTY gives the container a terminal; it needs stdin.
	// +optional
	TTY bool `json:"tty,omitempty"`
	// RestartPolicy of the sidecar's container. Only Always is possible, and every sidecar has it anyway.
	// +optional
	// +kubebuilder:validation:Enum=Always
	RestartPolicy *corev1.ContainerRestartPolicy `json:"restartPolicy,omitempty"`
	// Workspaces of the Task that this sidecar mounts. A workspace that any step or sidecar lists is mounted only in
	// the steps and sidecars that list it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Workspaces []WorkspaceUsage `json:"workspaces,omitempty"`
}
