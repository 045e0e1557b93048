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
	// Nonce tells the stream of this pod's results from all others. It is valid by frame.ValidNonce.
	Nonce string
	// Image of the in-pod binary.
	Image string
	// Delivery of the in-pod binary.
	Delivery Delivery
}

// Build returns the pod for a TaskRun. The error is a *LimitError when a step asks for more than Linux or one API
// object can hold.
func Build(in Input) (*corev1.Pod, error) {
	b := builder{Input: in, results: carriesLog(in)}
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
	// The budget for termination messages depends on the number of all containers.
	b.containers = len(spec.InitContainers) + len(in.Spec.Steps)
	if b.results {
		b.containers++
	}
	for i, step := range in.Spec.Steps {
		spec.Containers = append(spec.Containers, b.step(step, i))
	}
	if b.results {
		// Last, so that nothing of ours stands between the pod's start and the first step.
		spec.Containers = append(spec.Containers, b.resultsSidecar())
	}
	pod := &corev1.Pod{ObjectMeta: b.metadata(), Spec: spec}
	if err := checkLimits(pod, in.Spec); err != nil {
		return nil, err
	}
	return pod, nil
}

// carriesLog reports whether the pod needs the results sidecar: only where results are declared.
func carriesLog(in Input) bool {
	return in.Config.Flags.ResultsFrom == config.SidecarLogs && len(in.Spec.Results) > 0
}

// builder is an Input with what is derived from it once.
type builder struct {
	Input
	// results says that the pod has the results sidecar.
	results bool
	// containers counts all containers of the pod.
	containers int
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
		Name:            Name(b.TaskRun.Name),
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
		Command:         []string{"/" + imageBinaryDir + "/inpod", "copy", binary},
		VolumeMounts:    []corev1.VolumeMount{{Name: binVolume, MountPath: binDir}},
		SecurityContext: restricted(),
	}
}

// resultsSidecar is the container that carries the results through its log.
func (b *builder) resultsSidecar() corev1.Container {
	args := []string{"results", "-nonce", b.Nonce, "-run-dir", runDir, "-results-dir", resultsDir}
	mounts := []corev1.VolumeMount{{Name: resultsVolume, MountPath: resultsDir, ReadOnly: true}}
	for i, step := range b.Spec.Steps {
		args = append(args, "-step", StepContainer(step, i))
		mounts = append(mounts, corev1.VolumeMount{Name: runVolume(i), MountPath: stepRunDir(i), ReadOnly: true})
	}
	args = append(args, b.resultArgs()...)
	args = append(args, "-max-result-size", strconv.FormatInt(b.Config.Flags.MaxResultSize, 10),
		"-max-total", strconv.FormatInt(maxTotal, 10))
	return corev1.Container{
		Name:            ResultsContainer,
		Image:           b.Image,
		Command:         []string{"/" + imageBinaryDir + "/inpod"},
		Args:            args,
		VolumeMounts:    mounts,
		SecurityContext: restricted(),
	}
}

// resultArgs declares the results, in the form that both roles of the in-pod binary take.
func (b *builder) resultArgs() []string {
	var args []string
	for _, result := range b.Spec.Results {
		args = append(args, "-result", result.Name+":"+string(result.Type)+"="+ResultPath(result.Name))
	}
	return args
}

// restricted is what Pod Security "restricted" asks of a container, and what ours need at most. The user is the one
// of the images that are built from nothing: it exists nowhere else.
func restricted() *corev1.SecurityContext {
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
