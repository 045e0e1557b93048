//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/injection"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// meshDelay is how long the injected container takes until it is ready.
const meshDelay = 5 * time.Second

// readyAfterDelay makes the injected container ready only after meshDelay.
func readyAfterDelay(c *corev1.Container) {
	c.ReadinessProbe = &corev1.Probe{
		InitialDelaySeconds: int32(meshDelay / time.Second), PeriodSeconds: 1,
		ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}},
	}
}

// TestFirstStepWaitsForInjectedSidecar: the first step starts only after the injected container is ready, and the run ends as
// any other one.
func TestFirstStepWaitsForInjectedSidecar(t *testing.T) {
	bothWays(t, named{
		"the container is ready late": func(t *testing.T, n *suite.Namespace) {
			inject(t, n, readyAfterDelay)
			run := n.Start(t, v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Results: oneResult(), Steps: []v1.Step{
				kube.Script("first", "printf x > $(results.digest.path)"), kube.Script("second", "true"),
			}}})
			n.Finish(t, run)
			suite.WantSucceeded(t, run.Status.Condition())
			if got := kube.Values(run)["digest"].String; got != "x" {
				t.Errorf("the result is %q", got)
			}
			pod := n.AwaitPodEnd(t, run)
			if got := pod.Annotations[v1.AnnotationSteps]; got != v1.StepsReleased {
				t.Errorf("want the steps released, got %q", got)
			}
			started := run.Status.Steps[0].Terminated.StartedAt.Time
			if ready := meshStart(t, pod).Add(meshDelay); started.Before(ready.Truncate(time.Second)) {
				t.Errorf("the step started at %s, and the injected container was ready at %s at the earliest", started, ready)
			}
		},
	})
}

// meshStart returns when the injected container of a pod started.
func meshStart(t *testing.T, pod *corev1.Pod) time.Time {
	t.Helper()
	for _, s := range pod.Status.ContainerStatuses {
		switch {
		case s.Name != meshContainer:
		case s.State.Terminated != nil:
			return s.State.Terminated.StartedAt.Time
		case s.State.Running != nil:
			return s.State.Running.StartedAt.Time
		}
	}
	t.Fatalf("pod %q has no container %q that has started: %v", pod.Name, meshContainer, suite.Containers(pod))
	return time.Time{}
}

// TestInjectedInitContainerRestarts: an init container that a webhook adds, with a restart policy for itself, fails once. The kubelet
// starts it again, and the run succeeds. Before Kubernetes 1.35 only a native sidecar can have such a policy: without it the run fails.
func TestInjectedInitContainerRestarts(t *testing.T) {
	bothWays(t, named{
		"it fails once": func(t *testing.T, n *suite.Namespace) {
			fetch := corev1.Container{
				Name: "fetch", Image: kube.StepImage,
				Command:      []string{"sh", "-c", "rmdir /state/first || { mkdir /state/first; exit 3; }"},
				VolumeMounts: []corev1.VolumeMount{{Name: "state", MountPath: "/state"}},
			}
			restarts := atLeast(t, n, "1.35")
			if restarts {
				fetch.RestartPolicy = new(corev1.ContainerRestartPolicyOnFailure)
			}
			state := corev1.Volume{Name: "state", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
			injectWith(t, n, func(address string) (*injection.Injector, error) {
				return injection.StartBefore(address, fetch, state)
			})
			run := n.Task(t, v1.TaskSpec{Results: oneResult(), Steps: []v1.Step{kube.Script("write", "printf x > $(results.digest.path)")}})
			if !restarts {
				suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonInitContainerFailed, "fetch", "3")
				return
			}
			suite.WantSucceeded(t, run.Status.Condition())
			if got := kube.Values(run)["digest"].String; got != "x" {
				t.Errorf("the result is %q", got)
			}
			inits := n.Pod(t, run).Status.InitContainerStatuses
			i := slices.IndexFunc(inits, func(s corev1.ContainerStatus) bool { return s.Name == fetch.Name })
			if i < 0 || inits[i].RestartCount == 0 {
				t.Errorf("init container %q was not restarted: %+v", fetch.Name, inits)
			}
		},
	})
}

// TestInjectedContainerRestartsAll: a container that a webhook adds ends with a code for which it has the rule that all containers of the
// pod are restarted. The step that was running does not run again, and the run says so. Before Kubernetes 1.36 the rule has no effect.
func TestInjectedContainerRestartsAll(t *testing.T) {
	bothWays(t, named{
		"a step is running": func(t *testing.T, n *suite.Namespace) {
			restarts := atLeast(t, n, "1.36")
			inject(t, n, func(c *corev1.Container) {
				c.Command = []string{"sh", "-c", "sleep 3; exit 42"}
				if restarts {
					c.RestartPolicy = new(corev1.ContainerRestartPolicyNever)
					c.RestartPolicyRules = []corev1.ContainerRestartRule{{
						Action: corev1.ContainerRestartRuleActionRestartAllContainers,
						ExitCodes: &corev1.ContainerRestartRuleOnExitCodes{
							Operator: corev1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42},
						},
					}}
				}
			})
			run := n.Task(t, v1.TaskSpec{Results: oneResult(), Steps: []v1.Step{
				kube.Script("write", "printf x >> $(results.digest.path); sleep 10"), kube.Script("later", "true"),
			}})
			if restarts {
				// It was stopped, and its results may have been read then. If not, the message is that of the second start.
				suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, "step-write")
				if m := run.Status.Condition().Message; !strings.Contains(m, "started again") && !strings.Contains(m, "terminated") {
					t.Errorf("the message names no cause: %s", m)
				}
				return
			}
			suite.WantSucceeded(t, run.Status.Condition())
			if got := kube.Values(run)["digest"].String; got != "x" {
				t.Errorf("the result is %q", got)
			}
		},
	})
}

// atLeast reports whether the cluster has this version of Kubernetes or a later one.
func atLeast(t *testing.T, n *suite.Namespace, wanted string) bool {
	t.Helper()
	found, err := n.Kube.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	return version.MustParseGeneric(found.GitVersion).AtLeast(version.MustParseGeneric(wanted))
}
