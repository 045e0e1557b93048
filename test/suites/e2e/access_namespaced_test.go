//go:build e2e

package e2e

import (
	"context"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// logAccessHere is the folder with the permission for one namespace.
const logAccessHere = logAccess + "namespaced/"

// TestLogPermissionOfOneNamespace removes the permission for the whole cluster and grants it for one namespace, with the
// command in the README. Results arrive there. In other namespaces a run names the missing permission and the namespace.
func TestLogPermissionOfOneNamespace(t *testing.T) {
	here, elsewhere := suite.NewNamespace(t), suite.NewNamespace(t)
	here.UseFlags(t, kube.SidecarLogs, 4096)
	here.MustKubectl(t, "delete", "--ignore-not-found", "-f", logAccess)
	t.Cleanup(func() {
		// The test's context has ended, and later tests need the permission.
		if out, err := here.Kubectl(context.Background(), "apply", "-f", logAccess); err != nil {
			t.Errorf("cannot restore the permission: %v\n%s", err, out)
		}
	})
	task := v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("value", v1.TypeString)},
		Steps:   []v1.Step{kube.Script("write", `printf x > $(results.value.path)`)},
	}
	runUntil(t, here, task, metav1.ConditionFalse)

	here.MustKubectl(t, "apply", "-f", logAccessHere)
	granted := runUntil(t, here, task, metav1.ConditionTrue)
	if got := kube.Values(granted)["value"].String; got != "x" {
		t.Errorf("with the permission the result arrives: got %q", got)
	}
	suite.WantFailed(t, elsewhere.Task(t, task).Status.Condition(), v1.TaskRunReasonResultsLogAccessDenied,
		elsewhere.Name, "config/enable-log-access-to-controller/namespaced/")

	here.MustKubectl(t, "delete", "-f", logAccessHere)
	here.MustKubectl(t, "apply", "-f", logAccess)
	everywhere := runUntil(t, elsewhere, task, metav1.ConditionTrue)
	if got := kube.Values(everywhere)["value"].String; got != "x" {
		t.Errorf("with the permission for all namespaces the result arrives everywhere: got %q", got)
	}
}

// TestLogPermissionIsNarrow: the permission for one namespace allows reading logs there, and nothing else. The folder for all
// namespaces does not include the folder below it, whose objects would be created in "default".
func TestLogPermissionIsNarrow(t *testing.T) {
	here, elsewhere := suite.NewNamespace(t), suite.NewNamespace(t)
	here.MustKubectl(t, "delete", "--ignore-not-found", "-f", logAccess)
	t.Cleanup(func() {
		if out, err := here.Kubectl(context.Background(), "apply", "-f", logAccess); err != nil {
			t.Errorf("cannot restore the permission: %v\n%s", err, out)
		}
	})
	here.MustKubectl(t, "apply", "-f", logAccessHere)
	may := func(namespace, verb string, what ...string) bool {
		line := append([]string{"auth", "can-i", verb}, what...)
		// kubectl exits with an error if the answer is no.
		out, _ := here.Kubectl(t.Context(),
			append(line, "-n", namespace, "--as=system:serviceaccount:"+kube.Installation+":sluice-controller")...)
		return strings.HasPrefix(strings.TrimSpace(out), "yes")
	}
	logs := []string{"pods", "--subresource=log"}
	ctx, cancel := context.WithTimeout(t.Context(), promptness)
	defer cancel()
	if err := kube.Poll(ctx, func(context.Context) (bool, error) { return may(here.Name, "get", logs...), nil }); err != nil {
		t.Fatalf("logs of the namespace cannot be read: %v", err)
	}
	if may(elsewhere.Name, "get", logs...) {
		t.Error("logs of another namespace can be read")
	}
	for _, more := range [][]string{
		{"create", "pods", "--subresource=exec"},
		{"list", "secrets"},
		{"create", "pods", "--subresource=attach"},
	} {
		if may(here.Name, more[0], more[1:]...) {
			t.Errorf("more is permitted: %v", more)
		}
	}

	out := here.MustKubectl(t, "apply", "-f", logAccess)
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "clusterrole") {
			t.Errorf("the folder for all namespaces applied more: %s", line)
		}
	}
}

// TestLogPermissionIsDocumented: the README has the commands that these tests use.
func TestLogPermissionIsDocumented(t *testing.T) {
	text, err := os.ReadFile(logAccess + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"kubectl apply -f " + strings.TrimPrefix(logAccess, "../../../"),
		"kubectl apply -n NAMESPACE -f " + strings.TrimPrefix(logAccessHere, "../../../"),
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("the README does not have the line %q", line)
		}
	}
}
