//go:build e2e

package e2e

import (
	"slices"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestInjectedContainersAreRestricted: the containers that are added to a pod pass the strictest Pod Security standard. A
// Task whose steps pass it runs in a namespace that enforces it.
func TestInjectedContainersAreRestricted(t *testing.T) {
	for _, from := range []string{kube.SidecarLogs, kube.TerminationMessage} {
		t.Run(from, func(t *testing.T) {
			n := suite.NewNamespace(t, "pod-security.kubernetes.io/enforce", "restricted")
			n.UseFlags(t, from, 4096)
			step := kube.Script("write", `umask 077; id -u | tr -d '\n' > $(results.user.path)`)
			step.SecurityContext = kube.Restricted()
			sidecar := v1.Sidecar{Name: "beside", Image: kube.StepImage, Script: "exec sleep 3600", SecurityContext: kube.Restricted()}
			run := n.Task(t, v1.TaskSpec{
				Results:  []v1.TaskResult{kube.Result("user", v1.TypeString)},
				Steps:    []v1.Step{step},
				Sidecars: []v1.Sidecar{sidecar},
			})
			suite.WantSucceeded(t, run.Status.Condition())
			if got := kube.Values(run)["user"].String; got != "1000" {
				t.Errorf("the step runs as its own user, and the sidecar reads what it wrote: got %q", got)
			}
		})
	}
}

// TestPodThatIsRefusedIsNamed: a run whose own steps do not pass ends immediately with a message.
func TestPodThatIsRefusedIsNamed(t *testing.T) {
	n := suite.NewNamespace(t, "pod-security.kubernetes.io/enforce", "restricted")
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{kube.Script("careless", "true")}})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonPodAdmissionFailed, "PodSecurity", "step-careless", "runAsNonRoot")
}

// TestSidecarOnlyWhereResultsAre: a Task without results has no results sidecar.
func TestSidecarOnlyWhereResultsAre(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 4096)
	const reserved = "sidecar-" + v1.ReservedSidecarName
	has := func(run *v1.TaskRun) bool {
		return slices.Contains(suite.Containers(n.Pod(t, run)), reserved)
	}
	without := n.Task(t, v1.TaskSpec{Steps: []v1.Step{kube.Script("none", "true")}})
	if has(without) {
		t.Errorf("pod %s has a results sidecar and its Task has no results", without.Status.PodName)
	}
	with := n.Task(t, v1.TaskSpec{Results: []v1.TaskResult{kube.Result("r", v1.TypeString)}, Steps: []v1.Step{kube.Script("none", "true")}})
	if !has(with) {
		t.Errorf("pod %s has no container %s and its Task has a result", with.Status.PodName, reserved)
	}
	n.AwaitPodEnd(t, with)
}
