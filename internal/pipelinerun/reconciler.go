// Package pipelinerun brings each PipelineRun to its outcome: it observes, names the state, picks one action, and writes
// the whole status once. It is package taskrun one level up: what a TaskRun's pod is there, TaskRuns are here.
package pipelinerun

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/cloudevents"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/health"
	"github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/resolve/request"
	"github.com/sluice-ci/sluice/internal/traces"
	"github.com/sluice-ci/sluice/internal/when"
)

// busyPause is the minimum time that a run waits, and half of the maximum, while others hold the memory for results.
// Reconciles that hold it take some tenths of a second.
const busyPause = 250 * time.Millisecond

// Dependencies are the dependencies of a Reconciler; all but Requests and Trust are required.
type Dependencies struct {
	// Client reads from a cache, which may have dropped what Trim drops, and writes to the API server.
	Client client.Client
	// Live reads from the API server: results, and objects that the cache may not have yet.
	Live client.Reader
	// Recorder emits events.
	Recorder events.EventRecorder
	// Config is the configuration in force.
	Config *config.Store
	// Evaluator evaluates when expressions.
	Evaluator *when.Evaluator
	// Clock returns the time.
	Clock clock.PassiveClock
	// Runs decides which PipelineRuns this controller manages.
	Runs ownership.Rule
	// Known returns a status without the fields that the API of the cluster does not have; nil if it has all.
	Known func(v1.PipelineRunStatus) v1.PipelineRunStatus
	// Metrics count the outcomes of runs, and Passes watch the reconciler; nil if they are not needed.
	Metrics *metrics.Runs
	Passes  *health.Passes
	// Traces sends the spans of runs; nil if they are not sent.
	Traces *traces.Exporter
	// Outbox sends messages about runs; nil if none are sent.
	Outbox reconcile.Outbox[*v1.PipelineRun, v1.PipelineRunStatus]
	// Requests fetches definitions through ResolutionRequests; nil if the resolvers of this process are the only ones.
	Requests *request.Client
	// Trust verifies the signatures of what resolvers find; nil if they need none.
	Trust resolve.Verifier
	// Memory is the memory for results that all reconciles share; nil for no limit.
	Memory *budget.Budget
	// Release is the version of the controller; empty if runs do not record it.
	Release string
}

// Reconciler brings PipelineRuns to their outcomes.
type Reconciler struct {
	Dependencies

	resolver *resolve.Resolver
	statuses reconcile.Statuses[*v1.PipelineRun, v1.PipelineRunStatus]
	loop     reconcile.Loop[*v1.PipelineRun, v1.PipelineRunStatus]
	// lost are the children that the API server did not have, each with the UID of its run. No child is created twice.
	lost *lru.Cache
}

// maxLost is how many lost children a reconciler remembers. It reads others from the API server again in each pass.
const maxLost = 1 << 14

// NewReconciler returns a Reconciler.
func NewReconciler(d Dependencies) *Reconciler {
	r := &Reconciler{
		Dependencies: d,
		lost:         lru.New(maxLost),
		resolver:     d.Requests.Join(resolve.New(d.Client, d.Live).Governed(d.Config)).Verified(d.Trust),
		statuses: reconcile.Statuses[*v1.PipelineRun, v1.PipelineRunStatus]{
			Kind: runKind(), Client: d.Client, Live: d.Live, Recorder: d.Recorder, Clock: d.Clock,
			Writes: reconcile.NewWriteTracker(d.Clock), Meter: d.Metrics, Changed: d.Metrics.PipelineRun, Ended: d.Traces.PipelineRun,
			Known: d.Known, Outbox: d.Outbox,
		},
	}
	r.loop = reconcile.Loop[*v1.PipelineRun, v1.PipelineRunStatus]{
		Runs: d.Runs, Statuses: r.statuses, Panics: reconcile.NewPanicTracker(d.Clock), Work: r.reconcile, Abandon: r.cancelUnfinished,
		Options: []client.GetOption{client.UnsafeDisableDeepCopy},
	}
	return r
}

// SetupWithManager makes mgr call the reconciler when a PipelineRun changes, one of its children ends or is deleted, or its
// ResolutionRequests are answered.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, workers int) error {
	built, err := ctrl.NewControllerManagedBy(mgr).Named("pipelinerun").
		For(&v1.PipelineRun{}, builder.WithPredicates(cloudevents.Relevant())).
		Owns(&v1.TaskRun{}, builder.WithPredicates(ends())).
		Owns(&v1.PipelineRun{}, builder.WithPredicates(ends())).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, RateLimiter: reconcile.Backoff()}).
		Build(r.Passes.Watch("pipelinerun", r))
	if err != nil {
		return fmt.Errorf("cannot create the controller of PipelineRuns: %w", err)
	}
	r.Requests.Wakes(v1.KindPipelineRun, built)
	return r.watchCustomRuns(mgr, built)
}

// ends selects the changes of a child that matter to its PipelineRun: its end, the begin and the end of its deletion, and that it gets
// another owner.
func ends() predicate.Predicate {
	done := func(o client.Object) bool {
		child, ok := childOf(o)
		return ok && child.Progress().Done()
	}
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return done(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !done(e.ObjectOld) && done(e.ObjectNew) || controllerOf(e.ObjectOld) != controllerOf(e.ObjectNew) ||
				e.ObjectOld.GetDeletionTimestamp() == nil && e.ObjectNew.GetDeletionTimestamp() != nil
		},
	}
}

// controllerOf returns the UID of the owner that controls an object; "" if there is none.
func controllerOf(o client.Object) types.UID {
	if owner := metav1.GetControllerOf(o); owner != nil {
		return owner.UID
	}
	return ""
}

// Reconcile reconciles one PipelineRun.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	return r.loop.Reconcile(ctx, request)
}

// reconcile observes, plans, acts and writes.
func (r *Reconciler) reconcile(ctx context.Context, pr *v1.PipelineRun) (ctrl.Result, error) {
	obs, err := r.observe(ctx, pr)
	if err != nil {
		return ctrl.Result{}, err
	}
	if pr, err = r.label(ctx, pr, obs); err != nil {
		return ctrl.Result{}, err
	}
	memory := r.Memory.LeaseFor(pr.Namespace)
	defer memory.End()
	plan, err := r.plan(ctx, pr, obs, memory)
	if errors.Is(err, errBusy) {
		return ctrl.Result{RequeueAfter: wait.Jitter(busyPause, 1)}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	state := stateOf(pr, obs, plan)
	effect, err := r.act(ctx, next(state), pr, plan)
	if err != nil {
		return ctrl.Result{}, errors.Join(err, r.noteDelay(ctx, pr, state, obs, plan, err))
	}
	if state == Done {
		return ctrl.Result{}, nil
	}
	status, found := statusFor(pr, state, obs, plan, effect)
	if status, err = r.store(ctx, pr, status); err != nil {
		return ctrl.Result{}, reconcile.Retry(err)
	}
	if found.oversize {
		r.Metrics.Oversize(metrics.FoundBefore)
	}
	r.warn(pr, found)
	return ctrl.Result{RequeueAfter: wakeAfter(status, obs, plan, effect)}, nil
}

// plan decides what each task does next. For a run without tasks, and for one whose tasks were not observed, it decides nothing.
func (r *Reconciler) plan(ctx context.Context, pr *v1.PipelineRun, obs Observation, memory *budget.Lease) (Plan, error) {
	if len(obs.Tasks) == 0 {
		return Plan{}, nil
	}
	l := &loader{
		read: r.read, lease: memory,
		orphans: func(ctx context.Context) (map[string][]Child, error) { return r.orphans(ctx, pr, obs) },
	}
	return l.complete(ctx, Inputs{Run: pr, Obs: obs, Evaluator: r.Evaluator, Builder: newChildBuilder(pr, obs)})
}

// noteDelay records the start of a run whose first TaskRuns could not be created because of a transient error. Without a
// start it would have no deadline while the error lasts.
func (r *Reconciler) noteDelay(ctx context.Context, pr *v1.PipelineRun, state State, obs Observation, plan Plan, cause error) error {
	if pr.Status.StartTime != nil || !reconcile.Answered(cause) || state != Startable {
		return nil
	}
	status, _ := statusFor(pr, state, obs, plan, Effect{Waiting: cause.Error()})
	_, err := r.store(ctx, pr, status)
	return reconcile.Retry(err)
}

// act performs the action.
func (r *Reconciler) act(ctx context.Context, action Action, pr *v1.PipelineRun, plan Plan) (Effect, error) {
	switch action {
	case StartTasks:
		return r.startTasks(ctx, pr, plan)
	case CancelChildren:
		return Effect{}, r.cancelChildren(ctx, toCancel(plan))
	case CancelUnrecorded:
		return Effect{}, r.cancelUnrecorded(ctx, pr)
	case DoNothing:
	}
	return Effect{}, nil
}

// wakeAfter returns when the run must be reconciled without an event: at the next deadline, or sooner if a TaskRun cannot be
// created now. The ends of TaskRuns cause events, and so do the writes of this reconcile.
func wakeAfter(status v1.PipelineRunStatus, obs Observation, plan Plan, effect Effect) time.Duration {
	now := obs.Now
	if status.Done() {
		return 0
	}
	if obs.Resolving != nil {
		return reconcile.Until(now, after(status.StartTime.Time, obs.Timeouts.Pipeline), obs.Resolving.Due)
	}
	if effect.Waiting != "" {
		return reconcile.RetryPeriod
	}
	return reconcile.Until(now, append(plan.Deadlines.ahead(now), plan.giveUps(now)...)...)
}
