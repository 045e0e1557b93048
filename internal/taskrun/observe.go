package taskrun

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/verify"
	"github.com/sluice-ci/sluice/internal/transport"
)

// Observation is everything that a pass has read. Nothing writes to it once observe has returned it.
type Observation struct {
	// Now is the time of the pass.
	Now time.Time
	// Config in force.
	Config config.Config
	// Task that the run runs; without a Spec when Unresolvable.
	Task Task
	// Prepared is what the pod is made from; nil once there is a pod, or when Invalid.
	Prepared *Prepared
	// Recordable says that the object has room for a copy of the task's spec in its status.
	Recordable bool
	// Unresolvable is why the task cannot be had.
	Unresolvable error
	// Invalid is which rule of the API the run or its task breaks.
	Invalid error
	// ResultsFrom is how the run's results come back, if it has any.
	ResultsFrom config.ResultsFrom
	// Refusal is why results could not come back from a pod that was made now; nil when they could.
	Refusal *transport.RefusalError
	// Needs are what the pod needs besides; empty once there is a pod.
	Needs Needs
	// Pod of the run; nil while there is none, and when it is gone.
	Pod *corev1.Pod
	// Unrecorded is the pod of the current attempt that a pass made whose status was not written, from another task than the
	// run has now; nil where there is none. Pod is nil then: what it does is not what the task of the status does.
	Unrecorded *corev1.Pod
	// Warnings are what the events of Pod say of why it does not start.
	Warnings Warnings
	// Ended is the pod of a run that has ended, and Earlier that of the attempt before the current one, while there may be
	// one.
	Ended, Earlier Ended
	// Evidence is what is known of how the steps ended.
	Evidence collect.Progress
	// Verdict says whether the results are those that the steps signed; nil before they are there, and where they are not
	// to be signed. Unjudged is why there is none yet.
	Verdict  *verify.Verdict
	Unjudged error
}

// observe reads all that a pass over tr needs. For a run that has ended that is what the cache has of its pod.
func (r *Reconciler) observe(ctx context.Context, tr *v1.TaskRun) (Observation, error) {
	return r.observeWith(ctx, tr, nil)
}

// observeWith is observe where the cache does not have the pod of the run yet.
func (r *Reconciler) observeWith(ctx context.Context, tr *v1.TaskRun, unseen *corev1.Pod) (Observation, error) {
	obs := Observation{Now: r.Clock.Now(), Config: r.Config.Load()}
	if known := flagsOf(tr); known.MaxResultSize > 0 {
		obs.Config.Flags.MaxResultSize = known.MaxResultSize // all attempts of a run go by the same limit
	}
	if tr.Status.Done() {
		r.Images.Forget(keyOf(tr))
		r.events.Forget(keyOf(tr))
		var err error
		obs.Ended, err = r.observeEnded(ctx, tr, tr.Status.PodName, tr.Status.CompletionTime)
		return obs, err
	}
	noteSigning(tr, &obs.Config.Flags)
	if err := r.observeTask(ctx, tr, &obs); err != nil {
		return obs, err
	}
	if err := r.observePod(ctx, tr, &obs); err != nil {
		return obs, err
	}
	obs.Pod = cmp.Or(obs.Pod, unseen)
	if obs.unrecorded(tr) {
		obs.Unrecorded, obs.Pod = obs.Pod, nil
	}
	switch {
	case obs.Unresolvable != nil:
		return obs, r.findEarlier(ctx, tr, &obs)
	case obs.Unrecorded != nil: // what becomes of it is decided before anything else
		return obs, nil
	}
	if obs.Pod != nil || tr.Status.PodName != "" {
		r.Images.Forget(keyOf(tr)) // another attempt asks anew: a tag may have moved
		obs.Evidence = r.Methods.Gather(transport.Run{Name: keyOf(tr), UID: attemptKey(tr), Pod: obs.Pod, Spec: obs.Task.Spec}, chosen(tr))
		r.verify(tr, &obs)
		if obs.Pod != nil {
			obs.Warnings = r.events.Warnings(ctx, keyOf(tr), obs.Pod)
		}
		return obs, nil
	}
	if obs.stopped(tr) != "" {
		return obs, r.findEarlier(ctx, tr, &obs)
	}
	return r.observeUnstarted(ctx, tr, obs)
}

// observeUnstarted reads what a run needs whose pod is to be made.
func (r *Reconciler) observeUnstarted(ctx context.Context, tr *v1.TaskRun, obs Observation) (Observation, error) {
	if err := r.observeEarlier(ctx, tr, &obs); err != nil || obs.Needs.Hindered != nil {
		return obs, err
	}
	if obs.Invalid == nil {
		obs.Prepared, obs.Invalid = prepare(tr, obs.Task, obs.Config.Defaults, r.Judge)
	}
	if obs.Invalid == nil {
		obs.Invalid = permitted(obs.Prepared.Run, obs.Config.Limits())
	}
	if obs.Invalid == nil {
		r.observeSigning(&obs)
	}
	if obs.Invalid != nil || obs.Needs.Blocked != nil || obs.Needs.Hindered != nil {
		return obs, nil
	}
	var err error
	obs.Refusal, err = r.Methods.Permit(ctx, transport.Needed(obs.ResultsFrom, obs.Task.Spec, obs.Config.Flags), tr.Namespace)
	if err != nil || obs.Refusal != nil {
		return obs, err
	}
	return obs, r.observeNeeds(ctx, tr, &obs)
}

// observePod finds the pod of the run's current attempt. One of the right name that belongs to somebody else is as good as
// none; making ours then fails, and says so.
func (r *Reconciler) observePod(ctx context.Context, tr *v1.TaskRun, obs *Observation) error {
	key := types.NamespacedName{Namespace: tr.Namespace, Name: pod.Name(tr.Name, attempt(tr))}
	found := &corev1.Pod{}
	err := r.Client.Get(ctx, key, found)
	switch {
	case apierrors.IsNotFound(err) && tr.Status.PodName != "":
		// It may have been made a moment ago. Before it is called lost, the API server itself is asked.
		obs.Pod, err = r.livePod(ctx, tr)
		return err
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("cannot get pod %q: %w", key.Name, err)
	}
	if metav1.IsControlledBy(found, tr) {
		obs.Pod = found
	}
	return nil
}

// observeEnded finds the pod of a run, or of an attempt, that has ended, in the cache alone.
func (r *Reconciler) observeEnded(ctx context.Context, tr *v1.TaskRun, name string, at *metav1.Time) (Ended, error) {
	ended := Ended{}
	if at != nil {
		ended.At = at.Time
	}
	if name == "" {
		return ended, nil
	}
	found := &corev1.Pod{}
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: tr.Namespace, Name: name}, found)
	if apierrors.IsNotFound(err) {
		return ended, nil
	}
	if err != nil {
		return ended, fmt.Errorf("cannot get pod %q: %w", name, err)
	}
	if metav1.IsControlledBy(found, tr) {
		ended.Pod = found
	}
	return ended, nil
}

// findEarlier finds the pod of the attempt before the current one, if there is one.
func (r *Reconciler) findEarlier(ctx context.Context, tr *v1.TaskRun, obs *Observation) error {
	n := attempt(tr)
	if n == 0 {
		return nil
	}
	var err error
	obs.Earlier, err = r.observeEnded(ctx, tr, pod.Name(tr.Name, n-1), tr.Status.RetriesStatus[n-1].CompletionTime)
	return err
}

// earlierPatience is how long an attempt waits for the pod of the one before: longer than a pod has to end its containers,
// and not for ever, since its node may be lost.
const earlierPatience = 40 * time.Second

// observeEarlier finds out whether the attempt before still has something running. What it does to a volume that both mount
// must not happen while the next attempt works there. A pod that was not asked to end is asked first, and has its time then.
func (r *Reconciler) observeEarlier(ctx context.Context, tr *v1.TaskRun, obs *Observation) error {
	err := r.findEarlier(ctx, tr, obs)
	if err != nil || obs.Earlier.Pod == nil || podEnded(obs.Earlier.Pod) {
		return err
	}
	until := goneBy(obs.Earlier.Pod).Add(earlierPatience - defaultGrace)
	if tr.Status.StartTime != nil && tr.Status.StartTime.Add(earlierPatience).After(until) {
		until = tr.Status.StartTime.Add(earlierPatience)
	}
	if tr.Status.StartTime == nil || obs.Earlier.lingers() || obs.Now.Before(until) {
		obs.Needs.Hindered = &Hindrance{v1.TaskRunReasonPending, messageEarlier}
	}
	return nil
}
