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

// stopDeadline is the active deadline of a pod to stop, in seconds: the shortest possible one.
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
	// Another pod with this name has another UID, which no patch can change: the API server refuses the patch.
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

// stopEarlier stops the containers of the previous attempt that still run. Its pod is kept, with its logs.
func (r *Reconciler) stopEarlier(ctx context.Context, obs Observation) error {
	if !obs.Earlier.lingers() {
		return nil
	}
	return r.stopPod(ctx, obs.Earlier.Pod)
}

// deleteUnseen deletes a pod that no kubelet has seen. If a kubelet has seen it meanwhile, the API server refuses the
// request, and the next reconcile stops the pod by its deadline.
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

// stopped reports whether the controller has requested the end of the pod.
func stopped(p *corev1.Pod) bool {
	_, noted := stoppedAt(p)
	deadline := p.Spec.ActiveDeadlineSeconds
	return noted && deadline != nil && *deadline <= stopDeadline
}

// stoppedAt returns when the controller requested the pod's end; ok is false if it has not.
func stoppedAt(p *corev1.Pod) (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339, p.Annotations[v1.AnnotationStoppedAt])
	return at, err == nil
}

// defaultGrace is the time for containers to end if the pod has no grace period.
const defaultGrace = 30 * time.Second

// goneBy returns when a stopped pod must have no running container any more; zero for a pod that is not stopped.
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

// nodePatience is the additional time for a node to report the end. After that the node counts as lost.
const nodePatience = time.Minute

// unstoppable reports whether a stopped pod should have ended, and its node has not reported that.
func (o Observation) unstoppable() bool {
	if o.Pod == nil {
		return false
	}
	due := goneBy(o.Pod)
	return !due.IsZero() && !podEnded(o.Pod) && !o.Now.Before(due.Add(nodePatience))
}
