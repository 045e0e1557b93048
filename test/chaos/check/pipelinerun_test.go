package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
	"github.com/sluice-ci/sluice/test/chaos/plan"
	soak "github.com/sluice-ci/sluice/test/load/soak/plan"
)

// chain is a pipeline of three tasks and one of finally: b comes after a, and c runs if a answers so.
func chain() fixture {
	a, b, c := task("a"), task("b"), task("c")
	b.After, c.When = []string{"a"}, &plan.Condition{Task: "a", Answer: "yes"}
	return pipeline([]plan.Task{a, b, c}, task("f"))
}

// stop lets the run fail with a reason.
func (f fixture) stop(reason string) {
	f.PipelineRun.Status.SetCondition(v1.Failed(reason, "why"), metav1.NewTime(at(50)))
}

func (f fixture) skip(name, reason string) {
	f.PipelineRun.Status.SkippedTasks = append(f.PipelineRun.Status.SkippedTasks, v1.SkippedTask{Name: name, Reason: reason})
}

func TestPipelineRun(t *testing.T) {
	cases := map[string]spoilt{
		"Well":      {"All is as planned.", func(fixture) {}, nil},
		"Gone":      {"A run does not go away.", func(f fixture) { f.PipelineRun = nil }, []string{"Lost"}},
		"NotListed": {"A run lists its TaskRuns.", func(f fixture) { f.PipelineRun.Status.ChildReferences = f.PipelineRun.Status.ChildReferences[1:] }, []string{"Children"}},
		"ListedInVain": {"And no others.", func(f fixture) {
			f.PipelineRun.Status.ChildReferences = append(f.PipelineRun.Status.ChildReferences, v1.ChildReference{Name: "x"})
		}, []string{"Children"}},
		"Twice":         {"A task runs once.", func(f fixture) { f.add("chaos-7-again", &f.Plan.Tasks[0], 0) }, []string{"TaskTwice"}},
		"Unknown":       {"A task is one of the pipeline.", func(f fixture) { f.run(1).Labels[v1.LabelPipelineTask] = "x" }, []string{"Skipped", "TaskLost", "UnknownTask"}},
		"Lost":          {"A task runs, or is skipped.", func(f fixture) { f.lose(1) }, []string{"Skipped", "TaskLost"}},
		"SkippedAnyway": {"What ran was not skipped.", func(f fixture) { f.skip("b", "x") }, []string{"Reason", "Skipped"}},
		"SkippedInVain": {"Nothing is skipped for no reason.", func(f fixture) {
			f.lose(1)
			f.skip("b", "x")
			f.PipelineRun.Status.Conditions[0].Reason = v1.PipelineRunReasonCompleted
		}, []string{"Skipped"}},
		"Guarded": {"A task whose expression does not hold is skipped.", func(f fixture) {
			f.lose(2)
			f.skip("c", v1.SkipReasonWhen)
			f.Plan.Tasks[2].When.Answer = "no"
			f.PipelineRun.Status.Conditions[0].Reason = v1.PipelineRunReasonCompleted
		}, nil},
		"NotGuarded":        {"And does not run.", func(f fixture) { f.Plan.Tasks[2].When.Answer = "no" }, []string{"Skipped", "When"}},
		"TooEarly":          {"A task waits for the one that it comes after.", func(f fixture) { f.book(0)["step-1"][1].Time = at(15) }, []string{"Order"}},
		"FinallyTooEarly":   {"Finally waits for all.", func(f fixture) { f.book(2)["step-1"][1].Time = at(35) }, []string{"Order"}},
		"GreenWithFailure":  {"A run does not succeed with a task that failed.", func(f fixture) { f.fail(1, v1.TaskRunReasonPodDeleted, "why") }, []string{"Green", "Unexplained"}},
		"FailedForNothing":  {"A run does not fail by itself.", func(f fixture) { f.stop(v1.PipelineRunReasonFailed) }, []string{"Unexplained"}},
		"CancelledByNobody": {"Cancelled is who was cancelled.", func(f fixture) { f.stop(v1.PipelineRunReasonCancelled) }, []string{"Unexplained"}},
		"Cancelled":         {"A user may cancel.", func(f fixture) { f.stop(v1.PipelineRunReasonCancelled); f.Cancelled = at(9) }, nil},
		"LateForNothing":    {"No time ran out.", func(f fixture) { f.stop(v1.PipelineRunReasonTimedOut) }, []string{"Unexplained"}},
		"Late":              {"Time ran out.", func(f fixture) { f.stop(v1.PipelineRunReasonTimedOut); f.Plan.Timeout = 1 }, nil},
		"Strange":           {"No other reason is one.", func(f fixture) { f.stop(v1.PipelineRunReasonInvalidTaskResultReference) }, []string{"Unexplained"}},
		"NoFinally": {"Finally runs, whatever happens before.", func(f fixture) {
			f.lose(3)
			f.skip("f", "x")
			f.stop(v1.PipelineRunReasonCancelled)
			f.Cancelled = at(9)
		}, []string{"Finally"}},
		"Open": {"A run that has ended has ended everywhere.", func(f fixture) {
			f.run(2).Status.Conditions = nil
			f.stop(v1.PipelineRunReasonCancelled)
			f.Cancelled = at(9)
		}, []string{"NoOutcome"}},
		"Invented": {"Results are those of the pipeline.", func(f fixture) {
			f.PipelineRun.Status.Results = []v1.PipelineRunResult{{Name: "x"}}
		}, []string{"NotWritten"}},
	}
	judge(t, chain, cases)
}

func TestValuesOfAPipeline(t *testing.T) {
	result := soak.MakeWithin(1, 0, 100).Results[0]
	begin := func() fixture {
		f := chain()
		f.Plan.Passed = []soak.Result{result}
		f.PipelineRun.Status.Results = []v1.PipelineRunResult{{Name: result.Name, Value: result.APIValue()}}
		f.Plan.Tasks[1].Takes = &plan.Reference{Task: "a", Result: result}
		book := f.book(1)
		book["step-0"] = append(book["step-0"], ledger.Of(ledger.Took, result.Name, result.APIValue()))
		return f
	}
	took := func(f fixture) *ledger.Entry { s := f.book(1)["step-0"]; return &s[len(s)-1] }
	cases := map[string]spoilt{
		"Well":     {"All is as planned.", func(f fixture) { took(f).Time = at(12) }, nil},
		"Other":    {"A result of the pipeline is that of its task.", func(f fixture) { took(f).Time = at(12); f.PipelineRun.Status.Results[0].Value = v1.StringValue("x") }, []string{"Damaged"}},
		"Missing":  {"And is not left out.", func(f fixture) { took(f).Time = at(12); f.PipelineRun.Status.Results = nil }, []string{"GreenAndEmpty"}},
		"Handed":   {"What is handed on is what was made.", func(f fixture) { took(f).Time = at(12); took(f).Digest = "x" }, []string{"Handed"}},
		"NotTaken": {"And is handed on.", func(f fixture) { took(f).Time = at(12); took(f).Event = "x" }, []string{"Handed"}},
	}
	judge(t, begin, cases)
}

func TestMatrix(t *testing.T) {
	begin := func() fixture {
		m := task("m")
		m.Matrix = []string{"a", "b"}
		f := pipeline([]plan.Task{m})
		f.add("chaos-7-m-1", &m, 1)
		for i, value := range m.Matrix {
			f.book(i)["step-0"][0].Name = value
			// A task with a matrix has no answer.
			f.run(i).Status.Results = []v1.TaskRunResult{{Name: plan.AttemptResult, Value: v1.StringValue("uid-" + f.run(i).Name + "/0")}}
			var entries []ledger.Entry
			for _, e := range f.book(i)["step-0"] {
				if e.Name != plan.AnswerResult {
					entries = append(entries, e)
				}
			}
			f.book(i)["step-0"] = entries
		}
		return f
	}
	cases := map[string]spoilt{
		"Well":    {"Each value has a TaskRun.", func(fixture) {}, nil},
		"Twice":   {"And only one.", func(f fixture) { f.book(0)["step-0"][0].Name = "b" }, []string{"Matrix"}},
		"Unknown": {"Of its values.", func(f fixture) { f.book(0)["step-0"][0].Name = "c" }, []string{"Matrix"}},
		"Lost":    {"None is left out.", func(f fixture) { f.lose(1) }, []string{"TaskLost"}},
	}
	judge(t, begin, cases)
}

func TestFates(t *testing.T) {
	guardedBy := func(name, other, answer string) plan.Task {
		t := task(name)
		t.When = &plan.Condition{Task: other, Answer: answer}
		return t
	}
	takes := task("c")
	takes.Takes = &plan.Reference{Task: "b"}
	after := func(name, other string) plan.Task {
		t := task(name)
		t.After = []string{other}
		return t
	}
	cases := map[string]struct {
		reason string
		tasks  []plan.Task
		want   map[string]fate
	}{
		"Runs":    {"What depends on nothing runs.", []plan.Task{task("a"), guardedBy("b", "a", "yes")}, map[string]fate{"a": runs, "b": runs}},
		"Guarded": {"Who only comes after a task that was skipped runs.", []plan.Task{task("a"), guardedBy("b", "a", "no"), after("c", "b")}, map[string]fate{"a": runs, "b": guarded, "c": runs}},
		"Orphaned": {"Who needs its results does not, and neither does who comes after that one.",
			[]plan.Task{task("a"), guardedBy("b", "a", "no"), takes, after("d", "c")}, map[string]fate{"a": runs, "b": guarded, "c": orphaned, "d": orphaned}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, fates(tc.tasks)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
