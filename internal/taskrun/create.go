package taskrun

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// childKind is a kind of object that a run makes.
type childKind[T client.Object] struct {
	// noun names it in messages.
	noun string
	// refused is the reason of a run whose object the API server refuses for ever.
	refused string
	// empty makes an object to read into.
	empty func() T
	// differs reports whether an object that this run owns was made from something else than the one that is wanted, and
	// replace decides what becomes of it. Both are nil where any object of the run will do.
	differs func(found, wanted T) bool
	replace func(ctx context.Context, r *Reconciler, found T) (Effect, error)
}

func podKind() childKind[*corev1.Pod] {
	return childKind[*corev1.Pod]{
		noun: "pod", refused: v1.TaskRunReasonPodCreationFailed, empty: func() *corev1.Pod { return &corev1.Pod{} },
		differs: func(found, wanted *corev1.Pod) bool { return !madeFrom(found, wanted.Labels[v1.LabelTaskDigest]) },
		replace: func(ctx context.Context, r *Reconciler, found *corev1.Pod) (Effect, error) {
			return r.replacePod(ctx, found)
		},
	}
}

func claimKind() childKind[*corev1.PersistentVolumeClaim] {
	return childKind[*corev1.PersistentVolumeClaim]{
		noun: "PersistentVolumeClaim", refused: v1.TaskRunReasonClaimCreationFailed,
		empty: func() *corev1.PersistentVolumeClaim { return &corev1.PersistentVolumeClaim{} },
	}
}

// ends reports whether an action has come to its end before all of it was done.
func (e Effect) ends() bool { return e.Outcome != nil || e.Waiting != nil }

// create makes an object that the run owns, and returns it. One of that name that is this run's already, made by a pass
// whose status was not written, is taken as it is.
func create[T client.Object](ctx context.Context, r *Reconciler, tr *v1.TaskRun, wanted T, kind childKind[T]) (T, Effect, error) {
	err := r.client.Create(ctx, wanted)
	switch {
	case err == nil:
		return wanted, Effect{}, nil
	case apierrors.IsAlreadyExists(err):
		return adopt(ctx, r, tr, wanted, kind)
	}
	switch reconcile.Classify(err) {
	case reconcile.Exhausted:
		return wanted, Effect{Waiting: &Hindrance{v1.TaskRunReasonExceededResourceQuota, cannotYet(kind.noun, err.Error())}}, nil
	case reconcile.Rejected, reconcile.NotFound, reconcile.TooLarge:
		return wanted, Effect{Outcome: failed(kind.refused, fmt.Sprintf(
			"the API server refuses %s %q: %v", kind.noun, wanted.GetName(), err))}, nil
	default:
		return wanted, Effect{}, fmt.Errorf("cannot create %s %q: %w", kind.noun, wanted.GetName(), err)
	}
}

// adopt returns the object that has the wanted name, if this run owns it. A name is no proof: whoever may make such objects
// could have made one that waits there to be believed.
func adopt[T client.Object](ctx context.Context, r *Reconciler, tr *v1.TaskRun, wanted T, kind childKind[T]) (T, Effect, error) {
	found := kind.empty()
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(wanted), found); err != nil {
		return found, Effect{}, fmt.Errorf("cannot get %s %q: %w", kind.noun, wanted.GetName(), err)
	}
	switch {
	case metav1.IsControlledBy(found, tr) && kind.differs != nil && kind.differs(found, wanted):
		effect, err := kind.replace(ctx, r, found)
		return found, effect, err
	case metav1.IsControlledBy(found, tr):
		return found, Effect{}, nil
	case found.GetDeletionTimestamp() != nil || leftover(tr, found):
		return found, Effect{Waiting: &Hindrance{v1.TaskRunReasonPending, cannotYet(kind.noun, fmt.Sprintf(
			"%s %q of an earlier run of the same name is still being deleted", kind.noun, found.GetName()))}}, nil
	default:
		return found, Effect{Outcome: failed(kind.refused, fmt.Sprintf(
			"%s %q exists and does not belong to this TaskRun (UID %s); delete it, or run under another name", kind.noun, found.GetName(), tr.UID))}, nil
	}
}

func cannotYet(noun, why string) string {
	return "the " + noun + " cannot be made yet: " + why
}

// leftover reports whether an object belongs to a TaskRun that had the same name and is gone: the garbage collector is
// about to delete it.
func leftover(tr *v1.TaskRun, found client.Object) bool {
	owner := metav1.GetControllerOf(found)
	return owner != nil && owner.Kind == v1.KindTaskRun && owner.Name == tr.Name && owner.UID != tr.UID
}
