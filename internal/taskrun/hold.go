package taskrun

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
)

// heldSteps is the policy of config/policy/pods. It refuses a pod with injected containers whose first step is not held.
const heldSteps = "sluice-held-steps"

// holdFirst makes the first step of a pod wait, if the API server refused the pod because another component adds containers to it. So
// the step is held before a kubelet can see the pod.
func holdFirst(err error, p *corev1.Pod) bool {
	refused := apierrors.IsInvalid(err) && strings.Contains(err.Error(), "ValidatingAdmissionPolicy '"+heldSteps+"'")
	if !refused || p.Annotations[v1.AnnotationSteps] != v1.StepsFree {
		return false
	}
	p.Annotations[v1.AnnotationSteps] = v1.StepsHeld
	return true
}

// unready returns the statuses of those containers beside the steps that another component has added to the pod, and that are
// neither ready nor ended.
func unready(p *corev1.Pod) []corev1.ContainerStatus {
	return slices.DeleteFunc(pod.InjectedStatuses(p), func(s corev1.ContainerStatus) bool {
		return s.State.Terminated != nil || s.State.Running != nil && s.Ready
	})
}

// holdOf returns whether the steps of a pod must be held or released now.
func holdOf(p *corev1.Pod) Action {
	if p == nil {
		return DoNothing
	}
	ready := len(unready(p)) == 0
	switch p.Annotations[v1.AnnotationSteps] {
	case v1.StepsHeld:
		if ready {
			return ReleaseSteps
		}
	case v1.StepsFree:
		if !ready && !slices.ContainsFunc(containersOf(p).steps, hasStarted) {
			return HoldSteps
		}
	}
	return DoNothing
}

// holdSteps makes the first step of a new pod wait if another component has added containers to it, and the policy that
// holdFirst relies on is not in effect. The controller learns of them from the answer to its request. The kubelet reads the
// annotation when it mounts the volumes of the pod, which is usually later.
func (r *Reconciler) holdSteps(ctx context.Context, p *corev1.Pod) error {
	if holdOf(p) != HoldSteps {
		return nil
	}
	return r.markSteps(ctx, p, v1.StepsHeld)
}

// markSteps records in the pod whether its first step may start.
func (r *Reconciler) markSteps(ctx context.Context, p *corev1.Pod, mark string) error {
	// Another pod with this name has another UID, which no patch can change: the API server refuses the patch.
	change := fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, p.UID, v1.AnnotationSteps, mark)
	err := r.Client.Patch(ctx, p.DeepCopy(), client.RawPatch(types.MergePatchType, change))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot mark the steps of pod %q as %s: %w", p.Name, mark, err)
	}
	return nil
}

// awaitedInjected returns which injected containers the first step of a pod waits for; empty if it does not wait.
func awaitedInjected(p *corev1.Pod) string {
	if p == nil || p.Annotations[v1.AnnotationSteps] != v1.StepsHeld {
		return ""
	}
	var names []string
	for _, s := range unready(p) {
		name := fmt.Sprintf("%q", s.Name)
		if w := s.State.Waiting; w != nil && w.Reason != "" {
			name += " (" + w.Reason + ")"
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	return "injected containers to be ready: " + strings.Join(names, ", ")
}
