package taskrun

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// timeoutMessage returns a message that a run did not end in time, and what it was waiting for.
func timeoutMessage(tr *v1.TaskRun, obs Observation) string {
	message := fmt.Sprintf("the run did not end within %s; ", obs.timeout(tr))
	if what := awaited(tr, obs); what != "" {
		message += "it was waiting for: " + what + "; "
	}
	return message + "set spec.timeout to allow for more"
}

// awaited returns what a run that has not ended waits for, according to its present pod, or to its condition before there was
// one; empty if it is unknown.
func awaited(tr *v1.TaskRun, obs Observation) string {
	if obs.Pod == nil {
		return awaitedWithoutPod(tr)
	}
	c := containersOf(obs.Pod)
	state := stateOfPod(obs)
	injected := awaitedInjected(obs.Pod)
	switch h := trouble(obs.Pod); {
	case state == StepLost, state == Unreported:
		return lossOf(obs.Pod)
	case c.ended(), obs.Evidence.Set != nil:
		return awaitedResults(obs)
	case h != nil:
		return h.Message
	case c.stepRuns() && injected != "":
		return injected
	case c.stepRuns():
		return fmt.Sprintf("container %q to end", c.steps[slices.IndexFunc(c.steps, runs)].Name)
	default:
		return awaitedStart(obs)
	}
}

func runs(s corev1.ContainerStatus) bool { return s.State.Running != nil }

// awaitedResults returns why there is no report of the results of ended steps.
func awaitedResults(obs Observation) string {
	switch {
	case obs.Unverified != nil:
		return "the signed results to be verified: " + obs.Unverified.Error()
	case obs.Evidence.Err != nil:
		return "the results to be read: " + obs.Evidence.Err.Error()
	default:
		return "the results to be read"
	}
}

// awaitedWithoutPod returns what the run's condition says about why the pod cannot be created.
func awaitedWithoutPod(tr *v1.TaskRun) string {
	c := tr.Status.Condition()
	if c == nil || c.Status != metav1.ConditionUnknown || tr.Status.PodName != "" || c.Reason == v1.TaskRunReasonToBeRetried {
		return ""
	}
	return c.Message
}
