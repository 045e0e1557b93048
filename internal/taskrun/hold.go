package taskrun

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// heldSteps is the policy of config/policy/pods. It refuses a pod with injected containers whose first step is not held.
const heldSteps = "sluice-held-steps"

// reasonStepsNotHeld is the reason of the event about a first step that does not wait for injected containers.
const reasonStepsNotHeld = "StepsNotHeld"

// holdFirst makes the first step of a pod wait, if the API server refused the pod because another component adds containers to it. So
// the step is held before a kubelet can see the pod.
func holdFirst(err error, p *corev1.Pod) bool {
	refused := apierrors.IsInvalid(err) && strings.Contains(err.Error(), "ValidatingAdmissionPolicy '"+heldSteps+"'")
	if !refused || p.Annotations[v1.AnnotationSteps] != v1.StepsFree {
		return false
	}
	pod.Hold(p)
	return true
}

// unready returns the statuses of those containers beside the steps that another component has added to the pod, and that are
// neither ready nor ended.
func unready(p *corev1.Pod) []corev1.ContainerStatus {
	return slices.DeleteFunc(pod.InjectedStatuses(p), func(s corev1.ContainerStatus) bool {
		return s.State.Terminated != nil || s.State.Running != nil && s.Ready
	})
}

// releaseOf returns whether the first step of a pod must be released now.
func releaseOf(p *corev1.Pod) Action {
	if p != nil && p.Annotations[v1.AnnotationSteps] == v1.StepsHeld && len(unready(p)) == 0 {
		return ReleaseSteps
	}
	return DoNothing
}

// releaseSteps lets the first step of a pod start.
func (r *Reconciler) releaseSteps(ctx context.Context, p *corev1.Pod) error {
	// Another pod with this name has another UID, which no patch can change: the API server refuses the patch.
	change := fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, p.UID, v1.AnnotationSteps, v1.StepsReleased)
	err := r.Client.Patch(ctx, p.DeepCopy(), client.RawPatch(types.MergePatchType, change))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot release the steps of pod %q: %w", p.Name, err)
	}
	return nil
}

const (
	// maxUnguarded is the number of namespaces that a reconciler remembers as unguarded.
	maxUnguarded = 1000
	// unguardedFor is how long it remembers one after the last pod with injected containers.
	unguardedFor = time.Hour
)

// learnInjection looks at the pod of a run as the API server has stored it. If it has injected containers although its first step is
// free, the policy is not in effect. The step does not wait, and an event says so. Later pods of the namespace are held from the
// beginning, also those without injected containers, because only the created pod shows them.
func (r *Reconciler) learnInjection(tr *v1.TaskRun, stored *corev1.Pod) {
	injected := pod.InjectedStatuses(stored)
	if len(injected) == 0 {
		return
	}
	mark := stored.Annotations[v1.AnnotationSteps]
	if mark == v1.StepsFree || r.isUnguarded(tr.Namespace) {
		r.unguarded.Add(tr.Namespace, r.Clock.Now())
	}
	if mark == v1.StepsFree {
		r.Recorder.Eventf(tr, nil, corev1.EventTypeWarning, reasonStepsNotHeld, "Reconcile", "%s", reconcile.Note(fmt.Sprintf(
			"the first step of pod %q does not wait for the injected container %q: the policy %s did not refuse the pod; check that "+
				"the policy is installed", stored.Name, injected[0].Name, heldSteps)))
	}
}

// isUnguarded reports whether pods of a namespace are held from the beginning.
func (r *Reconciler) isUnguarded(namespace string) bool {
	since, known := r.unguarded.Get(namespace)
	if !known {
		return false
	}
	learned, _ := since.(time.Time)
	return r.Clock.Since(learned) < unguardedFor
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
