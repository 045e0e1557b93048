//go:build e2e

package e2e

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestSidecarOnlyWhereAsked: with Tekton, every task got the sidecar when one task needed it (#8448). Here a run, or the task
// that it refers to, selects its transport, in both directions.
func TestSidecarOnlyWhereAsked(t *testing.T) {
	const size = 100_000
	value := content.Random(size)
	write := func(limited bool) v1.TaskSpec {
		text := value
		if limited {
			text = "small"
		}
		return v1.TaskSpec{
			Results: []v1.TaskResult{kube.Result("value", v1.TypeString)},
			Steps:   []v1.Step{kube.Script("write", "printf %s "+text+" > $(results.value.path)")},
		}
	}
	cases := map[string]struct {
		reason    string
		flag      string
		run, task string // values of the annotation; empty for none
		large     bool
		sidecar   bool
	}{
		"run asks for it": {
			reason:  "one large result does not make every task of the cluster slower",
			flag:    kube.TerminationMessage,
			run:     kube.SidecarLogs,
			large:   true,
			sidecar: true,
		},
		"task asks for it": {
			reason:  "a task knows what it needs",
			flag:    kube.TerminationMessage,
			task:    kube.SidecarLogs,
			large:   true,
			sidecar: true,
		},
		"run does without": {
			reason: "a short task need not carry a sidecar",
			flag:   kube.SidecarLogs,
			run:    kube.TerminationMessage,
		},
		"run's word over its task": {
			reason: "who starts it has the last word",
			flag:   kube.TerminationMessage,
			run:    kube.TerminationMessage,
			task:   kube.SidecarLogs,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := suite.NewNamespace(t)
			n.UseFlags(t, tc.flag, size)
			task := &v1.Task{
				ObjectMeta: metav1.ObjectMeta{Name: "write", Namespace: n.Name, Annotations: annotation(tc.task)},
				Spec:       write(!tc.large),
			}
			if err := n.Client.Create(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			run := &v1.TaskRun{
				ObjectMeta: metav1.ObjectMeta{Name: "run", Namespace: n.Name, Annotations: annotation(tc.run)},
				Spec:       v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: "write"}},
			}
			if err := n.Client.Create(t.Context(), run); err != nil {
				t.Fatal(err)
			}
			n.Finish(t, run)
			suite.WantSucceeded(t, run.Status.Condition())
			if got := kube.Values(run)["value"].String; got != map[bool]string{true: value, false: "small"}[tc.large] {
				t.Errorf("%s: the result has %d bytes", tc.reason, len(got))
			}
			if got := len(n.Pod(t, run).Spec.Containers) == 2; got != tc.sidecar {
				t.Errorf("%s: want a sidecar: %v, got %v", tc.reason, tc.sidecar, suite.Containers(n.Pod(t, run)))
			}
		})
	}
}

// TestAdministratorKeepsTheChoice: with the flag set to "false", a run with the annotation is refused with a message that
// names the flag.
func TestAdministratorKeepsTheChoice(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.TerminationMessage, 4096)
	if err := n.PatchFlags(t.Context(), map[string]any{"enable-results-from-annotation": "false"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's context has ended, and later tests use the annotation.
		if err := n.PatchFlags(context.Background(), map[string]any{"enable-results-from-annotation": "true"}); err != nil {
			t.Error(err)
		}
	})
	run := func() *v1.TaskRun {
		tr := &v1.TaskRun{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "run-", Namespace: n.Name, Annotations: annotation(kube.SidecarLogs)},
			Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{
				Results: []v1.TaskResult{kube.Result("value", v1.TypeString)},
				Steps:   []v1.Step{kube.Script("write", "printf x > $(results.value.path)")},
			}},
		}
		if err := n.Client.Create(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		n.Finish(t, tr)
		return tr
	}
	tr := run()
	for range 20 { // the controller sees a change of the flag with a short delay
		if tr.Status.Condition().Status == metav1.ConditionFalse {
			break
		}
		tr = run()
	}
	suite.WantFailed(t, tr.Status.Condition(), v1.TaskRunReasonValidationFailed, v1.AnnotationResultsFrom,
		kube.SidecarLogs, "enable-results-from-annotation")
	if pods := n.Pods(t, tr); len(pods) != 0 {
		t.Errorf("no pod is made for it, got %s", pods[0].Name)
	}
}

func annotation(from string) map[string]string {
	if from == "" {
		return nil
	}
	return map[string]string{v1.AnnotationResultsFrom: from}
}
