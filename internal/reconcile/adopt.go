package reconcile

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Owner is a run that owns the objects it creates.
type Owner struct {
	// Client creates the objects, and Live reads them from the API server.
	Client client.Client
	Live   client.Reader
	// Kind is the kind of the run, and Run is the run.
	Kind string
	Run  metav1.Object
}

// ChildKind is a kind of object that a run creates.
type ChildKind[T client.Object] struct {
	// Noun names it in messages.
	Noun string
	// New returns an object to read into.
	New func() T
	// AdoptDeleted chooses what happens to an object of this run that is being deleted. If true, the run adopts it, because
	// it may have begun to work. If false, the run waits until the object is gone, and then creates another.
	AdoptDeleted bool
	// Amend changes an object that the API server has refused with this error, and reports whether it did. Create then sends
	// the object once more. Nil: it never does.
	Amend func(err error, refused T) bool
}

// Creation is the outcome of Create. At most one of Waiting and Refused is set.
type Creation[T client.Object] struct {
	// Object is the object that was created, or that was found with its name.
	Object T
	// Adopted reports that an earlier reconcile of the run created the object.
	Adopted bool
	// Waiting is what the run must wait for before it can create the object. Quota reports that this is a quota.
	Waiting string
	Quota   bool
	// Refused is why the object can never be created. Cause is the error of the API server, if it is the reason.
	Refused string
	Cause   error
}

// Create creates an object. If the run already owns an object with this name, Create adopts it: an earlier reconcile created
// it and could not record it. A returned error is transient.
func Create[T client.Object](ctx context.Context, owner Owner, kind ChildKind[T], wanted T) (Creation[T], error) {
	err := owner.Client.Create(ctx, wanted)
	if err != nil && kind.Amend != nil && kind.Amend(err, wanted) {
		err = owner.Client.Create(ctx, wanted)
	}
	if err == nil {
		return Creation[T]{Object: wanted}, nil
	}
	class := Classify(err)
	switch {
	case meta.IsNoMatchError(err):
		return Creation[T]{Refused: fmt.Sprintf("cannot create %s %q: the API server does not serve this kind (%v); install its CRD",
			kind.Noun, wanted.GetName(), err), Cause: err}, nil
	case apierrors.IsAlreadyExists(err):
		return adopt(ctx, owner, kind, wanted, nil)
	case class == Exhausted:
		return adopt(ctx, owner, kind, wanted, &Creation[T]{Waiting: err.Error(), Quota: true})
	case class == Rejected, class == NotFound, class == TooLarge:
		return adopt(ctx, owner, kind, wanted, &Creation[T]{
			Refused: fmt.Sprintf("the API server refuses %s %q: %v", kind.Noun, wanted.GetName(), err), Cause: err,
		})
	default:
		return Creation[T]{}, fmt.Errorf("cannot create %s %q: %w", kind.Noun, wanted.GetName(), err)
	}
}

// adopt reads the object with the name of the wanted one, and adopts it if the run owns it. The name alone is no proof,
// because any user who may create such objects can choose it.
//
// Refused is the outcome if there is no such object. The API server checks policies and quotas before it checks whether an
// object exists. It may therefore refuse an object that an earlier reconcile has created, and that counts in the quota.
func adopt[T client.Object](ctx context.Context, owner Owner, kind ChildKind[T], wanted T, refused *Creation[T]) (Creation[T], error) {
	found := kind.New()
	err := owner.Live.Get(ctx, client.ObjectKeyFromObject(wanted), found)
	if apierrors.IsNotFound(err) && refused != nil {
		return *refused, nil
	}
	if err != nil {
		return Creation[T]{}, fmt.Errorf("cannot get %s %q: %w", kind.Noun, wanted.GetName(), err)
	}
	return judge(owner, kind, found), nil
}

// FindOrCreate is Create for an object that probably exists: it looks for it first.
func FindOrCreate[T client.Object](ctx context.Context, owner Owner, kind ChildKind[T], wanted T) (Creation[T], error) {
	found := kind.New()
	err := owner.Live.Get(ctx, client.ObjectKeyFromObject(wanted), found)
	switch {
	case err == nil:
		return judge(owner, kind, found), nil
	case !apierrors.IsNotFound(err):
		return Creation[T]{}, fmt.Errorf("cannot get %s %q: %w", kind.Noun, wanted.GetName(), err)
	}
	return Create(ctx, owner, kind, wanted)
}

// judge decides whether the run adopts an object with the name of one that it needs.
func judge[T client.Object](owner Owner, kind ChildKind[T], found T) Creation[T] {
	own := metav1.IsControlledBy(found, owner.Run)
	deleted := found.GetDeletionTimestamp() != nil
	switch {
	case own && (!deleted || kind.AdoptDeleted):
		return Creation[T]{Object: found, Adopted: true}
	case deleted, owner.leftOver(found):
		return Creation[T]{Object: found, Waiting: fmt.Sprintf(
			"%s %q of an earlier run of the same name is still being deleted", kind.Noun, found.GetName())}
	default:
		return Creation[T]{Object: found, Refused: fmt.Sprintf("%s %q exists and does not belong to this %s (UID %s); "+
			"delete it, or run under another name", kind.Noun, found.GetName(), owner.Kind, owner.Run.GetUID())}
	}
}

// leftOver reports whether an object belongs to a deleted run of the same name. The garbage collector will delete such an
// object.
func (o Owner) leftOver(found metav1.Object) bool {
	controller := metav1.GetControllerOf(found)
	return controller != nil && controller.Kind == o.Kind && controller.Name == o.Run.GetName() && controller.UID != o.Run.GetUID()
}
