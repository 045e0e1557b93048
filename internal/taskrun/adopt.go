package taskrun

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// taskDigest returns 32 characters that distinguish tasks. A label has room for them.
func taskDigest(spec *v1.TaskSpec) string {
	encoded, _ := json.Marshal(spec) //nolint:errchkjson // A spec that was decoded can be encoded.
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:16])
}

// madeFrom reports whether a pod was created from the task with this digest. It returns true for a pod of an earlier version,
// which has no digest.
func madeFrom(p *corev1.Pod, digest string) bool {
	noted, ok := p.Labels[v1.LabelTaskDigest]
	return !ok || noted == digest
}

// unrecorded reports whether a reconcile whose status was not written created the pod from another task than the run has now,
// because the Task was changed in between. The outcome of such a pod must not count as that of the task in the status.
func (o Observation) unrecorded(tr *v1.TaskRun) bool {
	return o.Pod != nil && tr.Status.PodName == "" && o.stopped(tr) == "" && !madeFrom(o.Pod, taskDigest(o.Task.Spec))
}

// replacePod decides what happens to a pod of the run that was created from another task than the run has now. If no node has
// it, it is deleted and created again. Otherwise the run fails: its steps may have started, and must not run twice.
func (r *Reconciler) replacePod(ctx context.Context, p *corev1.Pod) (Effect, error) {
	why := fmt.Sprintf("pod %q was created before the Task changed, and its creation could not be recorded", p.Name)
	if p.Spec.NodeName != "" {
		return Effect{
			Left:    p,
			Outcome: failed(v1.TaskRunReasonPodCreationFailed, why+", and its steps may have started; start the run again"),
		}, r.stopPod(ctx, p)
	}
	return Effect{Waiting: &WaitReason{v1.TaskRunReasonPending, cannotYet("pod", why+"; it is being deleted")}}, r.deleteUnseen(ctx, p)
}
