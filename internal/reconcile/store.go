// Package reconcile has the code that the reconcilers of both kinds of run share.
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

// Refusal is why an object can never be stored with a status.
type Refusal struct {
	// Cause is the error of the API server; nil if the size was computed without a request.
	Cause error
	// Size is the length of the object with the status, and Limit the limit that it exceeds, in bytes.
	Size, Limit int
}

// TooLarge reports whether the object is larger than the API server can store.
func (r Refusal) TooLarge() bool { return r.Cause == nil || Classify(r.Cause) == TooLarge }

// String describes the refusal: which component refused what, the size and the limit.
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

// maxCause is the maximum length in bytes of an API server error in a message. The error can quote a complete invalid value.
const maxCause = 1024

func short(text string) string { return truncate.Counted(text, maxCause) }

// Status describes how the statuses of one object are stored.
type Status[S any] struct {
	// Size returns the length in bytes of the object with a status. Managed is the part of it that is managed fields.
	Size    func(S) int
	Managed int
	// Write writes a status. Replace replaces the complete status and the managed fields of the object, so that the object
	// becomes as small as possible.
	Write, Replace func(context.Context, S) error
	// Current returns a transient error, such as a conflict, unless the API server still has the object at the version for
	// which the writes are made. Store calls it after a refused write.
	Current func(context.Context) error
	// Lean returns a status with the same information in fewer bytes. The run continues with it.
	Lean func(S) S
	// Abandon stops everything the run has started. Store calls it once, before it writes the first of Cuts.
	Abandon func(context.Context) error
	// Cuts return a status that ends the run instead of a refused one, each smaller than the previous one. The last has only
	// the outcome.
	Cuts []func(S, Refusal) S
}

// Store writes a status. If the computed size or the API server shows that the object cannot be stored with it, the run ends:
// Store calls Abandon and writes the first of Cuts that can be stored. It makes at most len(Cuts)+2 writes.
//
// It returns the stored status, and the refusal if this is not the given status. A returned error is transient, or is a
// *FullError.
func (s Status[S]) Store(ctx context.Context, status S) (stored S, refusal *Refusal, err error) {
	size := s.Size(status)
	if size > objectsize.Limit {
		status = s.Lean(status)
		size = s.Size(status)
	}
	refusal, err = s.try(ctx, status, size)
	if refusal == nil {
		return status, nil, err
	}
	if err := s.Abandon(ctx); err != nil {
		return status, refusal, err
	}
	var again *Refusal
	for _, cut := range s.Cuts {
		less := cut(status, *refusal)
		if again, err = s.try(ctx, less, s.Size(less)); again == nil {
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

// FullError means that an object cannot be stored even with only its outcome. Nothing of the run is running; only its
// deletion helps.
type FullError struct {
	// Refusal is the refusal of the outcome.
	Refusal Refusal
}

// Error says that only the deletion of the run helps, and why its outcome is refused.
func (e *FullError) Error() string {
	return "cannot store the outcome of the run, nothing of it runs: delete it: " + e.Refusal.String()
}

// try writes a status if the object with it, of this many bytes, is within the limit. It returns why the status cannot be
// stored. A returned error is transient.
func (s Status[S]) try(ctx context.Context, status S, encoded int) (*Refusal, error) {
	if encoded > objectsize.Limit {
		return &Refusal{Size: encoded, Limit: objectsize.Limit}, nil
	}
	final, err := s.final(ctx, s.Write(ctx, status))
	if final {
		return &Refusal{Cause: err, Size: encoded, Limit: objectsize.Limit}, nil
	}
	return nil, err
}

// final reports whether the error of a write is permanent. The API server applies a JSON patch before it compares versions:
// if a newer version lacks a field that the patch removes, the API server reports an invalid patch instead of a conflict. So
// a refusal counts only if the object still has the version of the patch. Otherwise final returns the transient error of
// Current.
func (s Status[S]) final(ctx context.Context, err error) (bool, error) {
	if err == nil || !Final(err) {
		return false, err
	}
	if outdated := s.Current(ctx); outdated != nil {
		return false, outdated
	}
	return true, err
}

// Current returns a conflict unless the API server, read through live, has the object at the version that was read.
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

// Brief shortens the message of an outcome so that it fits even in a full object.
func Brief(message string) string {
	const most = 256
	return truncate.Text(strings.ToValidUTF8(message, "?"), most)
}
