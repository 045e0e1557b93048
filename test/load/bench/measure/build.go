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

// copier returns the builder of pods with the spec of the pod of a TaskRun.
func (b *Bench) copier(ctx context.Context, shape load.Shape) (builder, error) {
	run, pod := shape.Object(b.Namespace, "original", b.Image), &corev1.Pod{}
	if err := b.Client.Create(ctx, run); err != nil {
		return nil, fmt.Errorf("cannot create TaskRun %q: %w", run.GetName(), err)
	}
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		pods := &corev1.PodList{}
		if err := b.Client.List(ctx, pods, client.InNamespace(b.Namespace)); err != nil || len(pods.Items) == 0 {
			return false, err
		}
		pod = &pods.Items[0]
		return pod.Status.Phase == corev1.PodSucceeded, failure(pod)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot copy the pod of TaskRun %q: %w", run.GetName(), err)
	}
	pod.Spec.NodeName = ""
	return func(name string) client.Object {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: name}, Spec: *pod.Spec.DeepCopy()}
	}, b.clean(ctx)
}

// failure returns an error for a pod that has failed.
func failure(pod *corev1.Pod) error {
	if pod.Status.Phase != corev1.PodFailed {
		return nil
	}
	return fmt.Errorf("pod %q has failed: %s %s", pod.Name, pod.Status.Reason, pod.Status.Message)
}
