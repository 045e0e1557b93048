package pod

import (
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// Delivery is how the in-pod binary gets into the containers of steps.
type Delivery string

// The kinds of delivery.
const (
	// ImageVolume mounts the image of the in-pod binary. No container runs before the first step. Kubernetes enables this by
	// default since 1.35.
	ImageVolume Delivery = "image-volume"
	// InitContainer copies the binary into a volume before the first step, which takes about a second.
	InitContainer Delivery = "init-container"
)

// Input is everything that determines a pod.
type Input struct {
	// TaskRun is the owner of the pod.
	TaskRun *v1.TaskRun
	// Spec is the valid spec of the task, with its step template merged (see Merged) and then everything substituted. A
	// literal "$" of a substituted value is doubled where Kubernetes would replace "$$": in command, args and values of env.
	Spec *v1.TaskSpec
	// Commands are the commands of the images of steps and sidecars with neither a command nor a script.
	Commands ImageCommands
	// MaxResultSize is the maximum length of one result in bytes.
	MaxResultSize int64
	// ResultsFrom names how the results are transported, and Transport adds to the pod what that needs.
	ResultsFrom config.ResultsFrom
	Transport   Transport
	// Nonce distinguishes the output of this pod from all other text. It is valid by frame.ValidNonce.
	Nonce string
	// Image is the image of the in-pod binary.
	Image string
	// Delivery is how the in-pod binary gets into containers.
	Delivery Delivery
	// Signing is how the steps sign their results; nil if they do not.
	Signing *Signing
	// Retry is the number of the attempt: 0 for the first one.
	Retry int
	// Credentials are the secrets of the service account that are annotated for git or for registries, in the order of the
	// service account. Only their names, types and annotations are used; their content is never read here.
	Credentials []corev1.Secret
	// References are the references of the steps' texts to results of earlier steps.
	References []substitute.StepResultToken
	// Documents are the documents of artifacts that the steps may write, from DocumentsOf.
	Documents Documents
	// Expressions are the expressions of when[].cel that refer to results of earlier steps, in the form of the entrypoint, by
	// their texts.
	Expressions map[string]when.Expression
	// Settings are the settings of the installation for pods.
	Settings Settings
}

// Settings are the administrator's settings for all pods.
type Settings struct {
	// SecurityContext (set-security-context) makes all containers satisfy Pod Security "restricted", except where the task
	// has its own setting.
	SecurityContext bool
	// ReadOnlyRootFilesystem (set-security-context-read-only-root-filesystem) also makes the containers' root file systems
	// read-only; only together with SecurityContext.
	ReadOnlyRootFilesystem bool
	// ServiceAccount (default-service-account) is for runs without one; empty means that of the namespace.
	ServiceAccount string
	// SkipSidecarReadiness (await-sidecar-readiness: false) lets the first step start before sidecars are ready.
	SkipSidecarReadiness bool
	// AwaitInjected (running-in-environment-with-injected-sidecars) marks the pod by v1.AnnotationSteps, so that the API server
	// refuses it if another component adds containers to it. The controller then calls Hold.
	AwaitInjected bool
	// PodTemplate (default-pod-template) is merged under the run's own template; nil for none.
	PodTemplate *v1.PodTemplate
	// Resources (default-container-resource-requirements) are for containers without resources: by the container's name, by
	// "prefix-" and a prefix of the name, or by "default".
	Resources map[string]corev1.ResourceRequirements
}
