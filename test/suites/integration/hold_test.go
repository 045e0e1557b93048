//go:build integration

package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/injection"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// TestStepsAreHeldBeforeTheyCanStart: a pod into which another component injects a container is stored with its first step held.
// A kubelet that starts the step at once finds it held. A pod without such a container is stored with its step free.
func TestStepsAreHeldBeforeTheyCanStart(t *testing.T) {
	plain, meshed := newPlace(t), newPlace(t)
	inject(t, meshed)
	eventually(t, func(ctx context.Context) error { return heldSteps(ctx, meshed) })
	supervise(t, newRelay(t))
	for name, tc := range map[string]struct {
		namespace  string
		mark       string
		containers int
	}{
		"Plain": {
			namespace:  plain,
			mark:       v1.StepsFree,
			containers: 1,
		},
		"Injected": {
			namespace:  meshed,
			mark:       v1.StepsHeld,
			containers: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := firstVersion(t, tc.namespace)
			if got := p.Annotations[v1.AnnotationSteps]; got != tc.mark || len(p.Spec.Containers) != tc.containers {
				t.Errorf("want a pod with %d containers stored with its steps %s, got %d and %q",
					tc.containers, tc.mark, len(p.Spec.Containers), got)
			}
			reads := slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.DownwardAPI != nil })
			if want := tc.mark == v1.StepsHeld; reads != want {
				t.Errorf("want the mark in a volume: %t, got %t", want, reads)
			}
		})
	}
}

// inject adds a container to each pod that is created in a namespace, as a mesh does.
func inject(t *testing.T, namespace string) {
	t.Helper()
	injector, err := injection.Start("127.0.0.1", injection.Endless("mesh-proxy")) // the API server has the network of this machine
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(injector.Close)
	configuration := injector.Configuration(namespace)
	create(t, configuration)
	t.Cleanup(func() {
		if err := client.IgnoreNotFound(shared.client.Delete(context.Background(), configuration)); err != nil {
			t.Error(err)
		}
	})
}

// heldSteps returns an error until the API server injects a container into the pods of a namespace, and refuses one of a TaskRun
// whose steps are free because of it.
func heldSteps(ctx context.Context, namespace string) error {
	probe := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "probe", Labels: map[string]string{v1.LabelTaskRunUID: "probe"},
			Annotations: map[string]string{v1.AnnotationSteps: v1.StepsFree},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "step-probe", Image: kube.StepImage}}},
	}
	if err := shared.client.Create(ctx, probe, client.DryRunAll); !apierrors.IsInvalid(err) {
		return fmt.Errorf("want a pod with an injected container refused, got %w", err)
	}
	return nil
}

// firstVersion creates a TaskRun and returns its pod as the API server has stored it first.
func firstVersion(t *testing.T, namespace string) *corev1.Pod {
	t.Helper()
	c, err := client.NewWithWatch(shared.config, client.Options{Scheme: shared.client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pods, err := c.Watch(ctx, &corev1.PodList{}, client.InNamespace(namespace))
	if err != nil {
		t.Fatal(err)
	}
	defer pods.Stop()
	create(t, taskRun(namespace, "run"))
	for change := range pods.ResultChan() {
		if p, ok := change.Object.(*corev1.Pod); ok && change.Type == watch.Added {
			return p
		}
	}
	t.Fatalf("the run has no pod after %s", patience)
	return nil
}
