package explain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// reasons returns the constants of api/v1/reasons.go whose names begin with prefix.
func reasons(t *testing.T, prefix string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../../api/v1/reasons.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, value)
		return true
	})
	slices.Sort(all)
	return all
}

func TestEveryReasonHasAdvice(t *testing.T) {
	for prefix, table := range map[string]map[string]Advice{"TaskRunReason": taskAdvice(), "PipelineRunReason": pipelineAdvice()} {
		known := slices.Sorted(maps.Keys(table))
		if diff := cmp.Diff(reasons(t, prefix), known); diff != "" {
			t.Errorf("the reasons of the API and those that have advice are the same (-API +advice):\n%s", diff)
		}
		for reason, advice := range table {
			if !strings.HasSuffix(advice.Means, ".") || len(advice.Fix) == 0 {
				t.Errorf("%s: the advice is a sentence and at least one fix: %+v", reason, advice)
			}
			for _, fix := range advice.Fix {
				if strings.HasSuffix(fix, ".") || strings.TrimSpace(fix) != fix {
					t.Errorf("%s: a fix is a line without a full stop, so that a command in it can be copied: %q", reason, fix)
				}
			}
		}
	}
}

func TestNothingIsLeftToFillIn(t *testing.T) {
	for reason := range taskAdvice() {
		tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "make", Namespace: "ci"}}
		tr.Status.PodName = "make-pod"
		tr.Status.Conditions = []metav1.Condition{v1.Failed(reason, "message")}
		tr.Status.Steps = []v1.StepState{{Name: "cc", ContainerState: terminated(1)}}
		e := Explain(runs.Snapshot{Run: runs.OfTask(tr), Tasks: []*v1.TaskRun{tr}}, func(runs.Run) string { return "taskrun/make -n ci" })
		for _, fix := range e.Fix {
			for _, place := range []string{"{run}", "{name}", "{namespace}", "{pod}", "{step}"} {
				if strings.Contains(fix, place) {
					t.Errorf("%s: %q still has %s in it", reason, fix, place)
				}
			}
		}
	}
}

func terminated(code int32) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}
}

func TestFailedStep(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		steps  []v1.StepState
		want   string
	}{
		"First": {
			reason: "The first step that failed is the cause.",
			steps: []v1.StepState{
				{Name: "a", ContainerState: terminated(0)},
				{Name: "b", ContainerState: terminated(2)},
				{Name: "c", ContainerState: terminated(1)},
			},
			want: "b",
		},
		"Continued": {
			reason: "One that may fail is no cause.",
			steps: []v1.StepState{
				{Name: "a", ContainerState: terminated(2), TerminationReason: "Continued"},
				{Name: "b", ContainerState: terminated(1)},
			},
			want: "b",
		},
		"Skipped": {
			reason: "One that did not run is no cause, whatever its container ended with.",
			steps:  []v1.StepState{{Name: "a", ContainerState: terminated(1), TerminationReason: "Skipped"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if step := FailedStep(&v1.TaskRun{Status: v1.TaskRunStatus{Steps: tc.steps}}); step != nil {
				got = step.Name
			}
			if got != tc.want {
				t.Errorf("%s got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}
