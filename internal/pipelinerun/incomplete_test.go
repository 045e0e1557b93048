package pipelinerun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// shards is the number of combinations of the task "test" of sharded.
const shards = 12

// sharded is a run whose task "scan" is skipped when the matrix "test" starts: it needs a result of a skipped task.
func sharded(runName string) *v1.PipelineRun {
	build := plain("build", "clone")
	build.TaskSpec.Results = []v1.TaskResult{{Name: "image"}}
	build.When = []v1.WhenExpression{{Input: "no", Operator: v1.WhenIn, Values: []string{"yes"}}}
	test := producing("test", "report")
	test.RunAfter = []string{"build"}
	test.TaskSpec.Params = []v1.ParamSpec{{Name: "shard"}}
	var values []string
	for i := range shards {
		values = append(values, strconv.Itoa(i))
	}
	test.Matrix = &v1.Matrix{Params: []v1.Param{array("shard", values...)}}
	pr := run(plain("clone"), build, taking("scan", "$(tasks.build.results.image)"), test)
	pr.Name = runName
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{
		{Name: "reports", Type: v1.TypeArray, Value: v1.ArrayValue("$(tasks.test.results.report[*])")},
	}
	return pr
}

// shardOf returns the index in the value of the param shard.
func shardOf(tr *v1.TaskRun) string {
	i := slices.IndexFunc(tr.Spec.Params, func(p v1.Param) bool { return p.Name == "shard" })
	return tr.Spec.Params[i].Value.String
}

// endShards lets the children of the matrix that exist end, each with its own value, and returns their number.
func (c *cluster) endShards(t *testing.T) int {
	t.Helper()
	list := &v1.TaskRunList{}
	if err := c.List(t.Context(), list, client.MatchingLabels{v1.LabelPipelineTask: "test"}); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		c.endOf(t, &list.Items[i], done(), text("report", "r"+shardOf(&list.Items[i])))
	}
	return len(list.Items)
}

// wantReports wants the results of a run of sharded to be those of all combinations, in their order.
func wantReports(t *testing.T, pr *v1.PipelineRun) {
	t.Helper()
	wantCondition(t, pr, metav1.ConditionTrue, v1.PipelineRunReasonCompleted)
	var all []string
	for i := range shards {
		all = append(all, "r"+strconv.Itoa(i))
	}
	want := []v1.PipelineRunResult{{Name: "reports", Value: v1.ArrayValue(all...)}}
	if diff := cmp.Diff(want, pr.Status.Results); diff != "" {
		t.Errorf("results: -want, +got:\n%s", diff)
	}
}

// TestMatrixIsCompleted: the creation of the children of a matrix is interrupted, or they cannot be recorded. Another task is decided
// before the matrix in the next pass, for which the run searches for children that it has not recorded. The matrix must get all of
// its children, and the list of their results must have all values, in the order of the combinations.
func TestMatrixIsCompleted(t *testing.T) {
	const long = "a-run-of-the-nightly-pipeline-with-a-name-as-users-have-them-7xk2p"
	cases := map[string]struct {
		run string
		// fails reports whether the next creation of a child fails, and conflicts whether the next write of a status does.
		fails     func(child string) bool
		conflicts bool
	}{
		"CreationFails":   {run: "run", fails: func(child string) bool { return child == "run-test-3" }},
		"FirstOneFails":   {run: "run", fails: func(child string) bool { return child == "run-test-0" }},
		"StatusConflicts": {run: "run", conflicts: true},
		"LongNames":       {run: long, conflicts: true},
		"LongNamesFail":   {run: long, fails: func(child string) bool { return strings.HasSuffix(child, "-test-7") }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr, armed := sharded(tc.run), false
			c := newCluster(t, interceptor.Funcs{
				Create: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if armed && tc.fails != nil && tc.fails(o.GetName()) {
						return apierrors.NewInternalError(errors.New("etcd has no leader"))
					}
					return under.Create(ctx, o, opts...)
				},
				SubResourcePatch: func(ctx context.Context, under client.Client, sub string, o client.Object,
					patch client.Patch, opts ...client.SubResourcePatchOption) error {
					if armed && tc.conflicts {
						return apierrors.NewConflict(schema.GroupResource{Resource: "pipelineruns"}, o.GetName(), nil)
					}
					return under.SubResource(sub).Patch(ctx, o, patch, opts...)
				},
			}, pr)
			pr = c.settle(t, pr)
			c.end(t, pr, "clone", done())
			armed = true
			request := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(pr)}
			if _, err := c.reconciler.Reconcile(t.Context(), request); err == nil && !tc.conflicts {
				t.Fatal("the pass was not interrupted")
			}
			armed = false
			if made := len(c.children(t)); made < 2 {
				t.Fatalf("the pass made %d children, so nothing is tested", made)
			}
			pr = c.settle(t, pr)
			if got := c.endShards(t); got != shards {
				t.Errorf("want %d children of the matrix, got %d", shards, got)
			}
			wantReports(t, c.settle(t, pr))
		})
	}
}

// TestUnrecordedMatrixIsInOrder: all children of a matrix with long names exist, and none could be recorded when the run is stopped. It
// finds them, in the order of the combinations.
func TestUnrecordedMatrixIsInOrder(t *testing.T) {
	pr, armed := sharded("a-run-of-the-nightly-pipeline-with-a-name-as-users-have-them-7xk2p"), false
	list := v1.TaskSpec{Params: []v1.ParamSpec{{Name: "p", Type: v1.TypeArray}}}
	tell := embedded("tell", list, array("p", "$(tasks.test.results.report[*])"))
	c := newCluster(t, conflicting(&armed), finally(pr, tell))
	pr = c.settle(t, pr)
	c.end(t, pr, "clone", done())
	armed = true
	pr = c.settle(t, pr)
	armed = false
	pr = c.update(t, pr, func(pr *v1.PipelineRun) { pr.Spec.Status = v1.PipelineRunSpecStatusStoppedRunFinally })
	pr = c.settle(t, pr)
	if got := c.endShards(t); got != shards {
		t.Fatalf("want %d children, got %d", shards, got)
	}
	pr = c.settle(t, pr)
	var want []string
	for i := range shards {
		want = append(want, "r"+strconv.Itoa(i))
	}
	if diff := cmp.Diff(v1.ArrayValue(want...), c.child(t, pr, "tell", -1).Spec.Params[0].Value); diff != "" {
		t.Errorf("the list: -want, +got:\n%s", diff)
	}
}

// conflicting makes a client whose writes of a status conflict as long as now is true.
func conflicting(now *bool) interceptor.Funcs {
	return interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, under client.Client, sub string, o client.Object,
			patch client.Patch, opts ...client.SubResourcePatchOption) error {
			if *now {
				return apierrors.NewConflict(schema.GroupResource{Resource: "pipelineruns"}, o.GetName(), nil)
			}
			return under.SubResource(sub).Patch(ctx, o, patch, opts...)
		},
	}
}

// quotaOf makes a client with room for this many TaskRuns.
func quotaOf(room int) interceptor.Funcs {
	var mu sync.Mutex
	return interceptor.Funcs{
		Create: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			mu.Lock()
			defer mu.Unlock()
			if room == 0 {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "taskruns"}, o.GetName(), errors.New("exceeded quota: few"))
			}
			room--
			return under.Create(ctx, o, opts...)
		},
	}
}

// TestIncompleteMatrixIsNoSuccess: a quota admits only some children of a matrix, and these succeed. The run is then stopped. It must
// not succeed, and must have no results of the matrix.
func TestIncompleteMatrixIsNoSuccess(t *testing.T) {
	const admitted = 5
	cases := map[string]struct {
		stop   func(*testing.T, *cluster, *v1.PipelineRun)
		reason string
	}{
		"TimedOut": {
			stop:   func(_ *testing.T, c *cluster, _ *v1.PipelineRun) { c.clock.SetTime(start.Add(time.Minute)) },
			reason: v1.PipelineRunReasonTimedOut,
		},
		"Cancelled": {
			stop: func(t *testing.T, c *cluster, pr *v1.PipelineRun) {
				t.Helper()
				c.update(t, pr, func(pr *v1.PipelineRun) { pr.Spec.Status = v1.PipelineRunSpecStatusCancelled })
			},
			reason: v1.PipelineRunReasonCancelled,
		},
		"Stopped": {
			stop: func(t *testing.T, c *cluster, pr *v1.PipelineRun) {
				t.Helper()
				c.update(t, pr, func(pr *v1.PipelineRun) { pr.Spec.Status = v1.PipelineRunSpecStatusStoppedRunFinally })
			},
			reason: v1.PipelineRunReasonCancelled,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := sharded("run")
			pr.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: time.Minute}}
			c := newCluster(t, quotaOf(1+admitted), pr)
			pr = c.settle(t, pr)
			c.end(t, pr, "clone", done())
			pr = c.settle(t, pr)
			if got := c.endShards(t); got != admitted {
				t.Fatalf("want %d children, got %d", admitted, got)
			}
			tc.stop(t, c, pr)
			pr = c.settle(t, pr)
			note := fmt.Sprintf(`of the %d combinations of task "test", %d were started`, shards, admitted)
			wantCondition(t, pr, metav1.ConditionFalse, tc.reason, note)
			if len(pr.Status.Results) > 0 {
				t.Errorf("it has results of a part of the matrix: %+v", pr.Status.Results)
			}
			recorded := 0
			for i := range pr.Status.ChildReferences {
				if pr.Status.ChildReferences[i].PipelineTaskName == "test" {
					recorded++
				}
			}
			if recorded != admitted {
				t.Errorf("want the %d children in the status, got %d", admitted, recorded)
			}
		})
	}
}

// TestChildrenOfAWantedTaskAreRecorded: a task has a child that is not recorded, and would be created in this pass, when another task
// makes the run fail. The status must name the child.
func TestChildrenOfAWantedTaskAreRecorded(t *testing.T) {
	pr, armed := run(plain("c"), producing("d", "r"), plain("m", "c"), taking("x", "$(tasks.d.results.r)")), false
	c := newCluster(t, conflicting(&armed), pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "c", done())
	armed = true
	pr = c.settle(t, pr)
	armed = false
	if diff := cmp.Diff([]string{"run-c", "run-d", "run-m"}, c.children(t)); diff != "" {
		t.Fatalf("TaskRuns: -want, +got:\n%s", diff)
	}
	c.end(t, pr, "d", done()) // without its result
	pr = c.settle(t, pr)
	if pr.Status.Done() {
		t.Fatalf("it has ended while run-m runs: %+v", pr.Status.Condition())
	}
	if got := skipped(pr); slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "m") }) {
		t.Errorf("it says that m was skipped: %q", got)
	}
	c.end(t, pr, "m", done())
	pr = c.settle(t, pr)
	if !pr.Status.Done() || len(pr.Status.ChildReferences) != 3 {
		t.Errorf("want it ended with three children, got %+v, %+v", pr.Status.Condition(), pr.Status.ChildReferences)
	}
}

// TestStoppedMatrixIsNotLate: the tasks end in time, with an incomplete matrix, and finally takes longer than the time of the tasks. The
// run was stopped, and did not time out.
func TestStoppedMatrixIsNotLate(t *testing.T) {
	pr := finally(sharded("run"), plain("clean"))
	pr.Spec.Timeouts = &v1.Timeouts{
		Pipeline: &metav1.Duration{Duration: time.Hour}, Tasks: &metav1.Duration{Duration: time.Minute},
	}
	c := newCluster(t, quotaOf(6), pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "clone", done())
	pr = c.settle(t, pr)
	c.endShards(t)
	c.restart(t, interceptor.Funcs{}) // there is room for the task of finally
	pr = c.update(t, pr, func(pr *v1.PipelineRun) { pr.Spec.Status = v1.PipelineRunSpecStatusStoppedRunFinally })
	pr = c.settle(t, pr)
	c.clock.SetTime(start.Add(10 * time.Minute))
	c.end(t, pr, "clean", done())
	wantCondition(t, c.settle(t, pr), metav1.ConditionFalse, v1.PipelineRunReasonCancelled, "was cancelled by StoppedRunFinally")
}

// TestPlaceOf: only a valid annotation gives a place.
func TestPlaceOf(t *testing.T) {
	cases := map[string]place{
		"":       {index: -1},
		"3":      {index: -1},
		"3/":     {index: -1},
		"/4":     {index: -1},
		"4/4":    {index: -1},
		"-1/4":   {index: -1},
		"a/4":    {index: -1},
		"0/1":    {0, 1},
		"11/256": {11, 256},
	}
	for text, want := range cases {
		t.Run(text, func(t *testing.T) {
			child := taskRun{&v1.TaskRun{}}
			child.Annotations = map[string]string{v1.AnnotationCombination: text}
			got := placeOf(child)
			if got != want {
				t.Errorf("want %+v, got %+v", want, got)
			}
			if got.of > 0 && got.String() != text {
				t.Errorf("want it written as %q, got %q", text, got)
			}
		})
	}
}
