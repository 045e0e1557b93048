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

// chain is a pipeline of three tasks and one of finally: b runs after a, and c runs if a answers so.
func chain() fixture {
	a, b, c := task("a"), task("b"), task("c")
	b.After, c.When = []string{"a"}, &plan.Condition{Task: "a", Answer: "yes"}
	return pipeline([]plan.Task{a, b, c}, task("f"))
}

// stop makes the run fail with a reason.
func (f fixture) stop(reason string) {
	f.PipelineRun.Status.SetCondition(v1.Failed(reason, "why"), metav1.NewTime(at(50)))
}

func (f fixture) skip(name, reason string) {
	f.PipelineRun.Status.SkippedTasks = append(f.PipelineRun.Status.SkippedTasks, v1.SkippedTask{Name: name, Reason: reason})
}

func TestPipelineRun(t *testing.T) {
	cases := map[string]spoilt{
		"Well": {
			reason: "All is as planned.",
			change: func(fixture) {},
		},
		"Gone": {
			reason: "A run must not disappear.",
			change: func(f fixture) { f.PipelineRun = nil },
			want:   []string{"Lost"},
		},
		"NotListed": {
			reason: "A run must list its TaskRuns.",
			change: func(f fixture) { f.PipelineRun.Status.ChildReferences = f.PipelineRun.Status.ChildReferences[1:] },
			want:   []string{"Children"},
		},
		"ListedInVain": {
			reason: "And no others.",
			change: func(f fixture) {
				f.PipelineRun.Status.ChildReferences = append(f.PipelineRun.Status.ChildReferences, v1.ChildReference{Name: "x"})
			},
			want: []string{"Children"},
		},
		"Twice": {
			reason: "A task must run once.",
			change: func(f fixture) { f.add("chaos-7-again", &f.Plan.Tasks[0], 0) },
			want:   []string{"TaskTwice"},
		},
		"Unknown": {
			reason: "A TaskRun must be of a task of the pipeline.",
			change: func(f fixture) { f.run(1).Labels[v1.LabelPipelineTask] = "x" },
			want:   []string{"Skipped", "TaskLost", "UnknownTask"},
		},
		"Lost": {
			reason: "A task must run or be skipped.",
			change: func(f fixture) { f.lose(1) },
			want:   []string{"Skipped", "TaskLost"},
		},
		"SkippedAnyway": {
			reason: "A task that ran must not be listed as skipped.",
			change: func(f fixture) { f.skip("b", "x") },
			want:   []string{"Reason", "Skipped"},
		},
		"SkippedInVain": {
			reason: "A task must not be skipped without a reason.",
			change: func(f fixture) {
				f.lose(1)
				f.skip("b", "x")
				f.PipelineRun.Status.Conditions[0].Reason = v1.PipelineRunReasonCompleted
			},
			want: []string{"Skipped"},
		},
		"Guarded": {
			reason: "A task whose expression is false is skipped.",
			change: func(f fixture) {
				f.lose(2)
				f.skip("c", v1.SkipReasonWhen)
				f.Plan.Tasks[2].When.Answer = "no"
				f.PipelineRun.Status.Conditions[0].Reason = v1.PipelineRunReasonCompleted
			},
		},
		"NotGuarded": {
			reason: "A task whose expression is false must not run.",
			change: func(f fixture) { f.Plan.Tasks[2].When.Answer = "no" },
			want:   []string{"Skipped", "When"},
		},
		"TooEarly": {
			reason: "A task must wait for the tasks in its runAfter.",
			change: func(f fixture) { f.book(0)["step-1"][1].Time = at(15) },
			want:   []string{"Order"},
		},
		"FinallyTooEarly": {
			reason: "Finally must wait for all tasks.",
			change: func(f fixture) { f.book(2)["step-1"][1].Time = at(35) },
			want:   []string{"Order"},
		},
		"GreenWithFailure": {
			reason: "A run with a failed task must not succeed.",
			change: func(f fixture) { f.fail(1, v1.TaskRunReasonPodDeleted, "why") },
			want:   []string{"Green", "Unexplained"},
		},
		"FailedForNothing": {
			reason: "A run must not fail without a cause.",
			change: func(f fixture) { f.stop(v1.PipelineRunReasonFailed) },
			want:   []string{"Unexplained"},
		},
		"CancelledByNobody": {
			reason: "Only a cancelled run may end as Cancelled.",
			change: func(f fixture) { f.stop(v1.PipelineRunReasonCancelled) },
			want:   []string{"Unexplained"},
		},
		"Cancelled": {
			reason: "A user may cancel.",
			change: func(f fixture) { f.stop(v1.PipelineRunReasonCancelled); f.Cancelled = at(9) },
		},
		"LateForNothing": {
			reason: "A run without a timeout must not time out.",
			change: func(f fixture) { f.stop(v1.PipelineRunReasonTimedOut) },
			want:   []string{"Unexplained"},
		},
		"Late": {
			reason: "Time ran out.",
			change: func(f fixture) { f.stop(v1.PipelineRunReasonTimedOut); f.Plan.Timeout = 1 },
		},
		"Strange": {
			reason: "Another reason is not allowed.",
			change: func(f fixture) { f.stop(v1.PipelineRunReasonInvalidTaskResultReference) },
			want:   []string{"Unexplained"},
		},
		"NoFinally": {
			reason: "Finally must run after a failure, too.",
			change: func(f fixture) {
				f.lose(3)
				f.skip("f", "x")
				f.stop(v1.PipelineRunReasonCancelled)
				f.Cancelled = at(9)
			},
			want: []string{"Finally"},
		},
		"Open": {
			reason: "All TaskRuns of a run that has ended must have ended.",
			change: func(f fixture) {
				f.run(2).Status.Conditions = nil
				f.stop(v1.PipelineRunReasonCancelled)
				f.Cancelled = at(9)
			},
			want: []string{"NoOutcome"},
		},
		"Invented": {
			reason: "Results must be declared by the pipeline.",
			change: func(f fixture) {
				f.PipelineRun.Status.Results = []v1.PipelineRunResult{{Name: "x"}}
			},
			want: []string{"NotWritten"},
		},
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
		"Well": {
			reason: "All is as planned.",
			change: func(f fixture) { took(f).Time = at(12) },
		},
		"Other": {
			reason: "A result of the pipeline must be that of its task.",
			change: func(f fixture) { took(f).Time = at(12); f.PipelineRun.Status.Results[0].Value = v1.StringValue("x") },
			want:   []string{"Damaged"},
		},
		"Missing": {
			reason: "A result of the pipeline must not be missing.",
			change: func(f fixture) { took(f).Time = at(12); f.PipelineRun.Status.Results = nil },
			want:   []string{"GreenAndEmpty"},
		},
		"Handed": {
			reason: "A passed value must be the task's result.",
			change: func(f fixture) { took(f).Time = at(12); took(f).Digest = "x" },
			want:   []string{"Handed"},
		},
		"NotTaken": {
			reason: "A value must be passed.",
			change: func(f fixture) { took(f).Time = at(12); took(f).Event = "x" },
			want:   []string{"Handed"},
		},
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
		"Well":    {reason: "Each value must have a TaskRun.", change: func(fixture) {}},
		"Twice":   {reason: "And only one.", change: func(f fixture) { f.book(0)["step-0"][0].Name = "b" }, want: []string{"Matrix"}},
		"Unknown": {reason: "Of its values.", change: func(f fixture) { f.book(0)["step-0"][0].Name = "c" }, want: []string{"Matrix"}},
		"Lost":    {reason: "No value may be missing.", change: func(f fixture) { f.lose(1) }, want: []string{"TaskLost"}},
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
		"Runs": {
			reason: "A task without dependencies runs.",
			tasks:  []plan.Task{task("a"), guardedBy("b", "a", "yes")},
			want:   map[string]fate{"a": runs, "b": runs},
		},
		"Guarded": {
			reason: "A task that only runs after a skipped task runs.",
			tasks:  []plan.Task{task("a"), guardedBy("b", "a", "no"), after("c", "b")},
			want:   map[string]fate{"a": runs, "b": guarded, "c": runs},
		},
		"Orphaned": {
			reason: "A task that needs results of a skipped task does not run, and neither do tasks after it.",
			tasks:  []plan.Task{task("a"), guardedBy("b", "a", "no"), takes, after("d", "c")},
			want:   map[string]fate{"a": runs, "b": guarded, "c": orphaned, "d": orphaned},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, fates(tc.tasks)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
