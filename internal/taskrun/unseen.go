package taskrun

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// endsWithoutPod reports whether a status ends the run, or this attempt of it, without a known pod. An earlier reconcile may
// have created one and failed to write its status, and the cache may be stale. So before the end is written, the API server
// is read. Otherwise the pod would continue to run, and no later reconcile would find it.
func endsWithoutPod(tr *v1.TaskRun, status v1.TaskRunStatus, obs Observation, effect Effect) bool {
	return ends(tr, status) && tr.Status.PodName == "" && cmp.Or(effect.Pod, effect.Left, obs.Pod, obs.Unrecorded) == nil
}

// ends reports whether a status ends the run, or this attempt of it.
func ends(tr *v1.TaskRun, status v1.TaskRunStatus) bool {
	return status.Done() || len(status.RetriesStatus) > attempt(tr)
}

// livePod returns the pod of the run's current attempt from the API server; nil if there is none, or if the pod with that
// name has another owner.
func (r *Reconciler) livePod(ctx context.Context, tr *v1.TaskRun) (*corev1.Pod, error) {
	key := podName(tr)
	found := &corev1.Pod{}
	err := r.Live.Get(ctx, key, found)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // nil means that there is none
	case err != nil:
		return nil, fmt.Errorf("cannot get pod %q: %w", key.Name, err)
	case !metav1.IsControlledBy(found, tr):
		return nil, nil //nolint:nilnil // as above
	}
	return found, nil
}

// observeUnseen observes the run again if the API server has a pod of it that the cache does not have yet.
func (r *Reconciler) observeUnseen(ctx context.Context, tr *v1.TaskRun) (obs Observation, found bool, err error) {
	unseen, err := r.livePod(ctx, tr)
	if unseen == nil || err != nil {
		return obs, false, err
	}
	obs, err = r.observeWith(ctx, tr, unseen)
	return obs, true, err
}

// abandon stops the pod of a run that is given up: the known one, or the one in the API server.
func (r *Reconciler) abandon(ctx context.Context, tr *v1.TaskRun, known *corev1.Pod) error {
	if known == nil {
		var err error
		if known, err = r.livePod(ctx, tr); err != nil {
			return err
		}
	}
	return r.stopPod(ctx, known)
}
