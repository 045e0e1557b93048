package taskrun

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// stopDeadline is the active deadline of a pod that is to end, in seconds: the shortest that there is.
const stopDeadline = 1

// stopPod ends the pod's containers. The kubelet stops a pod whose active deadline has passed; the pod stays for inspection
// with its logs and its status. A deadline that something else has set is lowered.
//
// The kubelet counts the deadline from the time at which it first saw the pod. A pod that no kubelet has seen would be
// scheduled and started anyway, so it is deleted: it has no logs.
func (r *Reconciler) stopPod(ctx context.Context, p *corev1.Pod) error {
	if p == nil || podEnded(p) || p.DeletionTimestamp != nil || stopped(p) {
		return nil
	}
	if p.Spec.NodeName == "" || p.Status.StartTime == nil {
		return r.deleteUnseen(ctx, p)
	}
	// Another pod that has the name by now has another UID, which no patch can change: the API server refuses it.
	change := fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:%q}},"spec":{"activeDeadlineSeconds":%d}}`,
		p.UID, v1.AnnotationStoppedAt, r.Clock.Now().UTC().Format(time.RFC3339), stopDeadline)
	err := r.Client.Patch(ctx, p.DeepCopy(), client.RawPatch(types.MergePatchType, change))
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot stop pod %q: %w", p.Name, err)
	}
	return nil
}

// stopEarlier ends the containers of the attempt before that still run. It is kept, with its logs.
func (r *Reconciler) stopEarlier(ctx context.Context, obs Observation) error {
	if !obs.Earlier.lingers() {
		return nil
	}
	return r.stopPod(ctx, obs.Earlier.Pod)
}

// deleteUnseen deletes a pod that no kubelet has seen. If a kubelet has seen it since, the API server refuses the request,
// and the next pass stops the pod in the other way.
func (r *Reconciler) deleteUnseen(ctx context.Context, p *corev1.Pod) error {
	seen := client.Preconditions{UID: &p.UID}
	if p.ResourceVersion != "" {
		seen.ResourceVersion = &p.ResourceVersion
	}
	err := r.Client.Delete(ctx, p, seen)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot delete pod %q, which has not started: %w", p.Name, err)
	}
	return nil
}

// stopped reports whether the controller has asked the kubelet to end the pod.
func stopped(p *corev1.Pod) bool {
	_, noted := stoppedAt(p)
	deadline := p.Spec.ActiveDeadlineSeconds
	return noted && deadline != nil && *deadline <= stopDeadline
}

// stoppedAt is when the controller asked for the pod's end; ok is false when it has not.
func stoppedAt(p *corev1.Pod) (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339, p.Annotations[v1.AnnotationStoppedAt])
	return at, err == nil
}

// defaultGrace is how long containers have to end where the pod does not say.
const defaultGrace = 30 * time.Second

// goneBy is when a pod whose end was asked for has no container left; zero for a pod that may run.
func goneBy(p *corev1.Pod) time.Time {
	at, noted := stoppedAt(p)
	switch {
	case p.DeletionTimestamp != nil:
		return p.DeletionTimestamp.Time
	case !noted:
		return time.Time{}
	}
	if grace := p.Spec.TerminationGracePeriodSeconds; grace != nil {
		return at.Add(time.Duration(*grace) * time.Second)
	}
	return at.Add(defaultGrace)
}

// nodePatience is how long after that a node may take to report the end. One that does not is taken for lost.
const nodePatience = time.Minute

// unstoppable reports whether a pod was to be gone, and its node has not reported that it is.
func (o Observation) unstoppable() bool {
	if o.Pod == nil {
		return false
	}
	due := goneBy(o.Pod)
	return !due.IsZero() && !podEnded(o.Pod) && !o.Now.Before(due.Add(nodePatience))
}
