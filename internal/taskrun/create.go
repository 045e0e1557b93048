package taskrun

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

func podKind() reconcile.ChildKind[*corev1.Pod] {
	return reconcile.ChildKind[*corev1.Pod]{
		Noun: "pod", New: func() *corev1.Pod { return &corev1.Pod{} }, AdoptDeleted: true, Amend: holdFirst,
	}
}

// ends reports whether an action has ended before it was complete.
func (e Effect) ends() bool { return e.Outcome != nil || e.Waiting != nil }

// create creates an object that the run owns, or adopts it. If the effect does not end the action, the run has the object.
// Refused is the reason for a run whose object can never be created.
func create[T client.Object](
	ctx context.Context, r *Reconciler, tr *v1.TaskRun, kind reconcile.ChildKind[T], wanted T, refused string,
) (reconcile.Creation[T], Effect, error) {
	owner := reconcile.Owner{Client: r.Client, Live: r.Live, Kind: v1.KindTaskRun, Run: tr}
	creation, err := reconcile.Create(ctx, owner, kind, wanted)
	switch {
	case err != nil:
		return creation, Effect{}, err
	case creation.Refused != "":
		return creation, Effect{Outcome: failed(refusalReason(refused, creation.Refused), creation.Refused)}, nil
	case creation.Quota:
		return creation, Effect{Waiting: &WaitReason{v1.TaskRunReasonExceededResourceQuota, cannotYet(kind.Noun, creation.Waiting)}}, nil
	case creation.Waiting != "":
		return creation, Effect{Waiting: &WaitReason{v1.TaskRunReasonPending, cannotYet(kind.Noun, creation.Waiting)}}, nil
	}
	return creation, Effect{}, nil
}

// refusalReason returns the reason of a run for a refused object: another than the usual one for a pod that Pod Security, or a
// security context constraint, refuses.
func refusalReason(usual, message string) string {
	admission := strings.Contains(message, "violates PodSecurity") || strings.Contains(message, "security context constraint")
	if usual == v1.TaskRunReasonPodCreationFailed && admission {
		return v1.TaskRunReasonPodAdmissionFailed
	}
	return usual
}

func cannotYet(noun, why string) string {
	return "the " + noun + " cannot be made yet: " + why
}
