package main

import (
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
	"github.com/sluice-ci/sluice/test/chaos/plan"
)

const seed = 5

// find returns the first run of one task for which the function returns true.
func find(t *testing.T, wanted func(plan.Task) bool) (number int, task plan.Task) {
	t.Helper()
	for number := range 200 {
		run := plan.Make(seed, number)
		if task := run.Tasks[0]; wanted(task) {
			return number, task
		}
	}
	t.Fatal("no run matches")
	return 0, plan.Task{}
}

// begin returns the order of a step of a task, with folders of the test.
func begin(t *testing.T, number int, task plan.Task, step int) *order {
	t.Helper()
	folder := t.TempDir()
	o := &order{seed: seed, run: number, task: task.Name, step: step, pod: "uid", folder: folder, paths: map[string]string{}}
	for _, r := range task.Declared() {
		o.paths[r.Name] = filepath.Join(folder, "result-"+r.Name)
	}
	return o
}

func TestStepWrites(t *testing.T) {
	number, task := find(t, func(task plan.Task) bool {
		return task.Fault == nil && task.Results[0].Step == 0 && task.Results[0].Type != string(v1.TypeString)
	})
	o := begin(t, number, task, 0)
	code, err := o.do()
	if err != nil || code != task.Steps[0].Continue {
		t.Fatalf("the exit code of the step is %d, %v", code, err)
	}
	pod, err := ledger.Read(o.folder, "uid")
	if err != nil {
		t.Fatal(err)
	}
	_, want := ledger.Digest(task.Results[0].APIValue())
	for _, event := range []string{ledger.Writing, ledger.Wrote} {
		if e := pod.Results(event)[task.Results[0].Name]; e.Digest != want {
			t.Errorf("%s has %+v", event, e)
		}
	}
	if text, err := os.ReadFile(o.paths[plan.AttemptResult]); err != nil || string(text) != "uid/0" {
		t.Errorf("the attempt is %q, %v", text, err)
	}
	if e, ok := pod.Last(plan.StepName(0), ledger.Ended, ""); !ok || e.Exit != code {
		t.Errorf("the end is %+v, %t", e, ok)
	}
}

func TestStepFails(t *testing.T) {
	number, task := find(t, func(task plan.Task) bool {
		return task.Fault != nil && task.Fault.Kind == plan.Exits && task.Fault.Attempts == 1
	})
	for attempt, want := range []int{task.Fault.Exit, 0} {
		o := begin(t, number, task, task.Fault.Step)
		o.attempt = attempt
		if code, err := o.do(); err != nil || code != want {
			t.Errorf("the exit code of attempt %d is %d, %v, want %d", attempt, code, err, want)
		}
	}
}

func TestStepTakes(t *testing.T) {
	number, task := find(t, func(task plan.Task) bool { return task.Fault == nil })
	for name, handed := range map[string]string{"Text": "a\n</taken>\nb", "Nothing": "", "NewLine": "\n"} {
		t.Run(name, func(t *testing.T) {
			o := begin(t, number, task, 0)
			o.script = filepath.Join(o.folder, "script")
			text := "#!" + plan.Program + plan.TakenBefore + handed + plan.TakenAfter
			if err := os.WriteFile(o.script, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := o.do(); err != nil {
				t.Fatal(err)
			}
			pod, err := ledger.Read(o.folder, "uid")
			if err != nil {
				t.Fatal(err)
			}
			_, want := ledger.Digest(v1.StringValue(handed))
			if e, ok := pod.Last(plan.StepName(0), ledger.Took, ""); !ok || e.Digest != want {
				t.Errorf("it took %+v, %t", e, ok)
			}
		})
	}
}

func TestStepRefuses(t *testing.T) {
	for name, args := range map[string][]string{
		"Flag": {"-nothing"}, "Path": {"-run=1", "r"}, "Folder": {"-run=1", "-task=only"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := run(args); err == nil {
				t.Errorf("%q is done", args)
			}
		})
	}
}
