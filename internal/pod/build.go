// Package pod turns a task into the pod that runs it. Build is a pure function: the same input gives the same pod.
package pod

import (
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

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
