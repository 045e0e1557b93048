package sweep

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// queue is where requests wait.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// SetupWithManager makes mgr call the sweeper, on the replica that leads.
func (s *Sweeper) SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("retention").
		Watches(&v1.TaskRun{}, s.handler()).
		Watches(&v1.PipelineRun{}, s.handler()).
		WatchesRawSource(source.Func(s.follow)).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1}). // deletions have a common pace
		Complete(s)
	if err != nil {
		return fmt.Errorf("cannot create the controller of retention: %w", err)
	}
	return nil
}

// handler counts bytes, and starts passes.
func (s *Sweeper) handler() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { s.changed(nil, e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { s.changed(e.ObjectOld, e.ObjectNew, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { s.changed(e.Object, nil, q) },
	}
}

// changed records a change of a run, and starts the passes that it needs. While retention is off, it starts none.
func (s *Sweeper) changed(before, after client.Object, q queue) {
	s.Ledger.Replace(meta(before), meta(after))
	defaults := s.Config.Load().Defaults
	if near(s.Ledger.Total(), defaults.EtcdQuota) {
		q.AddAfter(ctrl.Request{}, pace)
	}
	run := after
	if run == nil {
		run = before
	}
	if defaults.Retention != nil {
		q.AddAfter(ctrl.Request{NamespacedName: types.NamespacedName{Namespace: run.GetNamespace(), Name: passes}}, pace)
	}
}

// passes is the name in each request for a namespace. Requests are the same for all runs of the namespace.
const passes = "runs"

// meta returns an object as an interface that is nil if the object is.
func meta(o client.Object) metav1.Object {
	if o == nil {
		return nil
	}
	return o
}

// follow starts a pass over each namespace when settings change.
func (s *Sweeper) follow(ctx context.Context, q queue) error {
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.Config.Changed():
				s.all(q)
			}
		}
	}()
	return nil
}

// all starts a pass over each namespace, and one over the cluster.
func (s *Sweeper) all(q queue) {
	q.Add(ctrl.Request{})
	for _, namespace := range s.Ledger.Namespaces() {
		q.Add(ctrl.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: passes}})
	}
}
