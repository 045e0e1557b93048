//go:build fault

package fault

import (
	"context"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// logAccess is the folder with the permission that sidecar-logs needs.
const logAccess = "../../../config/enable-log-access-to-controller/"

// TestLogAccessRemovedWhileRunning removes the permission to read logs while the steps of a run are running.
func TestLogAccessRemovedWhileRunning(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	mendLater(t, n.Cluster, "kube-apiserver")
	t.Cleanup(func() { // before later tests; this test's context has ended then
		if out, err := n.Kubectl(context.Background(), "apply", "-f", logAccess); err != nil {
			t.Errorf("cannot restore the permission: %v\n%s", err, out)
		}
	})

	t.Run("a log that is open already is read to its end", func(t *testing.T) {
		task, want := small()
		run := hold(t, n, v1.TaskRunSpec{TaskSpec: &task})
		denyLogs(t, n)
		run.letGo(t)
		endsWithin(t, n, run.TaskRun, deadline+slack)
		wantWholeOr(t, run.TaskRun, want, v1.TaskRunReasonResultsLogAccessDenied)
		allowLogs(t, n)
	})
	t.Run("given back in time", func(t *testing.T) {
		task, want := small()
		run := hold(t, n, v1.TaskRunSpec{TaskSpec: &task})
		denyLogs(t, n)
		inflict(t, "restart", "kube-apiserver") // this ends the open stream
		run.letGo(t)
		n.Await(t, run.TaskRun, tryingAgain)
		allowLogs(t, n)
		endsWithin(t, n, run.TaskRun, deadline+slack)
		wantWhole(t, run.TaskRun, want)
	})
	t.Run("not given back", func(t *testing.T) {
		task, want := small()
		run := hold(t, n, v1.TaskRunSpec{TaskSpec: &task})
		denyLogs(t, n)
		inflict(t, "restart", "kube-apiserver")
		run.letGo(t)
		endsWithin(t, n, run.TaskRun, deadline+slack)
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultsLogAccessDenied, "pods/log", "config/enable-log-access-to-controller")
		wantKept(t, run.TaskRun, want)
		if pods := n.Pods(t, run.TaskRun); len(pods) != 1 {
			t.Errorf("the pod, which still has the results, was not kept")
		}
	})
}

// tryingAgain reports whether the run's message says that its log cannot be read yet.
func tryingAgain(run *v1.TaskRun) bool {
	c := run.Status.Condition()
	return run.Status.Done() || c != nil && strings.Contains(c.Message, "pods/log")
}

func denyLogs(t *testing.T, n *suite.Namespace) {
	t.Helper()
	n.MustKubectl(t, "delete", "--ignore-not-found", "-f", logAccess)
	awaitAccess(t, n, false)
}

func allowLogs(t *testing.T, n *suite.Namespace) {
	t.Helper()
	n.MustKubectl(t, "apply", "-f", logAccess)
	awaitAccess(t, n, true)
}

// awaitAccess waits until the API server's authorizer has seen a change of the permission.
func awaitAccess(t *testing.T, n *suite.Namespace, allowed bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	if err := n.AwaitLogAccess(ctx, n.Name, allowed); err != nil {
		t.Fatal(err)
	}
}
