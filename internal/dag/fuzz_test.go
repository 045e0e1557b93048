package dag

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// FuzzBuild: whatever tasks a pipeline has, there is an order in which each stands once, behind all that it waits for, or
// an error that names what is wrong.
func FuzzBuild(f *testing.F) {
	files, err := filepath.Glob("../../examples/pipelineruns/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("there are no examples: %v", err)
	}
	for _, file := range files {
		var run v1.PipelineRun
		text, err := os.ReadFile(file)
		if err == nil {
			err = yaml.Unmarshal(text, &run)
		}
		if err != nil {
			f.Fatal(err)
		}
		if run.Spec.PipelineSpec == nil {
			continue
		}
		tasks, err := json.Marshal(run.Spec.PipelineSpec.Tasks)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(tasks)
	}
	f.Add([]byte(`[{"name":"a","runAfter":["b","b"]},{"name":"b","params":[{"name":"p",` +
		`"value":["$(tasks.c.results.r[*])"]}]},{"name":"c","runAfter":["a"]}]`))
	f.Add([]byte(`[{"name":"a"},{"name":"a"},{"runAfter":["d"]}]`))
	f.Add([]byte(`[{"name":"","when":[{"cel":"$(tasks[''].results.x) ` +
		`$(tasks..)"}],"matrix":{"params":[{"value":"$(tasks.b.matrix.length)"}]}},{"name":"b"}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var tasks []v1.PipelineTask
		if json.Unmarshal(data, &tasks) != nil {
			return
		}
		g, err := Build(tasks)
		if err != nil {
			checkError(t, tasks, err)
			return
		}
		checkOrder(t, g, len(tasks))
	})
}

func checkError(t *testing.T, tasks []v1.PipelineTask, err error) {
	t.Helper()
	var missing *UnknownTaskError
	var twice *DuplicateTaskError
	var cycle *CycleError
	known := func(name string) bool {
		return slices.ContainsFunc(tasks, func(task v1.PipelineTask) bool { return task.Name == name })
	}
	switch {
	case errors.As(err, &missing):
		if known(missing.Name) || !known(missing.Task) || missing.Field == "" {
			t.Errorf("%v, of tasks %+v", err, tasks)
		}
	case errors.As(err, &twice):
		if !known(twice.Name) {
			t.Errorf("%v, of tasks %+v", err, tasks)
		}
	case errors.As(err, &cycle):
		if n := len(cycle.Path); n < 2 || cycle.Path[0] != cycle.Path[n-1] || !known(cycle.Path[0]) {
			t.Errorf("%v, of tasks %+v", err, tasks)
		}
	default:
		t.Errorf("an error of another kind: %v", err)
	}
}

func checkOrder(t *testing.T, g *Graph, tasks int) {
	t.Helper()
	if len(g.Order()) != tasks {
		t.Fatalf("%d tasks are in the order %v", tasks, g.Order())
	}
	seen := make([]bool, tasks)
	for _, at := range g.Order() {
		if seen[at] {
			t.Fatalf("task %d stands twice in %v", at, g.Order())
		}
		for _, before := range g.Before(at) {
			if !seen[before] {
				t.Fatalf("task %d waits for %d, which comes later in %v", at, before, g.Order())
			}
		}
		seen[at] = true
	}
}
