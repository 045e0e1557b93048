package request

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/partial"
)

const (
	// lookPeriod is how often the Client checks whether the cluster serves ResolutionRequests, as long as it does not.
	lookPeriod = 15 * time.Second
	// ownerIndex is the index of the cache for the UID of the run that a request belongs to.
	ownerIndex = "owner"
	// cutAnswer is in the cache in place of an answer.
	cutAnswer = "…"
)

// watcher is the controller of a kind of run.
type watcher interface {
	Watch(source.TypedSource[reconcile.Request]) error
}

// Wakes makes a controller reconcile the runs of a kind when their requests are answered. Call it before the manager starts.
func (c *Client) Wakes(kind string, controller watcher) {
	if c != nil {
		c.wakers[kind] = controller
	}
}

// Trim drops the parts of a request in the cache that no reconcile reads from there: the answer can have more than a megabyte.
func Trim(request *resolutionv1beta1.ResolutionRequest) {
	partial.Request.Put(request)
	request.ManagedFields, request.Annotations, request.Spec = nil, nil, resolutionv1beta1.ResolutionRequestSpec{}
	if s := request.Status; s != nil {
		s.Annotations, s.RefSource, s.Source = nil, nil, nil
		if s.Data != "" {
			s.Data = cutAnswer
		}
	}
}

// AddToManager adds the watch on requests to a manager. The cache of the manager must apply Trim.
func (c *Client) AddToManager(mgr ctrl.Manager) error {
	watch := func(ctx context.Context) error { return c.watch(ctx, mgr.GetRESTMapper(), mgr.GetCache()) }
	if err := mgr.Add(runnable(watch)); err != nil {
		return fmt.Errorf("cannot add the watch on ResolutionRequests to the manager: %w", err)
	}
	return nil
}

// runnable runs in the leading replica, as the controllers that it wakes do.
type runnable func(context.Context) error

// Start runs until the context ends.
func (r runnable) Start(ctx context.Context) error { return r(ctx) }

// watch begins the watch as soon as the cluster serves requests. A watch before that would fail again and again.
func (c *Client) watch(ctx context.Context, mapper meta.RESTMapper, requests cache.Cache) error {
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	kind := resolutionv1beta1.GroupVersion.WithKind(resolutionv1beta1.KindResolutionRequest)
	for {
		_, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err == nil {
			err = c.begin(ctx, requests)
		}
		switch {
		case err == nil:
			ctrl.Log.Info("watching ResolutionRequests")
			return nil
		case !meta.IsNoMatchError(err):
			ctrl.Log.Error(err, "cannot watch ResolutionRequests yet, trying again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-c.needed:
		}
	}
}

// begin begins the watch. The controllers get an event for each request that exists.
func (c *Client) begin(ctx context.Context, requests cache.Cache) error {
	err := requests.IndexField(ctx, &resolutionv1beta1.ResolutionRequest{}, ownerIndex, ownersOf)
	if err != nil {
		return fmt.Errorf("cannot index ResolutionRequests: %w", err)
	}
	for kind, controller := range c.wakers {
		err := controller.Watch(source.Kind[client.Object](requests, &resolutionv1beta1.ResolutionRequest{}, wake(kind, requests)))
		if err != nil {
			return fmt.Errorf("cannot watch the ResolutionRequests of each %s: %w", kind, err)
		}
	}
	c.watched.Store(&requests)
	return nil
}

// ownersOf returns the UID of the run that a request belongs to.
func ownersOf(o client.Object) []string {
	if owner := metav1.GetControllerOf(o); owner != nil {
		return []string{string(owner.UID)}
	}
	return nil
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// wake returns the handler that wakes the runs of a kind.
func wake(kind string, requests client.Reader) handler.EventHandler {
	changed := func(ctx context.Context, o client.Object, q queue) {
		if run, ok := runOf(kind, o); ok && news(ctx, requests, o) {
			q.Add(run)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { changed(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) { changed(ctx, e.ObjectNew, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			if run, ok := runOf(kind, e.Object); ok {
				q.Add(run)
			}
		},
	}
}

// runOf returns the run of a kind that a request belongs to.
func runOf(kind string, o client.Object) (reconcile.Request, bool) {
	owner := metav1.GetControllerOf(o)
	if owner == nil || owner.Kind != kind || owner.APIVersion != v1.GroupVersion.String() {
		return reconcile.Request{}, false
	}
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: owner.Name}}, true
}

// news reports whether a changed request matters to its run: it has failed, or it was the last one without an answer. A run with
// many references is thus not reconciled for each of them.
func news(ctx context.Context, requests client.Reader, o client.Object) bool {
	request, ok := o.(*resolutionv1beta1.ResolutionRequest)
	if !ok || !answered(request) {
		return false
	}
	if request.Succeeded().Status == metav1.ConditionFalse {
		return true
	}
	siblings := &resolutionv1beta1.ResolutionRequestList{}
	err := requests.List(ctx, siblings, client.InNamespace(o.GetNamespace()), client.UnsafeDisableDeepCopy,
		client.MatchingFields{ownerIndex: string(metav1.GetControllerOf(o).UID)})
	if err != nil {
		return true
	}
	for i := range siblings.Items {
		if !answered(&siblings.Items[i]) {
			return false
		}
	}
	return true
}
