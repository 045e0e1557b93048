// Package pod turns a task into the pod that runs it. Build is a pure function: the same input gives the same pod.
package pod

import (
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/results/termination"
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
	// Spec of the task, valid, with everything substituted. A literal "$" of a substituted value is doubled where
	// Kubernetes would fold it again: in command, args and values of env.
	Spec *v1.TaskSpec
	// Config in force.
	Config config.Config
	// ResultsFrom names the way in which the results come back, and Carrier is what that adds to the pod.
	ResultsFrom config.ResultsFrom
	Carrier     Carrier
	// Nonce tells the output of this pod from all others. It is valid by frame.ValidNonce.
	Nonce string
	// Image of the in-pod binary.
	Image string
	// Delivery of the in-pod binary.
	Delivery Delivery
	// Retry is which attempt the pod is for: 0 for the first one.
	Retry int
	// Credentials are the secrets of the service account that are annotated for git or for registries, in the order of
	// the service account. Only their names, types and annotations matter; what they hold is never read here.
	Credentials []corev1.Secret
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
	// SkipSidecarReadiness (await-sidecar-readiness: false) lets the first step start before sidecars are ready.
	SkipSidecarReadiness bool
	// PodTemplate (default-pod-template) is what the run's own template is merged over; nil for none.
	PodTemplate *v1.PodTemplate
	// Resources (default-container-resource-requirements) are those of containers that have none: by the container's
	// name, by "prefix-" and how the name begins, or by "default".
	Resources map[string]corev1.ResourceRequirements
}

// Build returns the pod for a TaskRun. The error is a *LimitError when a step asks for more than Linux or one API
// object can hold.
func Build(in Input) (*corev1.Pod, error) {
	b := builder{in}
	spec := corev1.PodSpec{
		RestartPolicy:      corev1.RestartPolicyNever,
		ServiceAccountName: b.serviceAccount(),
		Volumes:            b.volumes(),
	}
	if in.Delivery == InitContainer {
		spec.InitContainers = append(spec.InitContainers, b.prepare())
	}
	for _, sidecar := range in.Spec.Sidecars {
		spec.InitContainers = append(spec.InitContainers, b.sidecar(sidecar))
	}
	for i, step := range in.Spec.Steps {
		spec.Containers = append(spec.Containers, b.step(step, i))
	}
	pod := &corev1.Pod{ObjectMeta: b.metadata(), Spec: spec}
	in.Carrier.Equip(pod, b.plan())
	// The kubelet divides what it keeps of termination messages among all containers, those of the carrier included.
	budget := termination.Budget(len(pod.Spec.InitContainers) + len(pod.Spec.Containers))
	AddStepArgs(pod, "-termination-budget", strconv.Itoa(budget))
	if err := checkLimits(pod, in.Spec); err != nil {
		return nil, err
	}
	return pod, nil
}

// builder makes the parts of the pod.
type builder struct{ Input }

func (b *builder) plan() Plan {
	return Plan{
		Steps: StepContainers(b.Spec), Results: b.Spec.Results, MaxResultSize: b.Config.Flags.MaxResultSize,
		Nonce: b.Nonce, Image: b.Image,
	}
}

func (b *builder) metadata() metav1.ObjectMeta {
	labels := maps.Clone(b.TaskRun.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[v1.LabelManagedBy] = v1.ManagedBy
	labels[v1.LabelTaskRun] = name.Label(b.TaskRun.Name)
	labels[v1.LabelTaskRunUID] = string(b.TaskRun.UID)
	if ref := b.TaskRun.Spec.TaskRef; ref != nil && ref.Name != "" {
		labels[v1.LabelTask] = name.Label(ref.Name)
	}
	annotations := maps.Clone(b.TaskRun.Annotations)
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	return metav1.ObjectMeta{
		Name:            Name(b.TaskRun.Name, b.Retry),
		Namespace:       b.TaskRun.Namespace,
		Labels:          labels,
		Annotations:     annotations,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(b.TaskRun, v1.GroupVersion.WithKind(v1.KindTaskRun))},
	}
}

// serviceAccount is the run's, else the installation's default one, else the namespace's (empty).
func (b *builder) serviceAccount() string {
	if account := b.TaskRun.Spec.ServiceAccountName; account != "" {
		return account
	}
	return b.Config.Defaults.ServiceAccount
}

// prepare is the one init container of clusters without image volumes.
func (b *builder) prepare() corev1.Container {
	return corev1.Container{
		Name:            prepareContainer,
		Image:           b.Image,
		Command:         []string{ImageBinary, "copy", binary},
		VolumeMounts:    []corev1.VolumeMount{{Name: binVolume, MountPath: binDir}},
		SecurityContext: Restricted(),
	}
}

// Restricted is what Pod Security "restricted" asks of a container, and what ours need at most. The user is the one
// of the images that are built from nothing: it exists nowhere else.
func Restricted() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		ReadOnlyRootFilesystem:   new(true),
		RunAsNonRoot:             new(true),
		RunAsUser:                new(int64(65532)),
		RunAsGroup:               new(int64(65532)),
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}
