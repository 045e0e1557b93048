package measure

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// original is the name of the TaskRun whose pod is copied.
const original = "original"

// builder returns the object that is created by a name.
type builder func(name string) client.Object

// builder returns the builder of the objects of a shape. For copied pods it runs a TaskRun, and deletes it.
func (b *Bench) builder(ctx context.Context, shape load.Shape) (builder, error) {
	if shape.Copied {
		return b.copier(ctx, shape)
	}
	return func(name string) client.Object {
		object := shape.Object(b.Namespace, name, b.Image)
		if run, ok := object.(*v1.TaskRun); ok && shape.Resolved {
			run.Spec.TaskSpec, run.Spec.TaskRef = nil, b.Reference
		}
		return object
	}, nil
}

// copier returns the builder of pods with the spec of the pod of a TaskRun, and with the annotations that it has in the end: its steps
// may wait for one of them.
func (b *Bench) copier(ctx context.Context, shape load.Shape) (builder, error) {
	run, pod := &v1.TaskRun{}, &corev1.Pod{}
	if err := b.Client.Create(ctx, shape.Object(b.Namespace, original, b.Image)); err != nil {
		return nil, fmt.Errorf("cannot create TaskRun %q: %w", original, err)
	}
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		if err := b.Client.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: original}, run); err != nil || !run.Status.Done() {
			return false, err
		}
		if c := run.Status.Condition(); c.Status != metav1.ConditionTrue {
			return false, fmt.Errorf("it has failed: %s: %s", c.Reason, c.Message)
		}
		err := b.Client.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: run.Status.PodName}, pod)
		return pod.Status.Phase == corev1.PodSucceeded, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot copy the pod of TaskRun %q: %w", original, err)
	}
	pod.Spec.NodeName = ""
	return func(name string) client.Object {
		meta := metav1.ObjectMeta{Namespace: b.Namespace, Name: name, Annotations: pod.Annotations}
		return &corev1.Pod{ObjectMeta: meta, Spec: *pod.Spec.DeepCopy()}
	}, b.clean(ctx)
}

// failure returns an error for a pod that has failed.
func failure(pod *corev1.Pod) error {
	if pod.Status.Phase != corev1.PodFailed {
		return nil
	}
	return fmt.Errorf("pod %q has failed: %s %s", pod.Name, pod.Status.Reason, pod.Status.Message)
}
