// Package pipelinerun brings each PipelineRun to its outcome: it observes, names the state, picks one action, and writes
// the whole status once. It is package taskrun one level up: what a TaskRun's pod is there, TaskRuns are here.
package pipelinerun

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/fault"
	"github.com/sluice-ci/sluice/internal/resolve"
)

// retry is how long a run waits whose next TaskRun cannot be made yet, and which nothing wakes.
const retry = 5 * time.Second

// Dependencies are what a Reconciler works with; all are required.
type Dependencies struct {
	// Client reads from a cache, which may have dropped what Trim drops, and writes to the API server.
	Client client.Client
	// Live reads from the API server: results, and what a cache may not have yet.
	Live client.Reader
	// Recorder takes events.
	Recorder events.EventRecorder
	// Clock tells the time.
	Clock clock.PassiveClock
}

// Reconciler brings PipelineRuns to their outcomes.
type Reconciler struct {
	client   client.Client
	live     client.Reader
	recorder events.EventRecorder
	resolver *resolve.Resolver
	clock    clock.PassiveClock
}

// NewReconciler returns a Reconciler.
func NewReconciler(d Dependencies) *Reconciler {
	return &Reconciler{
		client: d.Client, live: d.Live, recorder: d.Recorder, resolver: resolve.New(d.Client, d.Live), clock: d.Clock,
	}
}

// SetupWithManager makes mgr call the reconciler when a PipelineRun or one of its TaskRuns changes.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, workers int) error {
	return ctrl.NewControllerManagedBy(mgr).Named("pipelinerun").
		For(&v1.PipelineRun{}).
		Owns(&v1.TaskRun{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// Reconcile makes one pass over one PipelineRun.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	pr := &v1.PipelineRun{}
	if err := r.client.Get(ctx, request.NamespacedName, pr); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if pr.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	obs, err := r.observe(ctx, pr)
	if err != nil {
		return ctrl.Result{}, err
	}
	state := stateOf(pr, obs)
	effect, err := r.act(ctx, next(state), pr, obs)
	if err != nil || state == Done {
		return ctrl.Result{}, err
	}
	status := statusFor(pr, state, obs, effect)
	if err := r.write(ctx, pr, status); err != nil {
		return ctrl.Result{}, fault.Retry(err)
	}
	return ctrl.Result{RequeueAfter: wait(status, effect)}, nil
}

// act does what was picked.
func (r *Reconciler) act(ctx context.Context, action Action, pr *v1.PipelineRun, obs Observation) (Effect, error) {
	switch action {
	case CreateTaskRuns:
		return r.createTaskRuns(ctx, pr, obs)
	case DoNothing:
	}
	return Effect{}, nil
}

// write patches the status, if it has changed, and then tells of it. The patch carries the version that the pass has
// read: of two controllers at once, one gets a conflict.
func (r *Reconciler) write(ctx context.Context, pr *v1.PipelineRun, status v1.PipelineRunStatus) error {
	if equality.Semantic.DeepEqual(pr.Status, status) {
		return nil
	}
	after := pr.DeepCopy()
	after.Status = status
	if err := r.client.Status().Patch(ctx, after, client.MergeFromWithOptions(pr, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("cannot write status of PipelineRun %q: %w", pr.Name, err)
	}
	for _, e := range eventsFor(pr.Status, status) {
		r.recorder.Eventf(pr, nil, e.Type, e.Reason, "Reconcile", "%s", e.Note)
	}
	return nil
}

// wait is when to look again without being woken: TaskRuns wake us, what keeps one from being made does not.
func wait(status v1.PipelineRunStatus, effect Effect) time.Duration {
	if status.Done() || effect.Waiting == "" {
		return 0
	}
	return retry
}
