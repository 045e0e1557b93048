package pipelinerun

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/name"
)

// FuzzChildName: the TaskRuns of a run have valid names, always the same, and different ones for different tasks and
// combinations. Only a combination of one task can have the same name as another task; ofTask distinguishes the two.
func FuzzChildName(f *testing.F) {
	f.Add("run", "build", -1, "build", 0)
	f.Add("run", "build", 0, "build-0", -1)
	f.Add(strings.Repeat("r", 253), strings.Repeat("t", 63), 255, strings.Repeat("t", 62), 2555)
	f.Add("release-1.2.3", "é\x00", -2, "A.B", 1)
	f.Fuzz(func(t *testing.T, run, a string, i int, b string, j int) {
		i, j = max(i, -1), max(j, -1)
		pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: run}}
		first, second := childName(pr, a, i), childName(pr, b, j)
		if problems := validation.IsDNS1123Subdomain(first); len(problems) > 0 || len(first) > name.MaxLabel {
			t.Errorf("run %q, task %q, combination %d: %q is no name: %v", run, a, i, first, problems)
		}
		if again := childName(pr, a, i); again != first {
			t.Errorf("run %q, task %q, combination %d: %q, then %q", run, a, i, first, again)
		}
		if sameKind := (i < 0) == (j < 0); first == second && sameKind && (a != b || i != j) {
			t.Errorf("run %q: task %q, combination %d, and task %q, combination %d, are both %q", run, a, i, b, j, first)
		}
	})
}

// A finding of FuzzChildName: the first combination of a, and the task a-0, are both called run-a-0. Before it was found,
// the TaskRun of whichever came first stood for both, and the other one never ran.
func TestCombinationAndTaskOfTheSameName(t *testing.T) {
	fanned := embedded("a", v1.TaskSpec{Params: []v1.ParamSpec{{Name: "p"}}})
	fanned.Matrix = &v1.Matrix{Params: []v1.Param{{Name: "p", Value: v1.ArrayValue("1", "2")}}}
	for reason, tasks := range map[string][]v1.PipelineTask{
		"The matrix comes first.": {fanned, embedded("a-0", v1.TaskSpec{})},
		"The task comes first.":   {embedded("a-0", v1.TaskSpec{}), fanned},
	} {
		pr := run(tasks...)
		c := newCluster(t, interceptor.Funcs{}, pr)
		pr = c.settle(t, pr)
		refs := map[string]string{}
		for _, ref := range pr.Status.ChildReferences {
			if task, twice := refs[ref.Name]; twice {
				t.Errorf("%s TaskRun %q stands for %q and for %q", reason, ref.Name, task, ref.PipelineTaskName)
			}
			refs[ref.Name] = ref.PipelineTaskName
		}
		if len(refs) == 0 {
			t.Errorf("%s Nothing was started", reason)
		}
		// What did start is to end before the run does.
		for _, list := range c.made(t, pr) {
			list.Status.SetCondition(v1.Succeeded("done"), metav1.NewTime(start))
			if err := c.Status().Update(t.Context(), list); err != nil {
				t.Fatal(err)
			}
		}
		wantCondition(t, c.settle(t, pr), metav1.ConditionFalse, v1.PipelineRunReasonCreateRunFailed, `"run-a-0"`, "rename one of the two tasks")
	}
}
