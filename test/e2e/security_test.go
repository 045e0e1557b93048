//go:build e2e

package e2e

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// restricted is the security context that the Pod Security standard of that name asks of a container.
func restricted() *corev1.SecurityContext {
	no, yes, user := false, true, int64(1000)
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no,
		RunAsNonRoot:             &yes,
		RunAsUser:                &user,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// TestInjectedContainersAreRestricted shows that what is added to a pod passes the strictest Pod Security standard: a
// Task whose own steps pass it runs in a namespace that enforces it.
func TestInjectedContainersAreRestricted(t *testing.T) {
	for _, from := range []string{sidecarLogs, terminationMessage} {
		t.Run(from, func(t *testing.T) {
			n := newNamespace(t, "pod-security.kubernetes.io/enforce", "restricted")
			n.useFlags(t, from, 4096)
			step := script("write", `umask 077; id -u | tr -d '\n' > $(results.user.path)`)
			step.SecurityContext = restricted()
			sidecar := v1.Sidecar{Name: "beside", Image: stepImage, Script: "exec sleep 3600", SecurityContext: restricted()}
			run := n.task(t, v1.TaskSpec{Results: []v1.TaskResult{result("user", v1.TypeString)}, Steps: []v1.Step{step}, Sidecars: []v1.Sidecar{sidecar}})
			wantSucceeded(t, run.Status.Condition())
			if got := values(run)["user"].String; got != "1000" {
				t.Errorf("the step runs as its own user, and the sidecar reads what it wrote: got %q", got)
			}
		})
	}
}

// TestPodThatIsRefusedIsNamed shows that a run ends at once, and says why, when its own steps do not pass.
func TestPodThatIsRefusedIsNamed(t *testing.T) {
	n := newNamespace(t, "pod-security.kubernetes.io/enforce", "restricted")
	run := n.task(t, v1.TaskSpec{Steps: []v1.Step{script("careless", "true")}})
	wantFailed(t, run.Status.Condition(), v1.TaskRunReasonPodCreationFailed, "PodSecurity", "step-careless", "runAsNonRoot")
}

// TestSidecarOnlyWhereResultsAre shows that a Task without results pays nothing for the way that results take.
func TestSidecarOnlyWhereResultsAre(t *testing.T) {
	n := newNamespace(t)
	n.useFlags(t, sidecarLogs, 4096)
	const reserved = "sidecar-" + v1.ReservedSidecarName
	has := func(run *v1.TaskRun) bool {
		return slices.Contains(allContainers(n.pod(t, run)), reserved)
	}
	without := n.task(t, v1.TaskSpec{Steps: []v1.Step{script("none", "true")}})
	if has(without) {
		t.Errorf("pod %s has a results sidecar and its Task has no results", without.Status.PodName)
	}
	with := n.task(t, v1.TaskSpec{Results: []v1.TaskResult{result("r", v1.TypeString)}, Steps: []v1.Step{script("none", "true")}})
	if !has(with) {
		t.Errorf("pod %s has no container %s and its Task has a result", with.Status.PodName, reserved)
	}
	n.awaitPodEnd(t, with)
}
