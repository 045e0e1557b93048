package pod

import (
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// Delivery is how the in-pod binary gets into the containers of steps.
type Delivery string

// The ways of delivery.
const (
	// ImageVolume mounts the image of the in-pod binary. No container runs before the first step; Kubernetes has this
	// on by default since 1.35.
	ImageVolume Delivery = "image-volume"
	// InitContainer copies the binary into a volume before the first step, which costs about a second.
	InitContainer Delivery = "init-container"
)

// Input is all that a pod depends on.
type Input struct {
	// TaskRun that the pod belongs to.
	TaskRun *v1.TaskRun
	// Spec of the task, valid, with its step template merged (see Merged) and then everything substituted. A literal "$" of
	// a substituted value is doubled where Kubernetes would fold it again: in command, args and values of env.
	Spec *v1.TaskSpec
	// Commands are what the images run of steps and sidecars that give neither a command nor a script.
	Commands ImageCommands
	// MaxResultSize is the limit of one result's value, in bytes.
	MaxResultSize int64
	// ResultsFrom names the way in which the results come back, and Transport is what that adds to the pod.
	ResultsFrom config.ResultsFrom
	Transport   Transport
	// Nonce tells the output of this pod from all others. It is valid by frame.ValidNonce.
	Nonce string
	// Image of the in-pod binary.
	Image string
	// Delivery of the in-pod binary.
	Delivery Delivery
	// Signing says how the steps sign their results; nil when they do not.
	Signing *Signing
	// Retry is which attempt the pod is for: 0 for the first one.
	Retry int
	// Credentials are the secrets of the service account that are annotated for git or for registries, in the order of
	// the service account. Only their names, types and annotations matter; what they hold is never read here.
	Credentials []corev1.Secret
	// References of the steps' texts to results of earlier steps.
	References []substitute.StepResultToken
	// Settings of the installation that shape pods.
	Settings Settings
}

// Settings are what an administrator says of all pods.
type Settings struct {
	// SecurityContext (set-security-context) makes all containers satisfy Pod Security "restricted", as far as a task
	// does not say otherwise itself.
	SecurityContext bool
	// ReadOnlyRootFilesystem (set-security-context-read-only-root-filesystem) makes the containers' own file systems
	// read-only as well; only together with SecurityContext.
	ReadOnlyRootFilesystem bool
	// ServiceAccount (default-service-account) is that of runs which name none; empty for the one of the namespace.
	ServiceAccount string
	// SkipSidecarReadiness (await-sidecar-readiness: false) lets the first step start before sidecars are ready.
	SkipSidecarReadiness bool
	// PodTemplate (default-pod-template) is what the run's own template is merged over; nil for none.
	PodTemplate *v1.PodTemplate
	// Resources (default-container-resource-requirements) are those of containers that have none: by the container's
	// name, by "prefix-" and how the name begins, or by "default".
	Resources map[string]corev1.ResourceRequirements
}
