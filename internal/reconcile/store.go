// Package reconcile holds what the reconcilers of both kinds of run do in the same way.
package reconcile

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// Refusal is why an object cannot be stored with a status, now or later.
type Refusal struct {
	// Cause is what the API server said; nil when the size was computed, and the API server was not asked.
	Cause error
	// Size of the object with the status, in bytes, and Limit that it was held against.
	Size, Limit int
}

// TooLarge reports whether the object is larger than the API server can store.
func (r Refusal) TooLarge() bool { return r.Cause == nil || Classify(r.Cause) == TooLarge }

// String says what happened: who refused what, the size and the limit.
func (r Refusal) String() string {
	switch {
	case r.Cause == nil:
		return fmt.Sprintf("the object with its status has %d bytes when encoded as JSON, more than the limit of %d "+
			"(1.5 MiB for one object, less %d for the API server)", r.Size, r.Limit, objectsize.Reserve)
	case r.TooLarge():
		return fmt.Sprintf("the API server refuses the status as too large; the object has %d bytes when encoded "+
			"as JSON, the limit of etcd is %d: %s",
			r.Size, results.ObjectLimit, short(r.Cause.Error()))
	default:
		return "the API server refuses the status: " + short(r.Cause.Error())
	}
}

// maxCause is how much of an error of the API server a message repeats, in bytes: it can quote the whole invalid value.
const maxCause = 1024

func short(text string) string { return truncate.Counted(text, maxCause) }

// Status says how the statuses of one object are stored.
type Status[S any] struct {
	// Size returns how many bytes the object has when it is stored with a status, and Managed is how many of them are its
	// managed fields.
	Size    func(S) int
	Managed int
	// Write writes a status, and Replace writes one in the place of everything that the object's status and its managed
	// fields hold now, so that the object becomes as small as it can be.
	Write, Replace func(context.Context, S) error
	// Current returns an error that may pass, such as a conflict, unless the API server has the object at the version from
	// which the writes start. It is asked when a write was refused.
	Current func(context.Context) error
	// Lean returns a status that says the same in fewer bytes; the run continues with it.
	Lean func(S) S
	// Abandon stops what the run has started. It is called once, before the first of Cuts is written.
	Abandon func(context.Context) error
	// Cuts return, for a status that was refused, one that ends the run, each with less in it than the one before. The
	// last one has only the outcome.
	Cuts []func(S, Refusal) S
}

// Store writes a status. Where the object cannot be stored with it, as its size or the API server says, the run ends: Store
// abandons it and writes the first of the cuts that can be stored. It makes at most len(Cuts)+2 writes.
//
// It returns what was stored, and why it is not the status that was given; nil when it is. An error is one that may pass, or
// a *FullError.
func (s Status[S]) Store(ctx context.Context, status S) (stored S, refusal *Refusal, err error) {
	if s.Size(status) > objectsize.Limit {
		status = s.Lean(status)
	}
	refusal, err = s.try(ctx, status)
	if refusal == nil {
		return status, nil, err
	}
	if err := s.Abandon(ctx); err != nil {
		return status, refusal, err
	}
	var again *Refusal
	for _, cut := range s.Cuts {
		less := cut(status, *refusal)
		if again, err = s.try(ctx, less); again == nil {
			return less, refusal, err
		}
	}
	least := s.Cuts[len(s.Cuts)-1](status, *refusal)
	if encoded := s.Size(least) - s.Managed; encoded > results.ObjectLimit {
		return status, refusal, &FullError{Refusal{Size: encoded, Limit: results.ObjectLimit}}
	}
	final, err := s.final(ctx, s.Replace(ctx, least))
	if final {
		err = &FullError{Refusal{Cause: err, Size: s.Size(least) - s.Managed, Limit: results.ObjectLimit}}
	}
	return least, refusal, err
}

// FullError says that an object cannot be stored even with its bare outcome. Nothing runs for it any more; only its
// deletion helps.
type FullError struct {
	// Refusal of the bare outcome.
	Refusal Refusal
}

func (e *FullError) Error() string {
	return "cannot store the outcome of the run, nothing of it runs: delete it: " + e.Refusal.String()
}

// try writes a status if the object is within the limit with it, and returns why it cannot be stored. The error is one that
// may pass.
func (s Status[S]) try(ctx context.Context, status S) (*Refusal, error) {
	encoded := s.Size(status)
	if encoded > objectsize.Limit {
		return &Refusal{Size: encoded, Limit: objectsize.Limit}, nil
	}
	final, err := s.final(ctx, s.Write(ctx, status))
	if final {
		return &Refusal{Cause: err, Size: encoded, Limit: objectsize.Limit}, nil
	}
	return nil, err
}

// final reports whether the error of a write is a refusal for ever. The API server applies a JSON patch before it compares
// versions: a patch that removes a field which a newer version does not have is refused as invalid, and no conflict. So a
// refusal counts only where the object is still the one that the patch was made for; otherwise the error is the one of
// Current, which may pass.
func (s Status[S]) final(ctx context.Context, err error) (bool, error) {
	if err == nil || !Final(err) {
		return false, err
	}
	if outdated := s.Current(ctx); outdated != nil {
		return false, outdated
	}
	return true, err
}

// Current returns a conflict unless the API server, which live asks, has an object of this kind at the version that was read.
func Current(ctx context.Context, live client.Reader, kind string, read client.Object) error {
	now := &metav1.PartialObjectMetadata{}
	now.SetGroupVersionKind(v1.GroupVersion.WithKind(kind))
	if err := live.Get(ctx, client.ObjectKeyFromObject(read), now); err != nil {
		return fmt.Errorf("cannot get the version of %s %q after a refused write: %w", kind, read.GetName(), err)
	}
	if now.UID == read.GetUID() && now.ResourceVersion == read.GetResourceVersion() {
		return nil
	}
	return apierrors.NewConflict(schema.GroupResource{Group: v1.GroupName, Resource: strings.ToLower(kind) + "s"}, read.GetName(),
		fmt.Errorf("the write was made for version %s, the API server has version %s", read.GetResourceVersion(), now.ResourceVersion))
}

// Brief shortens the message of an outcome to what even a full object has room for.
func Brief(message string) string {
	const most = 256
	return truncate.Text(strings.ToValidUTF8(message, "?"), most)
}
