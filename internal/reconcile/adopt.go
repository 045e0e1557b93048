package reconcile

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Owner is a run that owns the objects it creates.
type Owner struct {
	// Client creates them, and Live reads them from the API server.
	Client client.Client
	Live   client.Reader
	// Kind of the run, and the run.
	Kind string
	Run  metav1.Object
}

// ChildKind is a kind of object that a run creates.
type ChildKind[T client.Object] struct {
	// Noun names it in messages.
	Noun string
	// New returns an object to read into.
	New func() T
	// AdoptDeleted says what happens to an object of this run that is being deleted. If true, the run adopts it, as it does
	// with one that may have begun to work. Otherwise it waits until the object is gone, and creates another.
	AdoptDeleted bool
}

// Creation is what became of an object that a run was to create. Either Waiting, Refused or neither is set.
type Creation[T client.Object] struct {
	// Object that was created, or that was found under its name.
	Object T
	// Adopted says that an earlier reconcile of the run created it.
	Adopted bool
	// Waiting is what the run must wait for before it can create the object, and Quota says that it is a quota.
	Waiting string
	Quota   bool
	// Refused is why the object cannot be created, now or later.
	Refused string
}

// Create creates an object. If one of that name exists which the run owns, it is adopted: an earlier reconcile created it
// and could not record it. The error is one of the API server's that may pass.
func Create[T client.Object](ctx context.Context, owner Owner, kind ChildKind[T], wanted T) (Creation[T], error) {
	err := owner.Client.Create(ctx, wanted)
	if err == nil {
		return Creation[T]{Object: wanted}, nil
	}
	class := Classify(err)
	switch {
	case apierrors.IsAlreadyExists(err):
		return adopt(ctx, owner, kind, wanted, nil)
	case class == Exhausted:
		return adopt(ctx, owner, kind, wanted, &Creation[T]{Waiting: err.Error(), Quota: true})
	case class == Rejected, class == NotFound, class == TooLarge:
		return adopt(ctx, owner, kind, wanted, &Creation[T]{
			Refused: fmt.Sprintf("the API server refuses %s %q: %v", kind.Noun, wanted.GetName(), err),
		})
	default:
		return Creation[T]{}, fmt.Errorf("cannot create %s %q: %w", kind.Noun, wanted.GetName(), err)
	}
}

// adopt reads the object that has the name of the wanted one, and adopts it if the run owns it. The name is no proof: any
// user who may create such objects can have created this one, for the run to trust.
//
// refused is the answer if there is no such object. The API server asks policies and quotas before it looks whether an object
// exists, so that it may refuse one that an earlier reconcile has created, and that counts in the quota.
func adopt[T client.Object](ctx context.Context, owner Owner, kind ChildKind[T], wanted T, refused *Creation[T]) (Creation[T], error) {
	found := kind.New()
	err := owner.Live.Get(ctx, client.ObjectKeyFromObject(wanted), found)
	if apierrors.IsNotFound(err) && refused != nil {
		return *refused, nil
	}
	if err != nil {
		return Creation[T]{}, fmt.Errorf("cannot get %s %q: %w", kind.Noun, wanted.GetName(), err)
	}
	own := metav1.IsControlledBy(found, owner.Run)
	deleted := found.GetDeletionTimestamp() != nil
	switch {
	case own && (!deleted || kind.AdoptDeleted):
		return Creation[T]{Object: found, Adopted: true}, nil
	case deleted, owner.leftOver(found):
		return Creation[T]{Object: found, Waiting: fmt.Sprintf(
			"%s %q of an earlier run of the same name is still being deleted", kind.Noun, found.GetName())}, nil
	default:
		return Creation[T]{Object: found, Refused: fmt.Sprintf("%s %q exists and does not belong to this %s (UID %s); "+
			"delete it, or run under another name", kind.Noun, found.GetName(), owner.Kind, owner.Run.GetUID())}, nil
	}
}

// leftOver reports whether an object belongs to an earlier run of the same name, which is gone: the garbage collector will
// delete the object.
func (o Owner) leftOver(found metav1.Object) bool {
	controller := metav1.GetControllerOf(found)
	return controller != nil && controller.Kind == o.Kind && controller.Name == o.Run.GetName() && controller.UID != o.Run.GetUID()
}
