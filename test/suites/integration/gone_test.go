//go:build integration

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestPodIsGone: a pod that is removed is made again only if what the API server reports with its deletion proves that no step of
// it has run. There is no kubelet here; the test writes its reports.
func TestPodIsGone(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(t *testing.T, p *corev1.Pod)
		remade bool
	}{
		"Unscheduled": {
			reason: "no node had the pod",
			change: func(*testing.T, *corev1.Pod) {},
			remade: true,
		},
		"ByForce": {
			reason: "a node had the pod, and may have started a step",
			change: bindPod,
		},
		"EndedByNode": {
			reason: "the node has ended the pod, and had created no container",
			change: func(t *testing.T, p *corev1.Pod) {
				t.Helper()
				reportEnd(t, p, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
					ExitCode: 137, Reason: "ContainerStatusUnknown", Message: "The container could not be located when the pod was terminated",
				}})
			},
			remade: true,
		},
		"OutOfService": {
			reason: "the cluster has marked the pod as failed, and its node may have started a step",
			change: func(t *testing.T, p *corev1.Pod) {
				t.Helper()
				reportEnd(t, p, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}})
			},
		},
	}
	namespace := newPlace(t)
	supervise(t, newRelay(t))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			run := taskRun(namespace, strings.ToLower(name))
			create(t, run)
			first := awaitPod(t, run, "")
			tc.change(t, first)
			if err := shared.client.Delete(t.Context(), first, client.GracePeriodSeconds(0)); err != nil {
				t.Fatal(err)
			}
			if tc.remade {
				awaitPod(t, run, first.UID)
				return
			}
			eventually(t, func(ctx context.Context) error {
				if err := shared.client.Get(ctx, client.ObjectKeyFromObject(run), run); err != nil {
					return err
				}
				if c := run.Status.Condition(); c == nil || c.Reason != v1.TaskRunReasonPodDeleted {
					return fmt.Errorf("%s: want %s, got %+v", tc.reason, v1.TaskRunReasonPodDeleted, c)
				}
				return nil
			})
		})
	}
}

// awaitPod returns the pod of a run that has another UID.
func awaitPod(t *testing.T, run *v1.TaskRun, other types.UID) *corev1.Pod {
	t.Helper()
	p := &corev1.Pod{}
	eventually(t, func(ctx context.Context) error {
		err := shared.client.Get(ctx, types.NamespacedName{Namespace: run.Namespace, Name: run.Name + "-pod"}, p)
		if err == nil && p.UID == other {
			return fmt.Errorf("want another pod than %s", other)
		}
		return err
	})
	return p
}

// bindPod gives a pod to a node, as the scheduler does.
func bindPod(t *testing.T, p *corev1.Pod) {
	t.Helper()
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name},
		Target:     corev1.ObjectReference{Kind: "Node", Name: "node"},
	}
	if err := shared.client.SubResource("binding").Create(t.Context(), p, binding); err != nil {
		t.Fatal(err)
	}
	refresh(t, p)
}

// reportEnd gives a pod to a node, deletes it, and stores its end, with the same state of all containers.
func reportEnd(t *testing.T, p *corev1.Pod, state corev1.ContainerState) {
	t.Helper()
	bindPod(t, p)
	if err := shared.client.Delete(t.Context(), p, client.GracePeriodSeconds(60)); err != nil {
		t.Fatal(err)
	}
	refresh(t, p)
	p.Status.Phase, p.Status.ObservedGeneration = corev1.PodFailed, p.Generation
	for _, c := range p.Spec.Containers {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: c.Name, Image: c.Image, State: state})
	}
	if err := shared.client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// refresh reads a pod again.
func refresh(t *testing.T, p *corev1.Pod) {
	t.Helper()
	if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
		t.Fatal(err)
	}
}
