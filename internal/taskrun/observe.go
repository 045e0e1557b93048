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
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/verify"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/trust"
)

// Observation is everything that a reconcile has read of a run. Nothing writes to it once observe has returned it.
type Observation struct {
	// Now is the time of the reconcile.
	Now time.Time
	// Config is the configuration in force.
	Config config.Config
	// Held reports that the user holds the run back. Then nothing else is known about it.
	Held bool
	// SpanContext is the trace of the run; nil if it has none.
	SpanContext map[string]string
	// Flags are the flags for the run: those in force, except where the status records others.
	Flags config.Flags
	// Task is the task of the run; without a Spec if Unresolvable.
	Task Task
	// Recordable reports that the object has room for a copy of the task's spec in its status.
	Recordable bool
	// Unresolvable is why the task is not found, or not trusted.
	Unresolvable error
	// Trust is whether the definitions that this reconcile has fetched are signed.
	Trust trust.Verdict
	// Resolving is what the run waits for, if a resolver has not answered yet. Then the task is unknown.
	Resolving *resolve.PendingError
	// Invalid is why the task cannot be used; see Plan.Invalid for what is wrong with the run or its values.
	Invalid error
	// ResultsFrom is how the run's results are transported, if it has any.
	ResultsFrom config.ResultsFrom
	// Pod is the pod of the run; nil before it is created, and after it is deleted.
	Pod *corev1.Pod
	// Unrecorded is the pod of the current attempt that a reconcile without a written status created from another task than
	// the run has now; nil if there is none. Then Pod is nil, because the outcome of that pod is not that of the task in the
	// status.
	Unrecorded *corev1.Pod
	// Gone is what is known of the pod if it does not exist any more.
	Gone Gone
	// Warnings are the causes in the events of Pod why it does not start.
	Warnings Warnings
	// Ended is the pod of an ended run, and Earlier that of the previous attempt, as long as there may be one.
	Ended, Earlier Ended
	// Evidence is what is known of how the steps ended.
	Evidence collect.Progress
	// Verdict is whether the results are those that the steps signed; nil before there are results, and if they are not
	// signed. Unverified is why there is none yet.
	Verdict    *verify.Verdict
	Unverified error
}

// observe reads the run's task, its pod, and how its steps ended. For an ended run it reads only the pod in the cache.
func (r *Reconciler) observe(ctx context.Context, tr *v1.TaskRun) (Observation, error) {
	return r.observeWith(ctx, tr, nil)
}

// observeWith is observe for a pod of the run that the cache does not have yet.
func (r *Reconciler) observeWith(ctx context.Context, tr *v1.TaskRun, unseen *corev1.Pod) (Observation, error) {
	obs := Observation{Now: r.Clock.Now(), Config: r.Config.Load()}
	obs.Flags = flagsFor(tr, obs.Config.Flags)
	if tr.Status.Done() {
		r.Images.Forget(keyOf(tr))
		r.events.Forget(keyOf(tr))
		r.gone.settle(keyOf(tr))
		var err error
		obs.Ended, err = r.observeEnded(ctx, tr, tr.Status.PodName, tr.Status.CompletionTime)
		return obs, err
	}
	if err := r.observePod(ctx, tr, &obs); err != nil {
		return obs, err
	}
	if obs.Held = held(tr) && obs.Pod == nil && unseen == nil; obs.Held {
		return obs, nil
	}
	obs.SpanContext = spanContext(ctx, tr, obs.Config)
	if err := r.observeTask(ctx, tr, &obs); err != nil {
		return obs, err
	}
	obs.Pod = cmp.Or(obs.Pod, unseen)
	if obs.unrecorded(tr) {
		obs.Unrecorded, obs.Pod = obs.Pod, nil
	}
	switch {
	case obs.Unresolvable != nil, obs.Resolving != nil:
		return obs, r.findEarlier(ctx, tr, &obs)
	case obs.Unrecorded != nil: // this is decided before anything else
		return obs, nil
	case obs.Pod == nil && tr.Status.PodName == "":
		obs.Gone = r.gone.deleted(podName(tr), tr.UID)
		return obs, r.findEarlier(ctx, tr, &obs)
	}
	r.Images.Forget(keyOf(tr)) // another attempt looks images up again, because a tag may have moved
	if removedUnrun(obs.Pod) { // there is nothing to read
		return obs, nil
	}
	obs.Evidence = r.Transports.Progress(transport.Run{Name: keyOf(tr), UID: attemptKey(tr), Pod: obs.Pod, Spec: obs.Task.Spec}, chosen(tr))
	r.verify(tr, &obs)
	if obs.Pod == nil {
		obs.Gone = r.gone.look(keyOf(tr), podName(tr), tr.UID)
	} else {
		obs.Warnings = r.events.Warnings(ctx, keyOf(tr), obs.Pod)
	}
	return obs, nil
}

// podName returns the name of the pod of the run's current attempt.
func podName(tr *v1.TaskRun) types.NamespacedName {
	return types.NamespacedName{Namespace: tr.Namespace, Name: pod.Name(tr.Name, attempt(tr))}
}

// held reports whether the user holds back a run that has not started.
func held(tr *v1.TaskRun) bool {
	return tr.Spec.Status == v1.TaskRunSpecStatusPending && !tr.Status.Begun()
}

// observePod finds the pod of the run's current attempt. If it exists, an earlier report of its deletion was about another pod.
func (r *Reconciler) observePod(ctx context.Context, tr *v1.TaskRun, obs *Observation) error {
	reported := r.gone.reported(podName(tr))
	err := r.findPod(ctx, tr, obs)
	if obs.Pod != nil {
		r.gone.settle(keyOf(tr))
		if reported {
			r.gone.forget(podName(tr))
		}
	}
	return err
}

// findPod finds the pod of the run's current attempt. A pod with its name and another owner counts as missing; the creation of
// the run's pod then fails and reports it.
func (r *Reconciler) findPod(ctx context.Context, tr *v1.TaskRun, obs *Observation) error {
	key := podName(tr)
	found := &corev1.Pod{}
	err := r.Client.Get(ctx, key, found)
	switch {
	case apierrors.IsNotFound(err) && tr.Status.PodName != "":
		// It may have been created just now. Before it counts as lost, the API server is read.
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

// observeEnded finds the pod of an ended run, or attempt, only in the cache.
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

// findEarlier finds the pod of the previous attempt, if there is one.
func (r *Reconciler) findEarlier(ctx context.Context, tr *v1.TaskRun, obs *Observation) error {
	n := attempt(tr)
	if n == 0 {
		return nil
	}
	var err error
	obs.Earlier, err = r.observeEnded(ctx, tr, pod.Name(tr.Name, n-1), tr.Status.RetriesStatus[n-1].CompletionTime)
	return err
}
