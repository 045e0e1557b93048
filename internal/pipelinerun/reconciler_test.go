package pipelinerun

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/want"
)

func TestResultsAreHandedOn(t *testing.T) {
	pr := chain()
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	if diff := cmp.Diff([]string{"run-make"}, c.children(t)); diff != "" {
		t.Fatalf("only the first task starts at first: -want, +got:\n%s", diff)
	}
	if c.calls["get"] != 0 {
		t.Errorf("no result is needed yet, but %d TaskRuns were read from the API server", c.calls["get"])
	}

	text := "$(params.text) $$ $(HOME)" + strings.Repeat("x", 200_000)
	list := v1.ArrayValue("a", "$(tasks.make.results.text)")
	object := v1.ObjectValue(map[string]string{"k": "v"})
	c.end(t, pr, "make", v1.Succeeded("done"),
		v1.TaskRunResult{Name: "text", Type: v1.TypeString, Value: v1.StringValue(text)},
		v1.TaskRunResult{Name: "list", Type: v1.TypeArray, Value: list},
		v1.TaskRunResult{Name: "map", Type: v1.TypeObject, Value: object},
	)
	pr = c.settle(t, pr)
	want := []v1.Param{param("text", "<"+text+">"), {Name: "list", Value: list}, {Name: "map", Value: object}}
	if diff := cmp.Diff(want, c.child(t, pr, "use", -1).Spec.Params); diff != "" {
		t.Errorf("params of the second task: -want, +got:\n%s", diff)
	}
	if c.calls["get"] != 1 {
		t.Errorf("the producer is to be read once from the API server, and was %d times", c.calls["get"])
	}

	c.end(t, pr, "use", v1.Succeeded("done"), v1.TaskRunResult{Name: "count", Type: v1.TypeString, Value: v1.StringValue("2")})
	pr = c.settle(t, pr)
	c.end(t, pr, "last", v1.Succeeded("done"))
	pr = c.settle(t, pr)
	wantResults := []v1.PipelineRunResult{{Name: "count", Value: v1.StringValue("2")}, {Name: "list", Value: list}}
	if diff := cmp.Diff(wantResults, pr.Status.Results); diff != "" {
		t.Errorf("results of the run: -want, +got:\n%s", diff)
	}
	wantCondition(t, pr, metav1.ConditionTrue, v1.PipelineRunReasonSucceeded, "Tasks Completed: 3 (Failed: 0, Cancelled 0), Skipped: 0")
	wantReferences := []v1.ChildReference{
		{APIVersion: "tekton.dev/v1", Kind: "TaskRun", Name: "run-make", PipelineTaskName: "make"},
		{APIVersion: "tekton.dev/v1", Kind: "TaskRun", Name: "run-use", PipelineTaskName: "use"},
		{APIVersion: "tekton.dev/v1", Kind: "TaskRun", Name: "run-last", PipelineTaskName: "last"},
	}
	if diff := cmp.Diff(wantReferences, pr.Status.ChildReferences); diff != "" {
		t.Errorf("childReferences: -want, +got:\n%s", diff)
	}
}

func wantCondition(t *testing.T, pr *v1.PipelineRun, status metav1.ConditionStatus, reason string, parts ...string) {
	t.Helper()
	want.Condition(t, pr.Status.Condition(), status, reason, parts...)
}

// An unchanged run must not cost the API server anything.
func TestUnchangedRunMakesNoCall(t *testing.T) {
	pr := chain()
	calls := 0
	c := newCluster(t, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, under client.Client, sub string, o client.Object,
			patch client.Patch, opts ...client.SubResourcePatchOption) error {
			calls++
			return under.SubResource(sub).Patch(ctx, o, patch, opts...)
		},
	}, pr)
	for range 3 {
		c.pass(t, pr)
	}
	if calls != 1 || c.calls["create"] != 1 || c.calls["get"] != 0 {
		t.Errorf("three passes over the same run: want 1 patch, 1 creation, 0 reads, got %d, %d, %d", calls, c.calls["create"], c.calls["get"])
	}
}

func TestFailedTaskStopsTheRunWhenTheOthersHaveEnded(t *testing.T) {
	after := embedded("after", v1.TaskSpec{})
	after.RunAfter = []string{"bad"}
	later := embedded("later", v1.TaskSpec{})
	later.RunAfter = []string{"good"}
	pr := run(embedded("bad", v1.TaskSpec{}), embedded("good", v1.TaskSpec{}), after, later)
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "bad", v1.Failed(v1.TaskRunReasonStepOOM, "step ran out of memory"))
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionUnknown, v1.PipelineRunReasonStopping, "stopping", "Incomplete: 1, Skipped: 2", `"run-bad"`)

	c.end(t, pr, "good", v1.Succeeded("done"))
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonFailed,
		"Tasks Completed: 2 (Failed: 1, Cancelled 0), Skipped: 2", `task "bad" failed: TaskRun "run-bad": StepOOM: step ran out of memory`)
	want := []v1.SkippedTask{{Name: "after", Reason: v1.SkipReasonStopping}, {Name: "later", Reason: v1.SkipReasonStopping}}
	if diff := cmp.Diff(want, pr.Status.SkippedTasks); diff != "" {
		t.Errorf("skippedTasks: -want, +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"run-bad", "run-good"}, c.children(t)); diff != "" {
		t.Errorf("TaskRuns: -want, +got:\n%s", diff)
	}
}

func TestRunsThatNeverStart(t *testing.T) {
	taskRef := func(name, task string, params ...v1.Param) v1.PipelineTask {
		return v1.PipelineTask{Name: name, TaskRef: &v1.TaskRef{Name: task}, Params: params}
	}
	withParams := run(embedded("a", v1.TaskSpec{}))
	withParams.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "list", Type: v1.TypeArray}}
	wrongType := withParams.DeepCopy()
	wrongType.Spec.Params = []v1.Param{param("list", "text")}
	unbound := run(embedded("a", v1.TaskSpec{}))
	unbound.Spec.PipelineSpec.Workspaces = []v1.PipelineWorkspaceDeclaration{{Name: "source"}}
	missingPipeline := run()
	missingPipeline.Spec = v1.PipelineRunSpec{PipelineRef: &v1.PipelineRef{Name: "nowhere"}}
	huge := run(embedded("a", v1.TaskSpec{}))
	huge.Spec.PipelineSpec.Description = strings.Repeat("d", 800_000)

	task := &v1.Task{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "known"},
		Spec: v1.TaskSpec{
			Params:     []v1.ParamSpec{{Name: "needed"}, {Name: "flags", Type: v1.TypeArray, Default: &v1.Value{Type: v1.TypeArray}}},
			Workspaces: []v1.WorkspaceDeclaration{{Name: "dir", Optional: true}},
			Results:    []v1.TaskResult{{Name: "out"}},
			Steps:      []v1.Step{{Image: "i", Script: "true"}},
		},
	}
	a := embedded("a", v1.TaskSpec{})
	a.RunAfter = []string{"b"}
	b := embedded("b", v1.TaskSpec{})
	b.RunAfter = []string{"a"}
	cases := map[string]struct {
		reason  string
		run     *v1.PipelineRun
		want    string
		message []string
	}{
		"MissingPipeline": {
			reason:  "The reason is the API's, the message names the Pipeline.",
			run:     missingPipeline,
			want:    v1.PipelineRunReasonCouldntGetPipeline,
			message: []string{`"nowhere"`},
		},
		"MissingTask": {
			reason:  "A Task that is missing at the end must not cost the time of those before.",
			run:     run(embedded("a", v1.TaskSpec{}), taskRef("b", "nowhere")),
			want:    v1.PipelineRunReasonCouldntGetTask,
			message: []string{`"nowhere"`, `task "b"`},
		},
		"MissingParam": {
			reason:  "The message names param and type.",
			run:     withParams,
			want:    v1.PipelineRunReasonParameterMissing,
			message: []string{`missing param "list" of type array`},
		},
		"WrongType": {
			reason:  "The message names both types.",
			run:     wrongType,
			want:    v1.PipelineRunReasonParameterTypeMismatch,
			message: []string{"spec.params[0].value", "array", "string"},
		},
		"TaskParam": {
			reason:  "What a Task needs is looked up before any starts.",
			run:     run(taskRef("b", "known")),
			want:    v1.PipelineRunReasonParameterMissing,
			message: []string{"tasks[0].params", `missing param "needed"`},
		},
		"TaskParamType": {
			reason:  "So is the type of what it is given.",
			run:     run(taskRef("b", "known", param("needed", "x"), param("flags", "text"))),
			want:    v1.PipelineRunReasonParameterTypeMismatch,
			message: []string{"tasks[0].params[1].value", "flags"},
		},
		"UnknownResult": {
			reason:  "So is whether it declares the result that another task uses.",
			run:     run(taskRef("b", "known", param("needed", "x")), embedded("c", v1.TaskSpec{}, param("p", "$(tasks.b.results.nope)"))),
			want:    v1.PipelineRunReasonInvalidTaskResultReference,
			message: []string{"spec.pipelineSpec.tasks[1].params[0].value", `no result of task b "nope"`},
		},
		"Unbound": {
			reason:  "A workspace of the pipeline must be bound.",
			run:     unbound,
			want:    v1.PipelineRunReasonInvalidWorkspaceBindings,
			message: []string{`missing workspace "source"`},
		},
		"Cycle": {
			reason:  "A cycle is told with its path.",
			run:     run(a, b),
			want:    v1.PipelineRunReasonInvalidGraph,
			message: []string{"a → b → a"},
		},
		"UnknownTask": {
			reason:  "A task that is not there is named.",
			run:     run(func() v1.PipelineTask { x := embedded("a", v1.TaskSpec{}); x.RunAfter = []string{"x"}; return x }()),
			want:    v1.PipelineRunReasonInvalidGraph,
			message: []string{"runAfter[0]", `"x"`},
		},
		"EmbeddedResult": {
			reason:  "What the pipeline itself shows has the same reason.",
			run:     run(embedded("a", v1.TaskSpec{}), embedded("b", v1.TaskSpec{}, param("p", "$(tasks.a.results.nope)"))),
			want:    v1.PipelineRunReasonInvalidTaskResultReference,
			message: []string{"spec.pipelineSpec.tasks[1].params[0].value", `no result of task a "nope"`},
		},
		"EmbeddedParam": {
			reason:  "Also for a param of a task that is written out.",
			run:     run(embedded("a", v1.TaskSpec{Params: []v1.ParamSpec{{Name: "needed"}}})),
			want:    v1.PipelineRunReasonParameterMissing,
			message: []string{"spec.pipelineSpec.tasks[0].params", `missing param "needed"`},
		},
		"Invalid": {
			reason:  "Everything else is a matter of validation.",
			run:     run(embedded("A", v1.TaskSpec{})),
			want:    v1.PipelineRunReasonValidationFailed,
			message: []string{"spec.pipelineSpec.tasks[0].name", `"A"`},
		},
		"TooLarge": {
			reason:  "A run that cannot be stored with a copy of its pipeline must not begin.",
			run:     huge,
			want:    v1.PipelineRunReasonValidationFailed,
			message: []string{"bytes"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, interceptor.Funcs{}, tc.run, task)
			pr := c.settle(t, tc.run)
			wantCondition(t, pr, metav1.ConditionFalse, tc.want, tc.message...)
			if pr.Status.CompletionTime == nil {
				t.Errorf("\n%s\nthe run has no completion time", tc.reason)
			}
			if c.calls["create"] != 0 {
				t.Errorf("\n%s\n%d TaskRuns were made", tc.reason, c.calls["create"])
			}
		})
	}
}

func TestMissingResultStopsTheRun(t *testing.T) {
	pr := chain()
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", v1.Succeeded("done"))
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonInvalidTaskResultReference,
		`task "use" cannot start`, `result "text" of task "make"`, "params[0].value")
	want := []v1.SkippedTask{{Name: "use", Reason: v1.SkipReasonMissingResults}, {Name: "last", Reason: v1.SkipReasonStopping}}
	if diff := cmp.Diff(want, pr.Status.SkippedTasks); diff != "" {
		t.Errorf("skippedTasks: -want, +got:\n%s", diff)
	}
}

func TestResultsTooLargeForTheTaskThatUsesThem(t *testing.T) {
	pr := chain()
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", v1.Succeeded("done"),
		v1.TaskRunResult{Name: "text", Value: v1.StringValue(strings.Repeat("<", 400_000))}, // six bytes each in JSON
		v1.TaskRunResult{Name: "list", Value: v1.ArrayValue("a")},
		v1.TaskRunResult{Name: "map", Value: v1.ObjectValue(map[string]string{"k": "v"})},
	)
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonResultTooLarge, `task "use" cannot start`,
		"the limit of 1556480", `"text" with 2400`)
}

// The spec of a task that is written out is stored twice in its TaskRun, the second time in the status.
func TestCopiesOfTheSpecCount(t *testing.T) {
	pr := chain()
	pr.Spec.PipelineSpec.Tasks[1].TaskSpec.Description = strings.Repeat("d", 300_000)
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", v1.Succeeded("done"),
		v1.TaskRunResult{Name: "text", Value: v1.StringValue(strings.Repeat("x", 1_000_000))},
		v1.TaskRunResult{Name: "list", Value: v1.ArrayValue("a")},
		v1.TaskRunResult{Name: "map", Value: v1.ObjectValue(map[string]string{"k": "v"})},
	)
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonResultTooLarge, `task "use" cannot start`, "the limit of 1556480")
}

// Of two controllers that have read the same version, one writes.
func TestStaleStatusIsNotWritten(t *testing.T) {
	pr := run(embedded("a", v1.TaskSpec{}))
	var stale *v1.PipelineRun
	c := newCluster(t, interceptor.Funcs{
		Get: func(ctx context.Context, under client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			if o, ok := into.(*v1.PipelineRun); ok && stale != nil {
				stale.DeepCopyInto(o)
				return nil
			}
			return under.Get(ctx, key, into, opts...)
		},
	}, pr)
	read := get(t, c, client.ObjectKeyFromObject(pr), &v1.PipelineRun{})
	pr = c.settle(t, pr)
	c.end(t, pr, "a", v1.Succeeded("done"))
	stale = read
	after, result := c.pass(t, pr)
	if diff := cmp.Diff(pr.Status, after.Status); diff != "" || result.RequeueAfter != 0 {
		t.Errorf("a pass over an old version wrote the status, or comes again after %v:\n%s", result.RequeueAfter, diff)
	}
}

func TestResultsTooLargeForTheRun(t *testing.T) {
	pr := run(embedded("make", v1.TaskSpec{Results: []v1.TaskResult{{Name: "text"}}}))
	for i := range 2 {
		pr.Spec.PipelineSpec.Results = append(pr.Spec.PipelineSpec.Results,
			v1.PipelineResult{Name: fmt.Sprintf("r%d", i), Value: v1.StringValue("$(tasks.make.results.text)")})
	}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", v1.Succeeded("done"), v1.TaskRunResult{Name: "text", Value: v1.StringValue(strings.Repeat("x", 900_000))})
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonResultTooLarge, `"r0" with 900002`, "the limit of 1556480")
	if pr.Status.Results != nil {
		t.Error("the results that do not fit are in the status")
	}
}

func TestDeletedTaskRunFailsTheRun(t *testing.T) {
	pr := run(embedded("a", v1.TaskSpec{}))
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	if err := c.Delete(t.Context(), c.child(t, pr, "a", -1)); err != nil {
		t.Fatal(err)
	}
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonFailed, `TaskRun "run-a" was deleted`)
}

// A TaskRun can be deleted between two reads. Its results are lost then, which must not look like results that were never
// written.
func TestResultsThatAreLostFailTheRun(t *testing.T) {
	pr := chain()
	trimmed := map[string]*v1.TaskRun{}
	c := newCluster(t, interceptor.Funcs{
		Get: func(ctx context.Context, under client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			tr, ok := into.(*v1.TaskRun)
			if cached := trimmed[key.Name]; ok && cached != nil {
				cached.DeepCopyInto(tr)
				return nil
			}
			return under.Get(ctx, key, into, opts...)
		},
	}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", v1.Succeeded("done"))
	tr := c.child(t, pr, "make", -1)
	trimmed[tr.Name] = tr.DeepCopy()
	if err := c.Delete(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonFailed, `TaskRun "run-make" was deleted`)
	if c.calls["create"] != 1 {
		t.Errorf("another task was started: %d TaskRuns were made", c.calls["create"])
	}
}

func TestTaskRunsThatCannotBeMade(t *testing.T) {
	resource := schema.GroupResource{Group: v1.GroupName, Resource: "taskruns"}
	cases := map[string]struct {
		reason string
		err    error
		status metav1.ConditionStatus
		part   string
	}{
		"Quota": {
			reason: "A quota can have room later.",
			err:    apierrors.NewForbidden(resource, "run-a", fmt.Errorf("exceeded quota: taskruns")),
			status: metav1.ConditionUnknown,
			part:   "exceeded quota",
		},
		"Refused": {
			reason: "What is refused once is refused always.",
			err:    apierrors.NewForbidden(resource, "run-a", fmt.Errorf("policy")),
			status: metav1.ConditionFalse,
			part:   "policy",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := run(embedded("a", v1.TaskSpec{}))
			c := newCluster(t, interceptor.Funcs{
				Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return tc.err },
			}, pr)
			pr = c.settle(t, pr)
			if got := pr.Status.Condition(); got.Status != tc.status || !strings.Contains(got.Message, tc.part) {
				t.Errorf("\n%s\nwant %s with %q, got %s: %s", tc.reason, tc.status, tc.part, got.Status, got.Message)
			}
		})
	}
}
