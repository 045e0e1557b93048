package pipelinerun

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// recordAs is the version with which runs are recorded; they are never recorded again.
var recordAs = flag.String("record", "", "record runs in the middle of their way, as this version leaves them, for all later ones")

// earlier is a run as the controller of an earlier version has left it.
type earlier struct {
	// PipelineRun and its TaskRuns as they stood when that controller was stopped.
	PipelineRun *v1.PipelineRun `json:"pipelineRun"`
	TaskRuns    []v1.TaskRun    `json:"taskRuns"`
	// CustomRuns and PipelineRuns are its other children.
	CustomRuns   []v1beta1.CustomRun `json:"customRuns,omitempty"`
	PipelineRuns []v1.PipelineRun    `json:"pipelineRuns,omitempty"`
	// Children are the names of all children in the end; without them those of chain.
	Children []string `json:"children,omitempty"`
	// Results are those that the run has in the end.
	Results []v1.PipelineRunResult `json:"results"`
	// Failure is how the run ends if it does not succeed.
	Failure *recordedEnd `json:"failure,omitempty"`
}

// recordedEnd is the reason and the message of a run that has failed.
type recordedEnd struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// links are the tasks of chain in their order, and what each produces.
func links() ([]string, []v1.TaskRunResult) {
	return []string{"make", "use", "last"}, []v1.TaskRunResult{
		{Name: "text", Type: v1.TypeString, Value: v1.StringValue("\"ünï\" <&>\n")},
		{Name: "list", Type: v1.TypeArray, Value: v1.ArrayValue("a", "b")},
		{Name: "map", Type: v1.TypeObject, Value: v1.ObjectValue(map[string]string{"k": "v"})},
		{Name: "count", Type: v1.TypeString, Value: v1.StringValue("2")},
		{Name: "r", Type: v1.TypeString, Value: v1.StringValue("of a child")},
	}
}

// TestEarlierVersions: who upgrades the controller while a pipeline is under way gets its results, and no task twice. Each
// run was recorded with an earlier version after so many of its tasks.
func TestEarlierVersions(t *testing.T) {
	if *recordAs != "" {
		recordAll(t, filepath.Join("testdata", "earlier", *recordAs))
	}
	files, err := filepath.Glob(filepath.Join("testdata", "earlier", "*", "*.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("want at least three recorded runs, got %d, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e := &earlier{}
			if err := yaml.UnmarshalStrict(data, e); err != nil {
				t.Fatalf("an earlier version's object has a field that is gone: %v", err)
			}
			e.replay(t)
		})
	}
}

// replay lets a controller find the run as it was left, and its tasks come to their ends.
func (e *earlier) replay(t *testing.T) {
	t.Helper()
	objects := []client.Object{e.PipelineRun}
	for i := range e.TaskRuns {
		objects = append(objects, &e.TaskRuns[i])
	}
	for i := range e.CustomRuns {
		objects = append(objects, &e.CustomRuns[i])
	}
	for i := range e.PipelineRuns {
		objects = append(objects, &e.PipelineRuns[i])
	}
	c := newCluster(t, interceptor.Funcs{}, objects...)
	pr := c.settleAll(t, e.PipelineRun)
	_, results := links()
	for running := c.running(t); len(running) > 0; running = c.running(t) {
		c.endRun(t, running[0], v1.Succeeded("done"), results...)
		pr = c.settleAll(t, pr)
	}
	if e.Failure != nil {
		wantCondition(t, pr, "False", e.Failure.Reason)
		if diff := cmp.Diff(e.Failure.Message, pr.Status.Condition().Message); diff != "" {
			t.Errorf("message: -want +got:\n%s", diff)
		}
		return
	}
	wantCondition(t, pr, "True", v1.PipelineRunReasonSucceeded)
	if diff := cmp.Diff(e.Results, pr.Status.Results); diff != "" {
		t.Errorf("results: -want +got:\n%s", diff)
	}
	want := e.Children
	if want == nil {
		want = []string{"run-last", "run-make", "run-use"}
	}
	if diff := cmp.Diff(want, c.allChildren(t)); diff != "" {
		t.Errorf("children: -want +got:\n%s", diff)
	}
}

// running returns the TaskRuns and CustomRuns that have not ended.
func (c *cluster) running(t *testing.T) []Run {
	t.Helper()
	taskRuns, customRuns := &v1.TaskRunList{}, &v1beta1.CustomRunList{}
	if err := errors.Join(c.List(t.Context(), taskRuns), c.List(t.Context(), customRuns)); err != nil {
		t.Fatal(err)
	}
	var running []Run
	for i := range taskRuns.Items {
		if !taskRuns.Items[i].Status.Done() {
			running = append(running, taskRun{&taskRuns.Items[i]})
		}
	}
	for i := range customRuns.Items {
		if !customRuns.Items[i].Status.Done() {
			running = append(running, customRun{&customRuns.Items[i]})
		}
	}
	return running
}

// allChildren returns the names of all objects that a PipelineRun has created.
func (c *cluster) allChildren(t *testing.T) []string {
	t.Helper()
	customRuns, pipelineRuns := &v1beta1.CustomRunList{}, &v1.PipelineRunList{}
	if err := errors.Join(c.List(t.Context(), customRuns), c.List(t.Context(), pipelineRuns)); err != nil {
		t.Fatal(err)
	}
	names := c.children(t)
	for i := range customRuns.Items {
		names = append(names, customRuns.Items[i].Name)
	}
	for i := range pipelineRuns.Items {
		if metav1.GetControllerOf(&pipelineRuns.Items[i]) != nil {
			names = append(names, pipelineRuns.Items[i].Name)
		}
	}
	slices.Sort(names)
	return names
}

// recordAll records a run when each of its tasks runs, one with a task that was refused while another one runs, and one with children of
// all kinds, before and after its status has them.
func recordAll(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); err == nil {
		t.Fatalf("%s is there: what a version has left is not recorded again", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	tasks, results := links()
	for _, until := range tasks {
		pr := chain()
		c := newCluster(t, interceptor.Funcs{}, pr)
		pr = c.settle(t, pr)
		for _, task := range tasks {
			if task == until {
				break
			}
			c.end(t, pr, task, v1.Succeeded("done"), results...)
			pr = c.settle(t, pr)
		}
		record(t, c, filepath.Join(dir, until+"-runs.yaml"), earlier{PipelineRun: pr, Results: []v1.PipelineRunResult{
			{Name: "count", Value: results[3].Value}, {Name: "list", Value: results[1].Value},
		}})
	}
	recordKinds(t, dir)
	pr := run(plain("refused"), plain("other"))
	c := newCluster(t, interceptor.Funcs{
		Create: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if o.GetName() == "run-refused" {
				return apierrors.NewBadRequest("violates the policy")
			}
			return under.Create(ctx, o, opts...)
		},
	}, pr)
	record(t, c, filepath.Join(dir, "task-refused.yaml"), earlier{PipelineRun: c.settle(t, pr), Failure: &recordedEnd{
		Reason: v1.PipelineRunReasonCreateRunFailed,
		Message: `Tasks Completed: 1 (Failed: 0, Cancelled 0), Skipped: 1; task "refused" cannot start: ` +
			`the API server refuses TaskRun "run-refused": violates the policy`,
	}})
}

// recordKinds records a run with children of all kinds.
func recordKinds(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"kinds-unrecorded", "kinds-run"} {
		pr := run(producing("make", "r"), custom("wait"), nested(t, "inner", inner(producing("leaf", "r"))),
			plain("last", "make", "wait", "inner"))
		pr.Spec.PipelineSpec.Results = []v1.PipelineResult{
			{Name: "all", Value: v1.StringValue("$(tasks.make.results.r), $(tasks.wait.results.r), $(tasks.inner.results.r)")},
		}
		c := newCluster(t, interceptor.Funcs{}, pr)
		pr = c.settleAll(t, pr)
		if name == "kinds-unrecorded" {
			pr.Status.ChildReferences = nil
		}
		record(t, c, filepath.Join(dir, name+".yaml"), earlier{
			PipelineRun: pr,
			Results:     []v1.PipelineRunResult{{Name: "all", Value: v1.StringValue("of a child, of a child, of a child")}},
			Children:    []string{"run-inner", "run-inner-leaf", "run-last", "run-make", "run-wait"},
		})
	}
}

// record writes a run and its children.
func record(t *testing.T, c *cluster, file string, e earlier) {
	t.Helper()
	list := &v1.TaskRunList{}
	if err := c.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	e.TaskRuns = list.Items
	customRuns, pipelineRuns := &v1beta1.CustomRunList{}, &v1.PipelineRunList{}
	if err := errors.Join(c.List(t.Context(), customRuns), c.List(t.Context(), pipelineRuns)); err != nil {
		t.Fatal(err)
	}
	e.CustomRuns = customRuns.Items
	e.PipelineRuns = slices.DeleteFunc(pipelineRuns.Items, func(pr v1.PipelineRun) bool { return pr.Name == e.PipelineRun.Name })
	data, err := yaml.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
