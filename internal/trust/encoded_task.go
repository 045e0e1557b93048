package trust

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// The types of this file and of encoded_pipeline.go have the fields of Tekton's types of tekton.dev/v1, in their order: the order
// is part of what is signed. A field without omitempty is encoded always, and so is a struct.

type taskSpec struct {
	Params       []paramSpec            `json:"params,omitempty"`
	DisplayName  string                 `json:"displayName,omitempty"`
	Description  string                 `json:"description,omitempty"`
	Steps        []step                 `json:"steps,omitempty"`
	Volumes      []corev1.Volume        `json:"volumes,omitempty"`
	StepTemplate *stepTemplate          `json:"stepTemplate,omitempty"`
	Sidecars     []sidecar              `json:"sidecars,omitempty"`
	Workspaces   []workspaceDeclaration `json:"workspaces,omitempty"`
	Results      []taskResult           `json:"results,omitempty"`
}

type paramSpec struct {
	Name        string                     `json:"name"`
	Type        v1.ValueType               `json:"type,omitempty"`
	Description string                     `json:"description,omitempty"`
	Properties  map[string]v1.PropertySpec `json:"properties,omitempty"`
	Default     *v1.Value                  `json:"default,omitempty"`
	Enum        []string                   `json:"enum,omitempty"`
}

type taskResult struct {
	Name        string                     `json:"name"`
	Type        v1.ValueType               `json:"type,omitempty"`
	Properties  map[string]v1.PropertySpec `json:"properties,omitempty"`
	Description string                     `json:"description,omitempty"`
	Value       *v1.Value                  `json:"value,omitempty"`
}

type stepResult struct {
	Name        string                     `json:"name"`
	Type        v1.ValueType               `json:"type,omitempty"`
	Properties  map[string]v1.PropertySpec `json:"properties,omitempty"`
	Description string                     `json:"description,omitempty"`
}

type workspaceDeclaration struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	MountPath   string `json:"mountPath,omitempty"`
	ReadOnly    bool   `json:"readOnly,omitempty"`
	Optional    bool   `json:"optional,omitempty"`
}

type workspaceUsage struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
}

type step struct {
	Name             string                      `json:"name"`
	DisplayName      string                      `json:"displayName,omitempty"`
	Image            string                      `json:"image,omitempty"`
	Command          []string                    `json:"command,omitempty"`
	Args             []string                    `json:"args,omitempty"`
	WorkingDir       string                      `json:"workingDir,omitempty"`
	EnvFrom          []corev1.EnvFromSource      `json:"envFrom,omitempty"`
	Env              []corev1.EnvVar             `json:"env,omitempty"`
	ComputeResources corev1.ResourceRequirements `json:"computeResources"`
	VolumeMounts     []corev1.VolumeMount        `json:"volumeMounts,omitempty"`
	VolumeDevices    []corev1.VolumeDevice       `json:"volumeDevices,omitempty"`
	ImagePullPolicy  corev1.PullPolicy           `json:"imagePullPolicy,omitempty"`
	SecurityContext  *corev1.SecurityContext     `json:"securityContext,omitempty"`
	Script           string                      `json:"script,omitempty"`
	Timeout          *metav1.Duration            `json:"timeout,omitempty"`
	Workspaces       []workspaceUsage            `json:"workspaces,omitempty"`
	OnError          string                      `json:"onError,omitempty"`
	StdoutConfig     *v1.StepOutputConfig        `json:"stdoutConfig,omitempty"`
	StderrConfig     *v1.StepOutputConfig        `json:"stderrConfig,omitempty"`
	Ref              *reference                  `json:"ref,omitempty"`
	Params           []v1.Param                  `json:"params,omitempty"`
	Results          []stepResult                `json:"results,omitempty"`
	When             []v1.WhenExpression         `json:"when,omitempty"`
}

type stepTemplate struct {
	Image            string                      `json:"image,omitempty"`
	Command          []string                    `json:"command,omitempty"`
	Args             []string                    `json:"args,omitempty"`
	WorkingDir       string                      `json:"workingDir,omitempty"`
	EnvFrom          []corev1.EnvFromSource      `json:"envFrom,omitempty"`
	Env              []corev1.EnvVar             `json:"env,omitempty"`
	ComputeResources corev1.ResourceRequirements `json:"computeResources"`
	VolumeMounts     []corev1.VolumeMount        `json:"volumeMounts,omitempty"`
	VolumeDevices    []corev1.VolumeDevice       `json:"volumeDevices,omitempty"`
	ImagePullPolicy  corev1.PullPolicy           `json:"imagePullPolicy,omitempty"`
	SecurityContext  *corev1.SecurityContext     `json:"securityContext,omitempty"`
}

type sidecar struct {
	Name                     string                          `json:"name"`
	Image                    string                          `json:"image,omitempty"`
	Command                  []string                        `json:"command,omitempty"`
	Args                     []string                        `json:"args,omitempty"`
	WorkingDir               string                          `json:"workingDir,omitempty"`
	Ports                    []corev1.ContainerPort          `json:"ports,omitempty"`
	EnvFrom                  []corev1.EnvFromSource          `json:"envFrom,omitempty"`
	Env                      []corev1.EnvVar                 `json:"env,omitempty"`
	ComputeResources         corev1.ResourceRequirements     `json:"computeResources"`
	VolumeMounts             []corev1.VolumeMount            `json:"volumeMounts,omitempty"`
	VolumeDevices            []corev1.VolumeDevice           `json:"volumeDevices,omitempty"`
	LivenessProbe            *corev1.Probe                   `json:"livenessProbe,omitempty"`
	ReadinessProbe           *corev1.Probe                   `json:"readinessProbe,omitempty"`
	StartupProbe             *corev1.Probe                   `json:"startupProbe,omitempty"`
	Lifecycle                *corev1.Lifecycle               `json:"lifecycle,omitempty"`
	TerminationMessagePath   string                          `json:"terminationMessagePath,omitempty"`
	TerminationMessagePolicy corev1.TerminationMessagePolicy `json:"terminationMessagePolicy,omitempty"`
	ImagePullPolicy          corev1.PullPolicy               `json:"imagePullPolicy,omitempty"`
	SecurityContext          *corev1.SecurityContext         `json:"securityContext,omitempty"`
	Stdin                    bool                            `json:"stdin,omitempty"`
	StdinOnce                bool                            `json:"stdinOnce,omitempty"`
	TTY                      bool                            `json:"tty,omitempty"`
	Script                   string                          `json:"script,omitempty"`
	Workspaces               []workspaceUsage                `json:"workspaces,omitempty"`
	RestartPolicy            *corev1.ContainerRestartPolicy  `json:"restartPolicy,omitempty"`
}

// reference is a reference to a StepAction or a Pipeline.
type reference struct {
	Name       string     `json:"name,omitempty"`
	APIVersion string     `json:"apiVersion,omitempty"`
	Resolver   string     `json:"resolver,omitempty"`
	Params     []v1.Param `json:"params,omitempty"`
}

// stepActionSpec is the spec of a StepAction, which Tekton does not sign: the order is that of its type of v1beta1.
type stepActionSpec struct {
	DisplayName     string                  `json:"displayName,omitempty"`
	Description     string                  `json:"description,omitempty"`
	Image           string                  `json:"image,omitempty"`
	Command         []string                `json:"command,omitempty"`
	Args            []string                `json:"args,omitempty"`
	Env             []corev1.EnvVar         `json:"env,omitempty"`
	Script          string                  `json:"script,omitempty"`
	WorkingDir      string                  `json:"workingDir,omitempty"`
	Params          []paramSpec             `json:"params,omitempty"`
	Results         []stepResult            `json:"results,omitempty"`
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`
	VolumeMounts    []corev1.VolumeMount    `json:"volumeMounts,omitempty"`
}
