package taskrun

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// maxRemade is how many pods of one attempt are made again, so that a pod that is always removed does not keep its run forever.
const maxRemade = 3

// remade returns how many pods of the current attempt were made again.
func remade(tr *v1.TaskRun) int {
	of, count, _ := strings.Cut(tr.Annotations[v1.AnnotationPodsRemade], "/")
	n, err := strconv.Atoi(count)
	if of != strconv.Itoa(attempt(tr)) || err != nil || n < 0 {
		return 0
	}
	return n
}

// remadeNote returns the annotation of a run after one more pod of its current attempt is made again.
func remadeNote(tr *v1.TaskRun) string { return fmt.Sprintf("%d/%d", attempt(tr), remade(tr)+1) }

// begun reports whether a step of the current attempt has started, as the status or the pod shows. The pod may be nil.
func begun(tr *v1.TaskRun, p *corev1.Pod) bool {
	if c := tr.Status.Condition(); c != nil && c.Reason == v1.TaskRunReasonRunning {
		return true
	}
	if slices.ContainsFunc(tr.Status.Steps, func(s v1.StepState) bool { return s.Running != nil || s.Terminated != nil }) {
		return true
	}
	return p != nil && stepSeen(p)
}

// remakable reports whether a pod that another component removes may be made again, if its last state proves that no step of it has
// run: nothing else that is known contradicts that.
func (o Observation) remakable(tr *v1.TaskRun) bool {
	e := o.Evidence
	return tr.Status.PodName != "" && remade(tr) < maxRemade && e.Set == nil && !e.Unread && !e.GaveUp && !begun(tr, o.Pod)
}

// vanishing reports whether the pod has ended because another component removes it, and its node says that no step has run. A pod that
// was evicted is still there; one that is deleted must be gone within nodePatience.
func (o Observation) vanishing(tr *v1.TaskRun) bool {
	p := o.Pod
	if !removedUnrun(p) || !o.remakable(tr) {
		return false
	}
	_, asked := stoppedAt(p)
	return !asked && (p.DeletionTimestamp == nil || o.Now.Before(p.DeletionTimestamp.Add(nodePatience)))
}

// awaitsDeletion reports whether the last state of a pod that is gone may still be reported.
func (o Observation) awaitsDeletion() bool { return !o.Gone.Reported && o.Now.Before(o.Gone.due()) }

// removedMessage is the message of a run whose pod is being removed.
func removedMessage(p *corev1.Pod) string {
	return fmt.Sprintf("pod %q is being removed before its steps ran", p.Name)
}

// vanishMessage is the message of a run whose pod is made again.
func vanishMessage(tr *v1.TaskRun) string {
	return fmt.Sprintf("pod %q was removed before its steps ran; it is made again, for the %s of %d times",
		tr.Status.PodName, ordinal(remade(tr)+1), maxRemade)
}

func ordinal(n int) string {
	switch n {
	case 1:
		return "first"
	case 2:
		return "second"
	default:
		return "third"
	}
}
