package request

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/resolve"
)

// ours reports whether a request belongs to the run, and is not being deleted.
func ours(found metav1.Object, wanted resolve.Request) bool {
	return metav1.IsControlledBy(found, wanted.Run.Object) && found.GetDeletionTimestamp() == nil
}

// obtain returns the request with its answer. It creates the request if it does not exist: in the first reconcile of a run, or
// after it was deleted. The error is a *resolve.PendingError if the request cannot be created yet.
func (c *Client) obtain(ctx context.Context, request *resolutionv1beta1.ResolutionRequest, w *wait) (
	*resolutionv1beta1.ResolutionRequest, error,
) {
	run := w.wanted.Run
	if run.Ending {
		return c.existing(ctx, request, w)
	}
	owner := reconcile.Owner{Client: c.Client, Live: c.Live, Kind: run.Kind, Run: run.Object}
	kind := reconcile.ChildKind[*resolutionv1beta1.ResolutionRequest]{
		Noun: resolutionv1beta1.KindResolutionRequest,
		New:  func() *resolutionv1beta1.ResolutionRequest { return &resolutionv1beta1.ResolutionRequest{} },
	}
	create := reconcile.Create[*resolutionv1beta1.ResolutionRequest]
	if !run.Start.IsZero() {
		create = reconcile.FindOrCreate[*resolutionv1beta1.ResolutionRequest]
	}
	creation, err := create(ctx, owner, kind, request)
	switch {
	case unserved(err), unserved(creation.Cause):
		return nil, w.unserved()
	case err != nil:
		return nil, err
	case creation.Refused != "":
		return nil, fmt.Errorf("%w: %s", resolve.ErrUnresolvable, creation.Refused)
	case creation.Waiting != "":
		w.because = creation.Waiting
		return &resolutionv1beta1.ResolutionRequest{}, nil
	}
	return creation.Object, nil
}

// existing returns the request of a run that ends, if it exists.
func (c *Client) existing(ctx context.Context, request *resolutionv1beta1.ResolutionRequest, w *wait) (
	*resolutionv1beta1.ResolutionRequest, error,
) {
	found := &resolutionv1beta1.ResolutionRequest{}
	err := c.Live.Get(ctx, client.ObjectKeyFromObject(request), found)
	switch {
	case unserved(err), apierrors.IsNotFound(err), err == nil && !ours(found, w.wanted):
		return nil, w.pending(w.due())
	case err != nil:
		return nil, fmt.Errorf("cannot get ResolutionRequest %q: %w", request.Name, err)
	}
	return found, nil
}

// unserved reports whether the API server does not serve ResolutionRequests. If its CRD was deleted a moment ago, the API server
// responds with "not found", but names no object.
func unserved(err error) bool {
	if err == nil {
		return false
	}
	if meta.IsNoMatchError(err) {
		return true
	}
	status, ok := apierrors.StatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
	return ok && apierrors.IsNotFound(err) && status.Message != ""
}
