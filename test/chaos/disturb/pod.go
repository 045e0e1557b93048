package disturb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	// untilPod is how long a disturbance waits for a pod that it can hit.
	untilPod = 10 * time.Second
	// longestGrace is the longest grace period of a pod that is deleted, in seconds.
	longestGrace = 4
)

// removePod deletes or evicts the pod of one run.
func (s *scene) removePod(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, untilPod)
	defer cancel()
	var pods []corev1.Pod
	err := kube.Poll(waiting, func(ctx context.Context) (bool, error) {
		var err error
		pods, err = s.podsOfRuns(ctx)
		return len(pods) > 0, err
	})
	if len(pods) == 0 {
		s.note = "no run has a pod"
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	}
	pod := pods[s.Draw%uint64(len(pods))]
	grace := int64(1 + s.Draw%longestGrace)
	remove := s.cluster.DeletePod
	switch s.Kind {
	case KillPod:
		grace = 0
	case EvictPod:
		remove = s.cluster.Evict
	}
	s.note = fmt.Sprintf("pod was %s, grace period %d s", pod.Status.Phase, grace)
	return s.remove(ctx, &pod, grace, remove)
}

// remove removes a pod in one of the ways, and records it as hit. A pod that has disappeared already does not count.
func (s *scene) remove(ctx context.Context, pod *corev1.Pod, grace int64, way func(context.Context, string, string, int64) error) error {
	s.hit = append(s.hit, pod.Namespace+"/"+pod.Name)
	return client.IgnoreNotFound(way(ctx, pod.Namespace, pod.Name, grace))
}

// podsOfRuns lists the pods of runs that have neither ended nor been deleted, by name.
func (d *Disturber) podsOfRuns(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	if err := d.cluster.Client.List(ctx, &list, client.InNamespace(d.namespace), client.HasLabels{v1.LabelTaskRun}); err != nil {
		return nil, fmt.Errorf("cannot list the pods of runs: %w", err)
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool {
		return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	slices.SortFunc(pods, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return pods, nil
}
