// Package taskrun brings each TaskRun to its outcome: it observes, plans the pod, names the state, picks one action, and
// writes the whole status once.
package taskrun

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/health"
	"github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/resolve/request"
	"github.com/sluice-ci/sluice/internal/traces"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/when"
)

// Inpod is the in-pod binary: its image, and how it gets into the containers.
type Inpod struct {
	Image string
	// SigningImage is the image of the binary with signatures; empty if there is none.
	SigningImage string
	Delivery     pod.Delivery
}

// Dependencies are the dependencies of a Reconciler; all but Requests, Trust and Bundles are required.
type Dependencies struct {
	// Client reads from a cache and writes to the API server.
	Client client.Client
	// Live reads from the API server, because a cache may not show the latest writes of this controller.
	Live client.Reader
	// Recorder emits events.
	Recorder events.EventRecorder
	// Config is the configuration in force.
	Config *config.Store
	// Transports are the ways in which results leave pods.
	Transports transport.Transports
	// Images looks up the commands of images.
	Images ImageLookup
	// Evaluator evaluates CEL expressions.
	Evaluator *when.Evaluator
	// Wake has the runs for which a Transport has news.
	Wake <-chan event.GenericEvent
	// Inpod is the in-pod binary.
	Inpod Inpod
	// Clock returns the time.
	Clock clock.PassiveClock
	// Runs decides which TaskRuns this controller manages.
	Runs ownership.Rule
	// Known returns a status without the fields that the API of the cluster does not have; nil if it has all.
	Known func(v1.TaskRunStatus) v1.TaskRunStatus
	// Metrics count the outcomes of runs, and Passes watch the reconciler; nil if they are not needed.
	Metrics *metrics.Runs
	Passes  *health.Passes
	// Traces sends the spans of runs; nil if they are not sent.
	Traces *traces.Exporter
	// Outbox sends messages about runs; nil if none are sent.
	Outbox reconcile.Outbox[*v1.TaskRun, v1.TaskRunStatus]
	// Requests fetches definitions through ResolutionRequests; nil if the resolvers of this process are the only ones.
	Requests *request.Client
	// Trust verifies the signatures of what resolvers find; nil if they need none.
	Trust resolve.Verifier
	// Bundles returns the trusted authorities for signatures; nil if the controller has no Workload API.
	Bundles BundleSource
}

// Reconciler brings TaskRuns to their outcomes.
type Reconciler struct {
	Dependencies

	resolver *resolve.Resolver
	events   *podEvents
	statuses reconcile.Statuses[*v1.TaskRun, v1.TaskRunStatus]
	loop     reconcile.Loop[*v1.TaskRun, v1.TaskRunStatus]
	// unguarded are the namespaces in which the API server stored a pod with injected containers whose first step was free, each
	// with the time of the last such pod.
	unguarded *lru.Cache
	gone      *gonePods
}

// NewReconciler returns a Reconciler.
func NewReconciler(d Dependencies) *Reconciler {
	r := &Reconciler{
		Dependencies: d,
		unguarded:    lru.New(maxUnguarded),
		gone:         newGonePods(d.Clock),
		resolver:     d.Requests.Join(resolve.New(d.Client, d.Live).Governed(d.Config)).Verified(d.Trust),
		events:       newPodEvents(d.Live, d.Clock),
		statuses: reconcile.Statuses[*v1.TaskRun, v1.TaskRunStatus]{
			Kind: runKind(), Client: d.Client, Live: d.Live, Recorder: d.Recorder, Clock: d.Clock,
			Writes: reconcile.NewWriteTracker(d.Clock), Meter: d.Metrics, Changed: d.Metrics.TaskRun, Ended: d.Traces.TaskRun,
			Known: knownTo(d), Outbox: d.Outbox,
		},
	}
	r.loop = reconcile.Loop[*v1.TaskRun, v1.TaskRunStatus]{
		Runs: d.Runs, Statuses: r.statuses, Panics: reconcile.NewPanicTracker(d.Clock), Forget: r.forget, Work: r.reconcile, Abandon: r.giveUp,
	}
	return r
}

// Wakeup returns the event that causes a reconcile of the TaskRun with this name.
func Wakeup(name types.NamespacedName) event.GenericEvent {
	tr := &v1.TaskRun{}
	tr.Namespace, tr.Name = name.Namespace, name.Name
	return event.GenericEvent{Object: tr}
}

// SetupWithManager makes mgr call the reconciler when a TaskRun, its pod, its ResolutionRequests, or the collection of its results
// changes.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, workers int) error {
	owner := handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &v1.TaskRun{}, handler.OnlyControllerOwner())
	built, err := ctrl.NewControllerManagedBy(mgr).Named("taskrun").
		For(&v1.TaskRun{}, builder.WithPredicates(cloudevents.Relevant())).
		Watches(&corev1.Pod{}, podEventHandler{owner, r.gone}).
		WatchesRawSource(source.Channel(r.Wake, &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, RateLimiter: reconcile.Backoff()}).
		Build(r.Passes.Watch("taskrun", r))
	if err != nil {
		return fmt.Errorf("cannot create the controller of TaskRuns: %w", err)
	}
	r.Requests.Wakes(v1.KindTaskRun, built)
	return nil
}

// Reconcile reconciles one TaskRun.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	return r.loop.Reconcile(ctx, request)
}

// forget drops everything about a deleted run.
func (r *Reconciler) forget(run types.NamespacedName) {
	r.Transports.Forget(run)
	r.Images.Forget(run)
	r.events.Forget(run)
	r.gone.settle(run)
}

// reconcile observes, plans, acts and writes.
func (r *Reconciler) reconcile(ctx context.Context, tr *v1.TaskRun) (ctrl.Result, error) {
	obs, err := r.observe(ctx, tr)
	if err != nil {
		return ctrl.Result{}, err
	}
	return r.proceed(ctx, tr, obs)
}

// proceed plans, acts and writes.
func (r *Reconciler) proceed(ctx context.Context, tr *v1.TaskRun, obs Observation) (ctrl.Result, error) {
	plan, err := r.plan(ctx, tr, obs)
	if err != nil {
		return ctrl.Result{}, err
	}
	if plan.Needs.quiet() {
		return ctrl.Result{RequeueAfter: quietPeriod}, nil
	}
	state := stateOf(tr, obs, plan)
	effect, err := r.act(ctx, next(state, obs), tr, obs, plan)
	if err != nil {
		return ctrl.Result{}, errors.Join(err, r.noteDelay(ctx, tr, state, obs, plan, err))
	}
	if state == Done {
		return ctrl.Result{RequeueAfter: obs.Ended.wait(obs.Now)}, r.recordSidecars(ctx, tr, obs.Ended.Pod)
	}
	status, oversize := statusFor(tr, state, obs, plan, effect)
	if endsWithoutPod(tr, status, obs, effect) {
		again, found, err := r.observeUnseen(ctx, tr)
		if err != nil {
			return ctrl.Result{}, err
		}
		if found {
			return r.proceed(ctx, tr, again)
		}
	}
	if err = r.propagateLabels(ctx, tr, obs.Task); err == nil {
		status, err = r.store(ctx, tr, cmp.Or(effect.Pod, obs.Pod, obs.Unrecorded), status)
	}
	if err != nil {
		return ctrl.Result{}, reconcile.Retry(err)
	}
	r.Metrics.PodStarted(tr, &status, obs.Pod)
	if oversize {
		r.Metrics.Oversize(metrics.FoundBefore)
	}
	return ctrl.Result{RequeueAfter: wait(tr, status, obs, plan, effect)}, nil
}

// noteDelay records the start of a run whose pod could not be created because of a transient error. Without a start it would
// have no deadline while the error lasts.
func (r *Reconciler) noteDelay(ctx context.Context, tr *v1.TaskRun, state State, obs Observation, plan Plan, cause error) error {
	if tr.Status.StartTime != nil || !reconcile.Answered(cause) || state != Unstarted {
		return nil
	}
	status, _ := statusFor(tr, state, obs, plan, Effect{Waiting: &WaitReason{v1.TaskRunReasonPending, cannotYet("pod", cause.Error())}})
	err := r.propagateLabels(ctx, tr, obs.Task)
	if err == nil {
		_, err = r.store(ctx, tr, obs.Pod, status)
	}
	return reconcile.Retry(err)
}

// act performs the action.
func (r *Reconciler) act(ctx context.Context, action Action, tr *v1.TaskRun, obs Observation, plan Plan) (Effect, error) {
	switch action {
	case CreatePod:
		return r.createPod(ctx, tr, obs, plan)
	case ReplacePod:
		return r.replacePod(ctx, obs.Unrecorded)
	case StopPod:
		return Effect{}, errors.Join(r.stopPod(ctx, cmp.Or(obs.Pod, obs.Unrecorded)), r.stopEarlier(ctx, obs))
	case RemakePod:
		return r.remakePod(ctx, tr)
	case StopEarlier:
		return Effect{}, r.stopEarlier(ctx, obs)
	case StopEnded:
		r.Transports.Forget(keyOf(tr))
		return Effect{}, r.stopPod(ctx, obs.Ended.Pod)
	case ReleaseSteps:
		return Effect{}, r.releaseSteps(ctx, obs.Pod)
	case DeletePod:
		return Effect{}, errors.Join(r.deletePod(ctx, obs.Pod), r.stopEarlier(ctx, obs))
	case Release:
		r.Transports.Forget(keyOf(tr))
	case DoNothing:
	}
	return Effect{}, nil
}

func keyOf(tr *v1.TaskRun) types.NamespacedName {
	return types.NamespacedName{Namespace: tr.Namespace, Name: tr.Name}
}
