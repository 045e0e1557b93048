package taskrun

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// taskDigest returns 32 characters that distinguish tasks. A label has room for them.
func taskDigest(spec *v1.TaskSpec) string {
	encoded, _ := json.Marshal(spec) //nolint:errchkjson // A spec that was decoded can be encoded.
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:16])
}

// madeFrom reports whether a pod was made from the task of this digest. A pod of a version that did not note it is taken for
// one.
func madeFrom(p *corev1.Pod, digest string) bool {
	noted, ok := p.Labels[v1.LabelTaskDigest]
	return !ok || noted == digest
}

// unrecorded reports whether a pod was made by a pass whose status was not written, from another task than the run has now:
// the Task was changed in between. What such a pod does must not be taken for what the task of the status does.
func (o Observation) unrecorded(tr *v1.TaskRun) bool {
	return o.Pod != nil && tr.Status.PodName == "" && o.stopped(tr) == "" && !madeFrom(o.Pod, taskDigest(o.Task.Spec))
}

// replacePod decides what becomes of a pod of the run that was made from another task than it has now. One whose containers
// have not started is deleted, and made anew. Where they have, steps must not run twice: the run fails.
func (r *Reconciler) replacePod(ctx context.Context, p *corev1.Pod) (Effect, error) {
	why := fmt.Sprintf("pod %q was made from the Task as it was before it changed, by a pass that could not record it", p.Name)
	if anyStarted(p) {
		return Effect{
			Left:    p,
			Outcome: failed(v1.TaskRunReasonPodCreationFailed, why+", and its steps have started; start the run again"),
		}, r.stopPod(ctx, p)
	}
	return Effect{Waiting: &WaitReason{v1.TaskRunReasonPending, cannotYet("pod", why+"; it is being deleted")}}, r.deletePod(ctx, p)
}

// anyStarted reports whether a container of the pod runs, or has run.
func anyStarted(p *corev1.Pod) bool {
	return slices.ContainsFunc(slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses), hasStarted)
}
