package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// PodTemplate holds the fields of the pod that a run can set: scheduling, volumes, network and identity.
type PodTemplate struct {
	// NodeSelector: labels that the node must have.
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Env sets environment variables in all steps and sidecars. They override those of the task.
	// +optional
	// +listType=atomic
	Env []corev1.EnvVar `json:"env,omitempty"`
	// Tolerations of taints of nodes.
	// +optional
	// +listType=atomic
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// Affinity to nodes and to other pods.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// SecurityContext of the pod, which its containers inherit.
	// +optional
	SecurityContext *corev1.PodSecurityContext `json:"securityContext,omitempty"`
	// Volumes that steps and sidecars can mount, in addition to those of the task. Names that begin with
	// tekton-internal- are reserved.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Volumes []corev1.Volume `json:"volumes,omitempty"`
	// RuntimeClassName is the runtime class that runs the pod.
	// +optional
	RuntimeClassName *string `json:"runtimeClassName,omitempty"`
	// AutomountServiceAccountToken controls whether the service account's token is mounted.
	// +optional
	AutomountServiceAccountToken *bool `json:"automountServiceAccountToken,omitempty"`
	// DNSPolicy: ClusterFirst, ClusterFirstWithHostNet, Default or None.
	// +optional
	// +kubebuilder:validation:Enum=ClusterFirst;ClusterFirstWithHostNet;Default;None
	DNSPolicy *corev1.DNSPolicy `json:"dnsPolicy,omitempty"`
	// DNSConfig is merged into the configuration that dnsPolicy gives.
	// +optional
	DNSConfig *corev1.PodDNSConfig `json:"dnsConfig,omitempty"`
	// EnableServiceLinks controls whether environment variables name the namespace's services.
	// +optional
	EnableServiceLinks *bool `json:"enableServiceLinks,omitempty"`
	// PriorityClassName is the priority class of the pod.
	// +optional
	PriorityClassName *string `json:"priorityClassName,omitempty"`
	// SchedulerName is the scheduler that places the pod.
	// +optional
	SchedulerName string `json:"schedulerName,omitempty"`
	// ImagePullSecrets to pull images with, in addition to the service account's.
	// +optional
	// +listType=atomic
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	// HostAliases are lines for /etc/hosts.
	// +optional
	// +listType=atomic
	HostAliases []corev1.HostAlias `json:"hostAliases,omitempty"`
	// HostNetwork runs the pod in the node's network.
	// +optional
	HostNetwork bool `json:"hostNetwork,omitempty"`
	// HostUsers: with false, the pod runs in its own user namespace.
	// +optional
	HostUsers *bool `json:"hostUsers,omitempty"`
	// TopologySpreadConstraints spread pods over nodes and zones.
	// +optional
	// +listType=atomic
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`
}
