package pipelinerun

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// custom is a task that another controller runs.
func custom(task string, params ...v1.Param) v1.PipelineTask {
	return v1.PipelineTask{Name: task, TaskRef: &v1.TaskRef{APIVersion: "example.dev/v1", Kind: "Wait"}, Params: params}
}

// customRun returns the CustomRun of a task; index is negative for one without a matrix.
func (c *cluster) customRun(t *testing.T, pr *v1.PipelineRun, task string, index int) *v1beta1.CustomRun {
	t.Helper()
	return get(t, c, types.NamespacedName{Namespace: pr.Namespace, Name: childName(pr, task, index)}, &v1beta1.CustomRun{})
}

// endRun lets a child of any kind end.
func (c *cluster) endRun(t *testing.T, child Run, condition metav1.Condition, results ...v1.TaskRunResult) {
	t.Helper()
	switch o := child.Object().(type) {
	case *v1.TaskRun:
		c.endOf(t, o, condition, results...)
	case *v1beta1.CustomRun:
		o.Status.Conditions = []v1beta1.Condition{{
			Type: condition.Type, Status: condition.Status, Reason: condition.Reason, Message: condition.Message,
		}}
		for i := range results {
			o.Status.Results = append(o.Status.Results, v1beta1.CustomRunResult{Name: results[i].Name, Value: results[i].Value.String})
		}
		if err := c.Status().Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	case *v1.PipelineRun:
		if condition.Reason == v1.TaskRunReasonCancelled {
			condition.Reason = v1.PipelineRunReasonCancelled
		}
		o.Status.SetCondition(condition, metav1.NewTime(start))
		for i := range results {
			o.Status.Results = append(o.Status.Results, v1.PipelineRunResult{Name: results[i].Name, Value: results[i].Value})
		}
		if err := c.Status().Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("a child of type %T", o)
	}
}

// TestCustomRunOfATask: what a task says reaches its CustomRun, which is all that the controller of the custom task reads.
func TestCustomRunOfATask(t *testing.T) {
	referred := custom("referred", param("p", "$(params.x)"), array("list", "a", "b"))
	referred.TaskRef.Name, referred.Retries, referred.Timeout = "named", 2, &metav1.Duration{Duration: time.Minute}
	referred.Workspaces = []v1.WorkspacePipelineTaskBinding{{Name: "inner", Workspace: "outer", SubPath: "sub"}}
	spec := &runtime.RawExtension{Raw: []byte(`{"text":"$(params.x)"}`)}
	written := v1.PipelineTask{Name: "written", TaskSpec: &v1.EmbeddedTask{
		APIVersion: "example.dev/v1", Kind: "Loop", Spec: spec,
		Metadata: v1.PipelineTaskMetadata{Labels: map[string]string{"team": "a"}},
	}}
	pr := run(referred, written)
	pr.Labels["of"], pr.Annotations = "run", map[string]string{"note": "run"}
	pr.Spec.Params = []v1.Param{param("x", "value")}
	pr.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "x"}}
	pr.Spec.PipelineSpec.Workspaces = []v1.PipelineWorkspaceDeclaration{{Name: "outer"}}
	pr.Spec.Workspaces = []v1.WorkspaceBinding{{Name: "outer", SubPath: "top", EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	pr.Spec.TaskRunTemplate.ServiceAccountName = "all"
	pr.Spec.TaskRunSpecs = []v1.PipelineTaskRunSpec{{PipelineTaskName: "written", ServiceAccountName: "own"}}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)

	want := map[string]v1beta1.CustomRunSpec{
		"referred": {
			CustomRef:          &v1beta1.CustomRef{APIVersion: "example.dev/v1", Kind: "Wait", Name: "named"},
			Params:             []v1.Param{param("p", "value"), array("list", "a", "b")},
			Workspaces:         []v1.WorkspaceBinding{{Name: "inner", SubPath: "top/sub", EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			ServiceAccountName: "all", Retries: 2, Timeout: &metav1.Duration{Duration: time.Minute},
		},
		"written": {
			CustomSpec: &v1beta1.EmbeddedCustomRunSpec{
				APIVersion: "example.dev/v1", Kind: "Loop", Spec: spec, Metadata: v1.PipelineTaskMetadata{Labels: map[string]string{"team": "a"}},
			},
			ServiceAccountName: "own",
		},
	}
	for task, spec := range want {
		got := c.customRun(t, pr, task, -1)
		if diff := cmp.Diff(spec, got.Spec); diff != "" {
			t.Errorf("CustomRun of %s: -want, +got:\n%s", task, diff)
		}
		labels := map[string]string{
			"of": "run", v1.LabelPipeline: "run", v1.LabelPipelineRun: "run", v1.LabelPipelineRunUID: "pr-uid", v1.LabelPipelineTask: task,
			v1.LabelMemberOf: v1.MemberOfTasks, v1.LabelManagedBy: v1.ManagedBy,
		}
		if diff := cmp.Diff(labels, got.Labels); diff != "" {
			t.Errorf("labels of %s: -want, +got:\n%s", task, diff)
		}
		if diff := cmp.Diff(map[string]string{"note": "run"}, got.Annotations); diff != "" {
			t.Errorf("annotations of %s: -want, +got:\n%s", task, diff)
		}
		if !metav1.IsControlledBy(got, pr) {
			t.Errorf("CustomRun of %s does not belong to the run: %v", task, got.OwnerReferences)
		}
	}
	refs := []v1.ChildReference{
		{APIVersion: "tekton.dev/v1beta1", Kind: "CustomRun", Name: "run-referred", PipelineTaskName: "referred"},
		{APIVersion: "tekton.dev/v1beta1", Kind: "CustomRun", Name: "run-written", PipelineTaskName: "written"},
	}
	if diff := cmp.Diff(refs, pr.Status.ChildReferences); diff != "" {
		t.Errorf("childReferences: -want, +got:\n%s", diff)
	}
}

// TestResultsOfCustomRuns: a result of a custom task is used everywhere, byte for byte. Text in it that looks like a variable stays.
func TestResultsOfCustomRuns(t *testing.T) {
	const value = "$(params.secret) $$(x)\n\u2028 end"
	guarded := taking("guarded", "x")
	guarded.When = []v1.WhenExpression{{Input: "$(tasks.make.results.r)", Operator: v1.WhenIn, Values: []string{value}}}
	many := custom("many")
	many.Matrix = &v1.Matrix{Params: []v1.Param{array("n", "1", "2")}}
	all := embedded("all", v1.TaskSpec{Params: []v1.ParamSpec{{Name: "p", Type: v1.TypeArray}}}, param("p", "$(tasks.many.results.r[*])"))
	next := custom("next", param("p", "<$(tasks.make.results.r)>"))
	pr := run(custom("make"), taking("use", "<$(tasks.make.results.r)>"), next, guarded, many, all)
	finally(pr, taking("last", "$(tasks.make.results.r) $(tasks.make.status) $(tasks.make.reason)"))
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "r", Value: v1.StringValue("$(tasks.make.results.r)")}}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.endRun(t, customRun{c.customRun(t, pr, "make", -1)}, done(), text("r", value))
	for i, r := range []string{"first", "second"} {
		c.endRun(t, customRun{c.customRun(t, pr, "many", i)}, done(), text("r", r))
	}
	pr = c.settle(t, pr)
	for task, want := range map[string]v1.Value{"use": v1.StringValue("<" + value + ">"), "all": v1.ArrayValue("first", "second")} {
		if diff := cmp.Diff(want, c.child(t, pr, task, -1).Spec.Params[0].Value); diff != "" {
			t.Errorf("param of %s: -want, +got:\n%s", task, diff)
		}
	}
	if diff := cmp.Diff(v1.StringValue("<"+value+">"), c.customRun(t, pr, "next", -1).Spec.Params[0].Value); diff != "" {
		t.Errorf("param of the next custom task: -want, +got:\n%s", diff)
	}
	c.endRun(t, customRun{c.customRun(t, pr, "next", -1)}, done())
	for _, task := range []string{"use", "all", "guarded"} {
		c.end(t, pr, task, done())
	}
	pr = c.settle(t, pr)
	if diff := cmp.Diff(v1.StringValue(value+strings.Repeat(" Succeeded", 2)), c.child(t, pr, "last", -1).Spec.Params[0].Value); diff != "" {
		t.Errorf("param of the task of finally: -want, +got:\n%s", diff)
	}
	c.end(t, pr, "last", done())
	pr = c.settle(t, pr)
	want := []v1.PipelineRunResult{{Name: "r", Value: v1.StringValue(value)}}
	if diff := cmp.Diff(want, pr.Status.Results); diff != "" || pr.Status.Condition().Status != metav1.ConditionTrue {
		t.Errorf("results of the run, which is %v: -want, +got:\n%s", pr.Status.Condition(), diff)
	}
}

// TestMissingResultOfACustomRun: a run never continues with an empty value in place of a result, wherever the result is used.
func TestMissingResultOfACustomRun(t *testing.T) {
	guarded := plain("use")
	guarded.When = []v1.WhenExpression{{Input: "$(tasks.make.results.r)", Operator: v1.WhenNotIn, Values: []string{"x"}}}
	cases := map[string]struct {
		run    *v1.PipelineRun
		reason string
		text   string
	}{
		"Param": {
			run:    run(custom("make"), taking("use", "$(tasks.make.results.r)")),
			reason: v1.PipelineRunReasonInvalidTaskResultReference,
			text:   `result "r" of task "make"`,
		},
		"ParamOfACustomTask": {
			run:    run(custom("make"), custom("use", param("p", "$(tasks.make.results.r)"))),
			reason: v1.PipelineRunReasonInvalidTaskResultReference,
			text:   `result "r" of task "make"`,
		},
		"When": {
			run:    run(custom("make"), guarded),
			reason: v1.PipelineRunReasonInvalidTaskResultReference,
			text:   `result "r" of task "make"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, interceptor.Funcs{}, tc.run)
			pr := c.settle(t, tc.run)
			c.endRun(t, customRun{c.customRun(t, pr, "make", -1)}, done(), text("other", "x"))
			pr = c.settle(t, pr)
			condition := pr.Status.Condition()
			if condition.Status != metav1.ConditionFalse || condition.Reason != tc.reason || !strings.Contains(condition.Message, tc.text) {
				t.Errorf("got %v, results %v", condition, pr.Status.Results)
			}
		})
	}
}

// TestCancelledCustomRun: the cancellation reaches the CustomRun, and its end ends the run.
func TestCancelledCustomRun(t *testing.T) {
	pr := run(custom("wait"))
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.update(t, pr, func(pr *v1.PipelineRun) { pr.Spec.Status = v1.PipelineRunSpecStatusCancelled })
	pr = c.settle(t, pr)
	got := c.customRun(t, pr, "wait", -1)
	if got.Spec.Status != v1beta1.CustomRunSpecStatusCancelled || got.Spec.StatusMessage == "" || pr.Status.Done() {
		t.Fatalf("got spec.status %q, message %q; the run is done: %v", got.Spec.Status, got.Spec.StatusMessage, pr.Status.Done())
	}
	c.endRun(t, customRun{got}, v1.Failed("Whatever", "its own words"))
	pr = c.settle(t, pr)
	condition := pr.Status.Condition()
	if condition.Reason != v1.PipelineRunReasonCancelled || !strings.Contains(condition.Message, "Cancelled 1") {
		t.Errorf("got %v", condition)
	}
}

// TestCustomRunThatNeverAnswers: a controller of a custom task that does not exist, or ignores requests, cannot keep the run from
// its end. The tasks of finally run, without the results that the CustomRun might still write.
func TestCustomRunThatNeverAnswers(t *testing.T) {
	cases := map[string]struct {
		reason string
		stop   func(t *testing.T, c *cluster, pr *v1.PipelineRun)
		want   string
		text   string
		last   bool
	}{
		"Cancelled": {
			reason: "A cancelled run ends after the grace period.",
			stop: func(t *testing.T, c *cluster, pr *v1.PipelineRun) {
				t.Helper()
				c.update(t, pr, func(pr *v1.PipelineRun) { pr.Spec.Status = v1.PipelineRunSpecStatusCancelled })
			},
			want: v1.PipelineRunReasonCancelled,
			text: "was cancelled",
		},
		"CancelledRunFinally": {
			reason: "A graceful cancellation runs the tasks of finally after the grace period.",
			stop: func(t *testing.T, c *cluster, pr *v1.PipelineRun) {
				t.Helper()
				c.update(t, pr, func(pr *v1.PipelineRun) { pr.Spec.Status = v1.PipelineRunSpecStatusCancelledRunFinally })
			},
			want: v1.PipelineRunReasonCancelled,
			text: "was cancelled",
			last: true,
		},
		"TimedOut": {
			reason: "A timeout of the tasks runs those of finally after the grace period.",
			stop: func(_ *testing.T, c *cluster, _ *v1.PipelineRun) {
				c.clock.SetTime(start.Add(31 * time.Minute))
			},
			want: v1.PipelineRunReasonTimedOut,
			text: "its tasks took longer than 30m0s",
			last: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := finally(run(custom("wait"), plain("after", "wait")), taking("last", "$(tasks.wait.status) $(tasks.wait.reason)"))
			pr.Spec.Timeouts = &v1.Timeouts{Tasks: &metav1.Duration{Duration: 30 * time.Minute}}
			c := newCluster(t, interceptor.Funcs{}, pr)
			pr = c.settle(t, pr)
			tc.stop(t, c, pr)
			pr = c.settle(t, pr)
			_, result := c.pass(t, pr)
			if pr.Status.Done() || result.RequeueAfter <= 0 || result.RequeueAfter > StopGrace {
				t.Fatalf("%s\nDuring the grace period: done: %v, wakes after %s", tc.reason, pr.Status.Done(), result.RequeueAfter)
			}
			c.clock.SetTime(c.clock.Now().Add(StopGrace))
			pr = c.settle(t, pr)
			if tc.last {
				last := c.child(t, pr, "last", -1)
				if got := last.Spec.Params[0].Value.String; got != "Failed "+v1beta1.CustomRunReasonCancelled {
					t.Errorf("%s\nThe task of finally got %q", tc.reason, got)
				}
				c.endOf(t, last, done())
				pr = c.settle(t, pr)
			}
			condition := pr.Status.Condition()
			if condition.Reason != tc.want || !strings.Contains(condition.Message, tc.text) ||
				!strings.Contains(condition.Message, `["run-wait"]`) {
				t.Errorf("%s\ngot %v", tc.reason, condition)
			}
		})
	}
}

// TestClusterWithoutCustomRuns: a run with a custom task says what the cluster lacks.
func TestClusterWithoutCustomRuns(t *testing.T) {
	pr := run(custom("wait"))
	c := newCluster(t, interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, _ client.Object, _ ...client.CreateOption) error {
			return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: v1.GroupName, Kind: v1beta1.KindCustomRun}}
		},
	}, pr)
	pr = c.settle(t, pr)
	condition := pr.Status.Condition()
	if condition.Status != metav1.ConditionFalse || condition.Reason != v1.PipelineRunReasonCreateRunFailed ||
		!strings.Contains(condition.Message, `cannot create CustomRun "run-wait": the API server does not serve this kind`) {
		t.Errorf("got %v", condition)
	}
}

// TestProgressOfACustomRun: other programs write the statuses of CustomRuns, so any of them must have a meaning.
func TestProgressOfACustomRun(t *testing.T) {
	type outcome struct {
		Done, Cancelled, TimedOut bool
		Reason                    string
	}
	cases := map[string]struct {
		reason string
		asked  bool
		status v1beta1.CustomRunStatus
		want   outcome
	}{
		"NoStatus": {reason: "No controller has seen it."},
		"OtherTypes": {
			reason: "Only Succeeded counts.",
			status: conditions(v1beta1.Condition{Type: "Ready", Status: "True"}),
		},
		"UnknownStatus": {
			reason: "A status that the API does not have is no end.",
			status: conditions(v1beta1.Condition{Type: "Succeeded", Status: "Maybe"}),
		},
		"NoReason": {
			reason: "A reason is optional.",
			status: conditions(v1beta1.Condition{Type: "Succeeded", Status: "True"}),
			want:   outcome{Done: true, Reason: v1.TaskRunReasonSucceeded},
		},
		"Failed": {
			reason: "A failure without a reason has one for the tasks of finally.",
			status: conditions(v1beta1.Condition{Type: "Succeeded", Status: "False"}),
			want:   outcome{Done: true, Reason: v1.TaskRunReasonFailed},
		},
		"BadTime": {
			reason: "A time is any text.",
			status: conditions(v1beta1.Condition{Type: "Succeeded", Status: "False", Reason: "Own", LastTransitionTime: "yesterday"}),
			want:   outcome{Done: true, Reason: "Own"},
		},
		"Cancelled": {
			reason: "Its own controller can cancel it.",
			status: conditions(v1beta1.Condition{Type: "Succeeded", Status: "False", Reason: v1beta1.CustomRunReasonCancelled}),
			want:   outcome{Done: true, Cancelled: true, Reason: v1beta1.CustomRunReasonCancelled},
		},
		"FailedWhenAsked": {
			reason: "A failure after the request is a cancellation.",
			asked:  true,
			status: conditions(v1beta1.Condition{Type: "Succeeded", Status: "False", Reason: "Own"}),
			want:   outcome{Done: true, Cancelled: true, Reason: "Own"},
		},
		"SucceededWhenAsked": {
			reason: "A run that succeeds in spite of the request has succeeded.",
			asked:  true,
			status: conditions(v1beta1.Condition{Type: "Succeeded", Status: "True", Reason: "Own"}),
			want:   outcome{Done: true, Reason: "Own"},
		},
		"TimedOut": {
			reason: "Its own timeout is not a cancellation.",
			asked:  true,
			status: conditions(v1beta1.Condition{Type: "Succeeded", Status: "False", Reason: v1beta1.CustomRunReasonTimedOut}),
			want:   outcome{Done: true, TimedOut: true, Reason: v1beta1.CustomRunReasonTimedOut},
		},
		"LongText": {
			reason: "The run repeats the reason, so it has a limit.",
			status: conditions(v1beta1.Condition{Type: "Succeeded", Status: "False", Reason: strings.Repeat("r", 2*maxReport)}),
			want:   outcome{Done: true, Reason: strings.Repeat("r", maxReport) + "…"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			run := &v1beta1.CustomRun{Status: tc.status}
			if tc.asked {
				run.Spec.Status = v1beta1.CustomRunSpecStatusCancelled
			}
			p := customRun{run}.Progress()
			got := outcome{Done: p.Done(), Cancelled: p.Cancelled, TimedOut: p.TimedOut}
			if p.Done() {
				got.Reason = p.Condition.Reason
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nProgress(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func conditions(all ...v1beta1.Condition) v1beta1.CustomRunStatus {
	return v1beta1.CustomRunStatus{Conditions: all}
}

// TestCreationsAreLinear: a reconcile creates each CustomRun with one request, and reads none of them one by one.
func TestCreationsAreLinear(t *testing.T) {
	for _, n := range []int{10, 100} {
		tasks := make([]v1.PipelineTask, n)
		for i := range tasks {
			tasks[i] = custom("t" + strings.Repeat("x", i/26) + string(rune('a'+i%26)))
		}
		pr := run(tasks...)
		c := newCluster(t, interceptor.Funcs{}, pr)
		pr, _ = c.pass(t, pr)
		if got := len(pr.Status.ChildReferences); got != n {
			t.Fatalf("%d tasks have %d children", n, got)
		}
		if c.calls["create"] != n || c.total() > n+3 {
			t.Errorf("%d tasks: %v calls", n, c.calls)
		}
	}
}
