package taskrun

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/extract"
	"github.com/sluice-ci/sluice/internal/fault"
	"github.com/sluice-ci/sluice/internal/pod"
)

// createPod builds the pod and makes it. A pod of that name that is this run's already, made by a pass whose status
// was not written, is taken as it is.
func (r *Reconciler) createPod(ctx context.Context, tr *v1.TaskRun, obs Observation) (Effect, error) {
	if attempt(tr) > 0 {
		r.methods.Forget(keyOf(tr)) // of the attempts before this one, which has no pod yet
	}
	from := extract.Needed(obs.ResultsFrom, obs.Spec)
	wanted, err := pod.Build(pod.Input{
		TaskRun: tr, Spec: obs.Substituted, Config: obs.Config, Nonce: rand.Text(),
		ResultsFrom: from, Carrier: r.methods[from],
		Image: r.inpod.Image, Delivery: r.inpod.Delivery, Retry: attempt(tr), Settings: settings(obs.Config),
	})
	var limit *pod.LimitError
	switch {
	case errors.As(err, &limit):
		return Effect{Outcome: failed(v1.TaskRunReasonValidationFailed, limit.Error())}, nil
	case err != nil:
		return Effect{}, fmt.Errorf("cannot build pod for TaskRun %q: %w", tr.Name, err)
	}
	err = r.client.Create(ctx, wanted)
	switch {
	case err == nil:
		return Effect{Pod: wanted, Created: true}, nil
	case apierrors.IsAlreadyExists(err):
		return r.adopt(ctx, tr, wanted)
	}
	switch fault.Of(err) {
	case fault.Waiting:
		return Effect{Waiting: &Hindrance{v1.TaskRunReasonExceededResourceQuota, "the pod cannot be made yet: " + err.Error()}}, nil
	case fault.Refused, fault.Gone, fault.TooLarge:
		return Effect{Outcome: failed(v1.TaskRunReasonPodCreationFailed,
			fmt.Sprintf("the API server refuses pod %q: %v", wanted.Name, err))}, nil
	default:
		return Effect{}, fmt.Errorf("cannot create pod %q: %w", wanted.Name, err)
	}
}

// settings are what the installation's configuration says of all pods.
func settings(c config.Config) pod.Settings {
	return pod.Settings{
		SecurityContext: c.Flags.SecurityContext, ReadOnlyRootFilesystem: c.Flags.ReadOnlyRootFilesystem,
		SkipSidecarReadiness: !c.Flags.AwaitSidecars, PodTemplate: c.Defaults.PodTemplate, Resources: c.Defaults.ContainerResources,
	}
}

// adopt returns the pod that has the wanted name, if this run owns it. A name is no proof: whoever may make pods could
// have made one that waits there to be believed.
func (r *Reconciler) adopt(ctx context.Context, tr *v1.TaskRun, wanted *corev1.Pod) (Effect, error) {
	found := &corev1.Pod{}
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(wanted), found); err != nil {
		return Effect{}, fmt.Errorf("cannot get pod %q: %w", wanted.Name, err)
	}
	switch {
	case metav1.IsControlledBy(found, tr):
		return Effect{Pod: found}, nil
	case found.DeletionTimestamp != nil || leftover(tr, found):
		return Effect{Waiting: &Hindrance{v1.TaskRunReasonPending, fmt.Sprintf(
			"the pod cannot be made yet: pod %q of an earlier run of the same name is still being deleted", found.Name)}}, nil
	default:
		return Effect{Outcome: failed(v1.TaskRunReasonPodCreationFailed, fmt.Sprintf(
			"pod %q exists and does not belong to this TaskRun (UID %s); delete it, or run under another name", found.Name, tr.UID))}, nil
	}
}

// leftover reports whether a pod belongs to a TaskRun that had the same name and is gone: the garbage collector is about
// to delete it.
func leftover(tr *v1.TaskRun, found *corev1.Pod) bool {
	owner := metav1.GetControllerOf(found)
	return owner != nil && owner.Kind == v1.KindTaskRun && owner.Name == tr.Name && owner.UID != tr.UID
}
