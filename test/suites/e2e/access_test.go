//go:build e2e

package e2e

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// logAccess is the folder with the permission that sidecar-logs needs.
const logAccess = "../../../config/enable-log-access-to-controller/"

// TestMissingLogPermissionIsNamedBeforeAnyPod removes the permission. A run fails immediately: no step may run if its results
// could not be read.
func TestMissingLogPermissionIsNamedBeforeAnyPod(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 4096)
	n.MustKubectl(t, "delete", "--ignore-not-found", "-f", logAccess)
	t.Cleanup(func() {
		// The test's context has ended, and later tests need the permission.
		if out, err := n.Kubectl(context.Background(), "apply", "-f", logAccess); err != nil {
			t.Errorf("cannot restore the permission: %v\n%s", err, out)
		}
	})
	task := v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("value", v1.TypeString)},
		Steps:   []v1.Step{kube.Script("write", `printf x > $(results.value.path)`)},
	}

	denied := runUntil(t, n, task, metav1.ConditionFalse)
	suite.WantFailed(t, denied.Status.Condition(), v1.TaskRunReasonResultsLogAccessDenied, "pods/log",
		"config/enable-log-access-to-controller")
	if pods := n.Pods(t, denied); len(pods) != 0 {
		t.Errorf("no pod may be made for a run whose results cannot be read: %s", pods[0].Name)
	}

	without := n.Task(t, v1.TaskSpec{Steps: []v1.Step{kube.Script("none", "true")}})
	suite.WantSucceeded(t, without.Status.Condition())

	n.MustKubectl(t, "apply", "-f", logAccess)
	granted := runUntil(t, n, task, metav1.ConditionTrue)
	if got := kube.Values(granted)["value"].String; got != "x" {
		t.Errorf("with the permission the result arrives: got %q", got)
	}
}

// runUntil runs a Task until a run ends with the status, because the API server's authorizer sees a change of roles with a
// short delay.
func runUntil(t *testing.T, n *suite.Namespace, task v1.TaskSpec, status metav1.ConditionStatus) *v1.TaskRun {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	var run *v1.TaskRun
	err := kube.Poll(ctx, func(context.Context) (bool, error) {
		run = n.Task(t, task)
		return run.Status.Condition().Status == status, nil
	})
	if err != nil {
		t.Fatalf("no run ended with Succeeded=%s; the last one: %s", status, kube.Describe(run.Status.Condition()))
	}
	return run
}
