//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// tooSmall is less memory than the container runtime needs to start a process.
const tooSmall = "1Mi"

// TestStepThatCannotStart: a run ends as soon as the kubelet reports that the container of a step could not be started. The
// message quotes the kubelet. The position of the step and the transport of results do not matter.
func TestStepThatCannotStart(t *testing.T) {
	cases := map[string]struct {
		reason       string
		steps, index int
	}{
		"the only step":  {reason: "no other step reports anything", steps: 1},
		"first of three": {reason: "later steps wait for it", steps: 3},
		"last of three":  {reason: "all others have ended well", steps: 3, index: 2},
	}
	tests := named{}
	for name, tc := range cases {
		tests[name] = func(t *testing.T, n *suite.Namespace) {
			t.Log(tc.reason)
			run := n.Start(t, v1.TaskRunSpec{TaskSpec: unstartable(tc.steps, tc.index)})
			n.Await(t, run, func(run *v1.TaskRun) bool { return run.Status.PodName != "" })
			words := kubeletWords(t, n, run, fmt.Sprintf("step-s%d", tc.index))
			finishPromptly(t, n, run)
			c := run.Status.Condition()
			if c.Status != metav1.ConditionFalse || c.Reason == v1.TaskRunReasonTimedOut {
				t.Fatalf("the run did not fail because of the step: %s", kube.Describe(c))
			}
			suite.WantFailed(t, c, c.Reason, fmt.Sprintf("step-s%d", tc.index), words)
			want := map[string]v1.Value{}
			for i := range tc.index {
				want[fmt.Sprintf("r%d", i)] = v1.StringValue(fmt.Sprintf("of-%d", i))
			}
			if diff := cmp.Diff(want, kube.Values(run)); diff != "" {
				t.Errorf("results of the steps before it (-want +got):\n%s", diff)
			}
			n.AwaitPodEnd(t, run)
		}
	}
	bothWays(t, tests)
}

// TestPodThatCannotHaveASandbox: a run ends long before its timeout if the memory limit of its pod is too low for a sandbox.
// The message quotes the kubelet, which reports it only in events. With sidecar-logs the results sidecar has no limit, and
// therefore the pod has none. The same is true of the init container before Kubernetes 1.35: there the sandbox starts, and the step
// does not.
func TestPodThatCannotHaveASandbox(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.TerminationMessage, 4096)
	step := kube.Script("small", "true")
	step.ComputeResources.Limits = corev1.ResourceList{corev1.ResourceMemory: *quantity(tooSmall)}
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{step}}, Timeout: &metav1.Duration{Duration: time.Hour}})
	n.Finish(t, run)
	words := map[pod.Delivery][]string{
		pod.ImageVolume:   {"FailedCreatePodSandBox", "the memory limit of the pod is " + tooSmall, "step-small"},
		pod.InitContainer: {`container "step-small" could not be started`, "StartError"},
	}[ofTheVersion(t, n)]
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, words...)
	n.AwaitPodEnd(t, run)
}

// TestVolumeThatIsMissing: a run names the volume that its pod waits for, which the kubelet reports only in events.
func TestVolumeThatIsMissing(t *testing.T) {
	n := suite.NewNamespace(t)
	step := kube.Script("reads", "true")
	step.VolumeMounts = []corev1.VolumeMount{{Name: "settings", MountPath: "/settings"}}
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{
		Steps: []v1.Step{step},
		Volumes: []corev1.Volume{{Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "absent"},
		}}}},
	}})
	n.Await(t, run, func(run *v1.TaskRun) bool {
		c := run.Status.Condition()
		return c != nil && c.Reason == v1.TaskRunReasonPending && strings.Contains(c.Message, `configmap "absent" not found`)
	})
	n.MustKubectl(t, "create", "configmap", "absent")
	n.Finish(t, run)
	if c := run.Status.Condition(); c.Status != metav1.ConditionTrue {
		t.Errorf("want the run to succeed once the volume is there, got %s", kube.Describe(c))
	}
}

// unstartable returns a task of the given number of steps, each with a result. The step at index cannot start.
func unstartable(steps, index int) *v1.TaskSpec {
	// The limit of a pod is the sum of the limits of its containers, and none if one has none. Without the sidecar, the
	// sandbox of a pod with one step could not start instead of the step.
	task := &v1.TaskSpec{Sidecars: []v1.Sidecar{{Name: "unlimited", Image: kube.StepImage, Script: "#!/bin/sh\nexec sleep 3600\n"}}}
	for i := range steps {
		task.Results = append(task.Results, kube.Result(fmt.Sprintf("r%d", i), v1.TypeString))
		step := kube.Script(fmt.Sprintf("s%d", i), fmt.Sprintf("printf of-%[1]d > $(results.r%[1]d.path)", i))
		if i == index {
			step.ComputeResources.Limits = corev1.ResourceList{corev1.ResourceMemory: *quantity(tooSmall)}
		}
		task.Steps = append(task.Steps, step)
	}
	return task
}

// kubeletWords waits until the kubelet reports that a container could not be started, and returns its message. The pod of a
// run that has ended may be deleted, so the pod is read from a watch that started earlier.
func kubeletWords(t *testing.T, n *suite.Namespace, run *v1.TaskRun, container string) string {
	t.Helper()
	words := ""
	n.AwaitPod(t, run, func(p *corev1.Pod) bool {
		for _, s := range p.Status.ContainerStatuses {
			if end := s.State.Terminated; s.Name == container && end != nil {
				if end.Reason != "StartError" {
					t.Fatalf("container %q was started, and ended as %s (%d)", container, end.Reason, end.ExitCode)
				}
				words = end.Message
			}
		}
		return words != ""
	})
	return words
}

// finishPromptly waits for the end of a run for much less than its timeout.
func finishPromptly(t *testing.T, n *suite.Namespace, run *v1.TaskRun) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), promptness)
	defer cancel()
	done := func(run *v1.TaskRun) bool { return run.Status.Done() }
	if err := kube.Await(ctx, n.Client, run, &v1.TaskRunList{}, done); err != nil {
		t.Fatal(err)
	}
}
