package pipelinerun

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/when"
)

// smallPipelines are pipelines of up to four tasks. A task "use" or "list" takes results.
func smallPipelines() map[string]*v1.PipelineRun {
	guarded := func(task string, expressions ...v1.WhenExpression) v1.PipelineTask {
		t := plain(task)
		t.When = expressions
		return t
	}
	if1 := v1.WhenExpression{Input: "$(tasks.a.results.r)", Operator: v1.WhenIn, Values: []string{"v"}}
	never := v1.WhenExpression{Input: "a", Operator: v1.WhenIn, Values: []string{"b"}}
	continuing := producing("a", "r")
	continuing.OnError = v1.OnErrorContinue
	fanned := producing("m", "r")
	fanned.TaskSpec.Params = []v1.ParamSpec{{Name: "n"}}
	fanned.Matrix = &v1.Matrix{Params: []v1.Param{array("n", "0", "1")}}
	list := embedded("list", v1.TaskSpec{Params: []v1.ParamSpec{{Name: "p", Type: v1.TypeArray}}}, array("p", "$(tasks.m.results.r[*])"))
	skipped := guarded("a", never)
	skipped.TaskSpec.Results = []v1.TaskResult{{Name: "r"}}
	withResult := func(pr *v1.PipelineRun) *v1.PipelineRun {
		pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "out", Value: v1.StringValue("$(tasks.a.results.r)")}}
		return pr
	}
	late := guarded("a", never)
	late.TaskSpec.Results, late.RunAfter = []v1.TaskResult{{Name: "r"}}, []string{"z"}
	fannedLate := *fanned.DeepCopy()
	fannedLate.RunAfter = []string{"a"}
	return map[string]*v1.PipelineRun{
		"MatrixAfterSkip": run(plain("z"), late, taking("use", "$(tasks.a.results.r)"), fannedLate),
		"TwoChains":       run(plain("c"), producing("a", "r"), plain("e", "c"), taking("use", "$(tasks.a.results.r)")),
		"One":             withResult(run(producing("a", "r"))),
		"Chain":           run(plain("a"), plain("b", "a")),
		"Parallel":        run(plain("a"), plain("b")),
		"Result":          withResult(run(producing("a", "r"), taking("use", "$(tasks.a.results.r)"))),
		"Guard":           run(producing("a", "r"), guarded("b", if1), plain("c", "b")),
		"Skipped":         run(skipped, taking("use", "$(tasks.a.results.r)"), plain("c", "a")),
		"Continues":       run(continuing, taking("use", "$(tasks.a.results.r)")),
		"Matrix":          run(fanned, list),
		"Finally":         finally(run(plain("a")), plain("f")),
		"FinallyResult":   withResult(finally(run(producing("a", "r")), taking("use", "$(tasks.a.results.r)"))),
		"FinallyMatrix":   finally(run(fanned), list),
		"FinallyOfChain":  finally(run(plain("a"), plain("b", "a")), plain("f")),
		"TwoOfFinally":    finally(run(plain("a")), plain("f"), guarded("g", if0())),
	}
}

// if0 is true only if all tasks have succeeded.
func if0() v1.WhenExpression {
	return v1.WhenExpression{Input: "$(tasks.status)", Operator: v1.WhenIn, Values: []string{v1.TaskStatusSucceeded}}
}

// TestEveryPlanHasAWayOut explores all states in which runs of small pipelines can be: each way in which their TaskRuns can end,
// each moment at which time is up, and up to two of these: the user stops the run, a TaskRun is deleted, the API server refuses
// one, a quota has no room, or the controller is killed before it has recorded what it created. In each state there is
// something to do, something that wakes the run, or an end. The run ends from each state if its TaskRuns do. No TaskRun is created
// twice or before its turn, tasks of finally always run, and no result is missing or made up.
func TestEveryPlanHasAWayOut(t *testing.T) {
	total := 0
	for name, pr := range smallPipelines() {
		t.Run(name, func(t *testing.T) {
			pr.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: time.Hour}, Tasks: &metav1.Duration{Duration: 30 * time.Minute}}
			if len(pr.Spec.PipelineSpec.Finally) > 0 {
				pr.Spec.Timeouts.Finally = &metav1.Duration{Duration: 20 * time.Minute}
			}
			disturbances := 2
			if len(pr.Spec.PipelineSpec.Tasks)+len(pr.Spec.PipelineSpec.Finally) > 2 || strings.Contains(name, "Matrix") {
				disturbances = 1
			}
			m := newModel(t, name, pr, disturbances)
			m.explore()
			m.checkWaysOut()
			total += len(m.worlds)
			t.Logf("%d states, %d ends", len(m.worlds), len(m.ends))
			if n := len(m.findings); n > 0 {
				t.Errorf("%d findings, the first of them:\n%s", n, strings.Join(m.findings[:min(n, 5)], "\n"))
			}
		})
	}
	if total < 10_000 {
		t.Errorf("want at least 10000 states, got %d", total)
	}
}

// TestPlanIsPure: the same inputs give the same plan, and planning changes none of them.
func TestPlanIsPure(t *testing.T) {
	evaluator, err := when.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range situations() {
		t.Run(name, func(t *testing.T) {
			pr, obs, _ := observed(t, s)
			if len(obs.Tasks) == 0 {
				return
			}
			in := Inputs{Run: pr, Obs: obs, Evaluator: evaluator, Builder: newChildBuilder(pr, obs), Loaded: newResults(nil)}
			tasks, before := append([]TaskState(nil), obs.Tasks...), pr.DeepCopy()
			one, two := plan(in, Plan{}), plan(in, Plan{})
			if !reflect.DeepEqual(one, two) { //nolint:govet // the errors in equal plans are equal, too
				t.Errorf("want the same plan twice, got %+v and %+v", one, two)
			}
			in.Orphans = map[string][]Child{}
			again := plan(in, one)
			if !reflect.DeepEqual(one, two) { //nolint:govet // the errors in equal plans are equal, too
				t.Errorf("want a plan left as it is when it is continued, got %+v", one)
			}
			if again.Need != nil && again.Need.Orphans {
				t.Error("want orphans looked for once")
			}
			if !reflect.DeepEqual(tasks, obs.Tasks) || !reflect.DeepEqual(before, pr) {
				t.Error("want the observation and the run left as they are")
			}
		})
	}
}

// TestPlanNeedsWhatItDoesNotKnow: without its results, a plan says what it needs, and decides nothing about that task.
func TestPlanNeedsWhatItDoesNotKnow(t *testing.T) {
	pr, obs, complete := observed(t, situations()["second"])
	evaluator, err := when.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	in := Inputs{Run: pr, Obs: obs, Evaluator: evaluator, Builder: newChildBuilder(pr, obs), Loaded: newResults(nil)}
	first := plan(in, Plan{})
	if first.Need == nil || first.Need.Task != "use" || first.Need.Results["make"] == nil || len(first.Wanted) > 0 {
		t.Fatalf("want the results of task make for task use, got %+v", first)
	}
	read := func(context.Context, Run) (Run, bool, error) {
		whole := &v1.TaskRun{}
		for _, name := range []string{"text"} {
			whole.Status.Results = append(whole.Status.Results, v1.TaskRunResult{Name: name, Value: v1.StringValue("t")})
		}
		whole.Status.Results = append(whole.Status.Results,
			v1.TaskRunResult{Name: "list", Value: v1.ArrayValue("l")},
			v1.TaskRunResult{Name: "map", Value: v1.ObjectValue(map[string]string{"k": "v"})})
		return taskRun{whole}, false, nil
	}
	if err := in.Loaded.load(t.Context(), read, first.Need.Results, byName(first.Tasks)); err != nil {
		t.Fatal(err)
	}
	if second := plan(in, first); second.Need != nil || len(second.Wanted) != len(complete.Wanted) {
		t.Errorf("want the plan complete, got %+v", second)
	}
}
