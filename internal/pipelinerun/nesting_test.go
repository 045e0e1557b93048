package pipelinerun

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// threeLevels is a run with a task in a pipeline in a pipeline, each of which has a task of finally.
func threeLevels(t *testing.T) *v1.PipelineRun {
	t.Helper()
	lowest := v1.PipelineSpec{Tasks: []v1.PipelineTask{plain("leaf")}, Finally: []v1.PipelineTask{plain("last")}}
	middle := v1.PipelineSpec{Tasks: []v1.PipelineTask{nested(t, "low", lowest)}, Finally: []v1.PipelineTask{plain("last")}}
	return finally(run(nested(t, "mid", middle)), plain("last"))
}

// TestThreeLevels: how a task ends in the innermost pipeline reaches the outermost run, and so does a request of its user in the
// other direction. Tasks of finally run at each level, except when everything is cancelled.
func TestThreeLevels(t *testing.T) {
	asks := func(status v1.PipelineRunSpecStatus) func(*testing.T, *cluster, *v1.PipelineRun) {
		return func(t *testing.T, c *cluster, pr *v1.PipelineRun) {
			t.Helper()
			c.update(t, pr, func(pr *v1.PipelineRun) { pr.Spec.Status = status })
		}
	}
	cases := map[string]struct {
		reason string
		act    func(t *testing.T, c *cluster, pr *v1.PipelineRun)
		// request is what the innermost run is asked for, and cancelled is true if its task is cancelled.
		request   v1.PipelineRunSpecStatus
		cancelled bool
		leaf      metav1.Condition
		finally   int
		want      string
		parts     []string
	}{
		"Succeeds": {
			reason:  "The run has one outcome for all levels.",
			leaf:    done(),
			finally: 3,
			want:    v1.PipelineRunReasonSucceeded,
			parts:   []string{"Tasks Completed: 2 (Failed: 0, Cancelled 0), Skipped: 0"},
		},
		"Fails": {
			reason:  "The message names the failure at each level.",
			leaf:    broken(),
			finally: 3,
			want:    v1.PipelineRunReasonFailed,
			parts: []string{`task "mid" failed: PipelineRun "run-mid"`, `task "low" failed: PipelineRun "run-mid-low"`,
				`task "leaf" failed: TaskRun "run-mid-low-leaf"`, "exited with code 1"},
		},
		"LeafCancelled": {
			reason:  "A user has cancelled the innermost task only.",
			leaf:    stopped(),
			finally: 3,
			want:    v1.PipelineRunReasonCancelled,
		},
		"Cancelled": {
			reason:    "Everything is cancelled.",
			act:       asks(v1.PipelineRunSpecStatusCancelled),
			request:   v1.PipelineRunSpecStatusCancelled,
			cancelled: true,
			leaf:      stopped(),
			want:      v1.PipelineRunReasonCancelled,
			parts:     []string{`PipelineRun "run" was cancelled`},
		},
		"CancelledRunFinally": {
			reason:    "Running tasks are cancelled, and tasks of finally run at each level.",
			act:       asks(v1.PipelineRunSpecStatusCancelledRunFinally),
			request:   v1.PipelineRunSpecStatusCancelledRunFinally,
			cancelled: true,
			leaf:      stopped(),
			finally:   3,
			want:      v1.PipelineRunReasonCancelled,
			parts:     []string{"was cancelled by CancelledRunFinally"},
		},
		"StoppedRunFinally": {
			reason:  "Running tasks finish, and tasks of finally run at each level. All other tasks have ended, so that nothing was cancelled.",
			act:     asks(v1.PipelineRunSpecStatusStoppedRunFinally),
			request: v1.PipelineRunSpecStatusStoppedRunFinally,
			leaf:    done(),
			finally: 3,
			want:    v1.PipelineRunReasonSucceeded,
		},
		"TasksTimedOut": {
			reason:    "The time of the outermost tasks is over: all within them is cancelled, and the task of finally of the run follows.",
			act:       func(_ *testing.T, c *cluster, _ *v1.PipelineRun) { c.clock.SetTime(start.Add(31 * time.Minute)) },
			request:   v1.PipelineRunSpecStatusCancelled,
			cancelled: true,
			leaf:      stopped(),
			finally:   1,
			want:      v1.PipelineRunReasonTimedOut,
			parts:     []string{"its tasks took longer than 30m0s"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := threeLevels(t)
			pr.Spec.Timeouts = &v1.Timeouts{Tasks: &metav1.Duration{Duration: 30 * time.Minute}}
			c := newCluster(t, interceptor.Funcs{}, pr)
			pr = c.settleAll(t, pr)
			leaf := c.leaf(t)
			if tc.act != nil {
				tc.act(t, c, pr)
				pr = c.settleAll(t, pr)
			}
			low := get(t, c, types.NamespacedName{Namespace: "ns", Name: "run-mid-low"}, &v1.PipelineRun{})
			leaf = get(t, c, client.ObjectKeyFromObject(leaf), leaf)
			if low.Spec.Status != tc.request || (leaf.Spec.Status != "") != tc.cancelled {
				t.Errorf("%s\nthe innermost run is asked for %q, its task for %q", tc.reason, low.Spec.Status, leaf.Spec.Status)
			}
			c.endOf(t, leaf, tc.leaf)
			pr = c.settleAll(t, pr)
			for range tc.finally {
				if last := c.leaf(t); last.Labels[v1.LabelMemberOf] != v1.MemberOfFinally {
					t.Fatalf("%s\n%s runs", tc.reason, last.Name)
				}
				c.endOf(t, c.leaf(t), done())
				pr = c.settleAll(t, pr)
			}
			condition := pr.Status.Condition()
			if !pr.Status.Done() || condition.Reason != tc.want {
				t.Errorf("%s\nwant reason %s, got %v", tc.reason, tc.want, condition)
			}
			for _, part := range tc.parts {
				if !strings.Contains(condition.Message, part) {
					t.Errorf("%s\nthe message lacks %q: %s", tc.reason, part, condition.Message)
				}
			}
		})
	}
}

// TestOwnTimeoutOfANestedPipeline: the timeout of the task is that of its PipelineRun, and ends the run as a failure of the task.
func TestOwnTimeoutOfANestedPipeline(t *testing.T) {
	task := nested(t, "n", v1.PipelineSpec{Tasks: []v1.PipelineTask{plain("a")}})
	task.Timeout = &metav1.Duration{Duration: time.Minute}
	pr := run(task)
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settleAll(t, pr)
	c.clock.SetTime(start.Add(2 * time.Minute))
	pr = c.settleAll(t, pr)
	c.endOf(t, c.leaf(t), stopped())
	pr = c.settleAll(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonFailed, `task "n" failed: PipelineRun "run-n": PipelineRunTimeout`,
		"longer than 1m0s")
}

// TestStopIsExtended: after a graceful stop, a request that ends more reaches a nested pipeline, and one that ends less does not.
func TestStopIsExtended(t *testing.T) {
	pr := finally(run(nested(t, "n", v1.PipelineSpec{Tasks: []v1.PipelineTask{plain("a")}, Finally: []v1.PipelineTask{plain("z")}})))
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settleAll(t, pr)
	for _, step := range []struct{ ask, want v1.PipelineRunSpecStatus }{
		{v1.PipelineRunSpecStatusStoppedRunFinally, v1.PipelineRunSpecStatusStoppedRunFinally},
		{v1.PipelineRunSpecStatusCancelledRunFinally, v1.PipelineRunSpecStatusCancelledRunFinally},
		{v1.PipelineRunSpecStatusStoppedRunFinally, v1.PipelineRunSpecStatusCancelledRunFinally},
		{v1.PipelineRunSpecStatusCancelled, v1.PipelineRunSpecStatusCancelled},
	} {
		c.update(t, pr, func(pr *v1.PipelineRun) { pr.Spec.Status = step.ask })
		pr = c.settle(t, pr)
		if got := c.pipelineRun(t, pr, "n", -1).Spec.Status; got != step.want {
			t.Errorf("the run is asked for %s, and its task for %q; want %s", step.ask, got, step.want)
		}
	}
}

// TestPipelineWithinItself: a cycle of references is found when it closes, and a chain of them has a limit.
func TestPipelineWithinItself(t *testing.T) {
	chain := func(n int) []client.Object {
		var all []client.Object
		for i := range n {
			next := toPipeline("t", fmt.Sprintf("p%d", i+1))
			all = append(all, pipelineNamed(fmt.Sprintf("p%d", i), v1.PipelineSpec{Tasks: []v1.PipelineTask{next}}))
		}
		return append(all, pipelineNamed(fmt.Sprintf("p%d", n), v1.PipelineSpec{Tasks: []v1.PipelineTask{plain("leaf")}}))
	}
	cases := map[string]struct {
		reason    string
		pipelines []client.Object
		runs      int
		want      string
		message   string
	}{
		"Cycle": {
			reason: "a refers to b, and b to a, through an embedded pipeline.",
			pipelines: []client.Object{
				pipelineNamed("p0", v1.PipelineSpec{Tasks: []v1.PipelineTask{toPipeline("t", "b")}}),
				pipelineNamed("b", v1.PipelineSpec{Tasks: []v1.PipelineTask{
					nested(t, "e", v1.PipelineSpec{Tasks: []v1.PipelineTask{toPipeline("back", "p0")}}),
				}}),
			},
			runs:    4,
			want:    v1.PipelineRunReasonInvalidGraph,
			message: `the pipeline is within itself: Pipeline "p0" > Pipeline "b" > pipelineSpec of PipelineRun "run-t-e" > Pipeline "p0"`,
		},
		"Itself": {
			reason:    "A pipeline refers to itself.",
			pipelines: []client.Object{pipelineNamed("p0", v1.PipelineSpec{Tasks: []v1.PipelineTask{toPipeline("t", "p0")}})},
			runs:      2,
			want:      v1.PipelineRunReasonInvalidGraph,
			message:   `the pipeline is within itself: Pipeline "p0" > Pipeline "p0"`,
		},
		"Deepest": {
			reason:    "The limit itself is permitted.",
			pipelines: chain(validation.MaxNesting),
			runs:      validation.MaxNesting + 1,
		},
		"TooDeep": {
			reason:    "One more is not.",
			pipelines: chain(validation.MaxNesting + 1),
			runs:      validation.MaxNesting + 2,
			want:      v1.PipelineRunReasonValidationFailed,
			message:   `pipelines are nested in more than 8 levels: Pipeline "p0" > Pipeline "p1" > `,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := run()
			pr.Spec.PipelineSpec, pr.Spec.PipelineRef = nil, &v1.PipelineRef{Name: "p0"}
			c := newCluster(t, interceptor.Funcs{}, append(tc.pipelines, pr)...)
			pr = c.settleAll(t, pr)
			list := &v1.PipelineRunList{}
			if err := c.List(t.Context(), list); err != nil || len(list.Items) != tc.runs {
				t.Errorf("%s\nwant %d runs, got %d, %v", tc.reason, tc.runs, len(list.Items), err)
			}
			if tc.want == "" {
				c.endOf(t, c.leaf(t), done())
				wantCondition(t, c.settleAll(t, pr), metav1.ConditionTrue, v1.PipelineRunReasonSucceeded)
				return
			}
			wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonFailed, tc.want+": "+tc.message)
		})
	}
}
