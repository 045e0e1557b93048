// Package pod builds the pod that runs a task. Build is a pure function: the same input returns the same pod.
package pod

import (
	"errors"
	"maps"
	"path"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/annotations"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// errUnmerged means that the caller has not merged the step template of the task.
var errUnmerged = errors.New("cannot build a pod from a task whose step template is not merged")

// Build returns the pod for a TaskRun. The error is a *LimitError if a step needs more than Linux or one API object can hold,
// and a *FieldError if a field cannot be used: both are outcomes of the run. The input stays unchanged.
func Build(in Input) (*corev1.Pod, error) {
	if in.Spec.StepTemplate != nil {
		return nil, errUnmerged
	}
	in.Spec = in.Commands.applied(in.Spec)
	b := &builder{
		Input: in, template: mergedTemplate(in.Settings.PodTemplate, in.TaskRun.Spec.PodTemplate),
		results: resultsOf(in.Spec, in.Documents),
	}
	if err := b.checkReserved(); err != nil {
		return nil, err
	}
	pod := &corev1.Pod{ObjectMeta: b.metadata(), Spec: b.podSpec()}
	if in.Delivery == InitContainer {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, b.prepare())
	}
	for i, sidecar := range in.Spec.Sidecars {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, b.sidecar(sidecar, i))
	}
	for i, step := range in.Spec.Steps {
		container, err := b.step(step, i)
		if err != nil {
			return nil, err
		}
		pod.Spec.Containers = append(pod.Spec.Containers, container)
	}
	in.Transport.AddTo(pod, b.layout())
	addBudgets(pod)
	defaultResources(pod, in.Settings.Resources)
	if err := checkLimits(pod, in.Spec); err != nil {
		return nil, err
	}
	return pod, nil
}

// roomForInjected is the number of containers that may be added to a created pod before the record of a step is truncated.
const roomForInjected = 4

// addBudgets sets for each entrypoint how much the kubelet keeps of its termination message: the kubelet divides its limit
// among all containers, also those of the transport. If results are transported in another way, the message has only the
// record, which leaves room for injected containers. Results leave no room.
func addBudgets(pod *corev1.Pod) {
	containers := len(pod.Spec.InitContainers) + len(pod.Spec.Containers)
	if ResultsFrom(pod) != config.TerminationMessage {
		containers += roomForInjected
	}
	budget := strconv.Itoa(termination.Budget(containers))
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			if c := &containers[i]; runsEntrypoint(c) {
				if _, ok := optionOf(c.Args, terminationPathArg); ok {
					addArgs(c, "-termination-budget", budget)
				}
			}
		}
	}
}

// runsEntrypoint reports whether the container runs the in-pod binary. A user's sidecar may have no command.
func runsEntrypoint(c *corev1.Container) bool {
	return len(c.Command) > 0 && path.Dir(c.Command[0]) == podpaths.BinDir
}

// builder builds the parts of the pod.
type builder struct {
	Input

	// template is the pod template of the installation, merged with that of the run.
	template v1.PodTemplate
	// results are the results that leave the pod.
	results []Result
}

func (b *builder) layout() Layout {
	return Layout{
		Steps: podpaths.StepContainers(b.Spec), Results: b.results, MaxResultSize: b.MaxResultSize,
		Nonce: b.Nonce, Image: b.Image, Signatures: b.Signing != nil,
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
	inherited := annotations.Inherited(b.TaskRun.Annotations)
	if b.Settings.AwaitInjected {
		inherited[v1.AnnotationSteps] = v1.StepsFree
	}
	return metav1.ObjectMeta{
		Name:            Name(b.TaskRun.Name, b.Retry),
		Namespace:       b.TaskRun.Namespace,
		Labels:          labels,
		Annotations:     inherited,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(b.TaskRun, v1.GroupVersion.WithKind(v1.KindTaskRun))},
	}
}

// serviceAccount returns the run's service account, else the installation's default, else "" for the namespace's.
func (b *builder) serviceAccount() string {
	if account := b.TaskRun.Spec.ServiceAccountName; account != "" {
		return account
	}
	return b.Settings.ServiceAccount
}

// prepare returns the init container for clusters without image volumes.
func (b *builder) prepare() corev1.Container {
	return corev1.Container{
		Name:            prepareContainer,
		Image:           b.stepImage(),
		Command:         []string{"/" + imageBinaryDir + "/" + b.binaryName(), "copy", b.binary()},
		VolumeMounts:    []corev1.VolumeMount{{Name: binVolume, MountPath: podpaths.BinDir}},
		SecurityContext: Restricted(),
	}
}
