package pipelinerun

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// recordAs is the version with which runs are recorded; they are never recorded again.
var recordAs = flag.String("record", "", "record runs in the middle of their way, as this version leaves them, for all later ones")

// earlier is a run as the controller of an earlier version has left it.
type earlier struct {
	// PipelineRun and its TaskRuns as they stood when that controller was stopped.
	PipelineRun *v1.PipelineRun `json:"pipelineRun"`
	TaskRuns    []v1.TaskRun    `json:"taskRuns"`
	// Results that have to be there in the end.
	Results []v1.PipelineRunResult `json:"results"`
}

// links are the tasks of chain in their order, and what each produces.
func links() ([]string, []v1.TaskRunResult) {
	return []string{"make", "use", "last"}, []v1.TaskRunResult{
		{Name: "text", Type: v1.TypeString, Value: v1.StringValue("\"ünï\" <&>\n")},
		{Name: "list", Type: v1.TypeArray, Value: v1.ArrayValue("a", "b")},
		{Name: "map", Type: v1.TypeObject, Value: v1.ObjectValue(map[string]string{"k": "v"})},
		{Name: "count", Type: v1.TypeString, Value: v1.StringValue("2")},
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
	c := newCluster(t, interceptor.Funcs{}, objects...)
	pr := c.settle(t, e.PipelineRun)
	tasks, results := links()
	for _, task := range tasks {
		if !c.child(t, pr, task, -1).Status.Done() {
			c.end(t, pr, task, v1.Succeeded("done"), results...)
			pr = c.settle(t, pr)
		}
	}
	checkCondition(t, pr, "True", v1.PipelineRunReasonSucceeded)
	if diff := cmp.Diff(e.Results, pr.Status.Results); diff != "" {
		t.Errorf("results: -want +got:\n%s", diff)
	}
	children := c.children(t)
	slices.Sort(children)
	if diff := cmp.Diff([]string{"run-last", "run-make", "run-use"}, children); diff != "" {
		t.Errorf("TaskRuns: -want +got:\n%s", diff)
	}
}

// recordAll records a run when each of its tasks runs.
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
		list := &v1.TaskRunList{}
		if err := c.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		e := earlier{PipelineRun: pr, TaskRuns: list.Items, Results: []v1.PipelineRunResult{
			{Name: "count", Value: results[3].Value}, {Name: "list", Value: results[1].Value},
		}}
		data, err := yaml.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, until+"-runs.yaml"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
