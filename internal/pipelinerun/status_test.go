package pipelinerun

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/dag"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// situation is where a run of chain stands.
type situation struct {
	reason string
	// children by task: "running", "succeeded", "failed" or "lost".
	children map[string]string
	change   func(*v1.PipelineRun, *Observation)
	effect   Effect
	want     State
	action   Action
}

func situations() map[string]situation {
	return map[string]situation{
		"unresolved": {
			reason: "A Pipeline that is not there ends the run before it begins.",
			change: func(_ *v1.PipelineRun, obs *Observation) {
				*obs = Observation{Now: obs.Now, Unresolvable: errors.New(`cannot get Pipeline "p": not found`)}
			},
			want: Unresolved, action: DoNothing,
		},
		"invalid": {
			reason: "So does a mistake in it, with the reason that the API has for it.",
			change: func(_ *v1.PipelineRun, obs *Observation) {
				obs.Invalid = &Problem{Reason: v1.PipelineRunReasonParameterMissing, Message: `missing param "x"`}
			},
			want: Invalid, action: DoNothing,
		},
		"first": {
			reason: "The first pass starts what can start, and keeps the pipeline.",
			effect: Effect{Created: map[string]*v1.TaskRun{"make": named("run-make")}},
			want:   Startable, action: CreateTaskRuns,
		},
		"waiting-for-quota": {
			reason: "What keeps a TaskRun from being made for now stands in the message.",
			effect: Effect{Waiting: `TaskRun "run-make" cannot be made yet: exceeded quota`},
			want:   Startable, action: CreateTaskRuns,
		},
		"running":     {reason: "Nothing is done while a task runs that others wait for.", children: map[string]string{"make": "running"}, want: Running, action: DoNothing},
		"second":      {reason: "What a task waited for has succeeded, and it starts.", children: map[string]string{"make": "succeeded"}, effect: Effect{Created: map[string]*v1.TaskRun{"use": named("run-use")}}, want: Startable, action: CreateTaskRuns},
		"succeeded":   {reason: "At the end stand the results.", children: map[string]string{"make": "succeeded", "use": "succeeded", "last": "succeeded"}, want: Ended, action: DoNothing},
		"failed":      {reason: "The message names the task, its TaskRun, and what that says.", children: map[string]string{"make": "succeeded", "use": "failed"}, want: Ended, action: DoNothing},
		"lost":        {reason: "A TaskRun that was deleted cannot succeed any more.", children: map[string]string{"make": "lost"}, want: Ended, action: DoNothing},
		"stopping":    {reason: "What runs may finish, and nothing new begins.", children: map[string]string{"make": "failed", "last": "running"}, want: Stopping, action: DoNothing},
		"unstartable": {reason: "A task that cannot start ends the run, once nothing else runs.", children: map[string]string{"make": "succeeded"}, change: missingText, want: Ended, action: DoNothing},
		"unstartable-while-others-run": {
			reason:   "While others run, the message already says why the run will fail.",
			children: map[string]string{"make": "succeeded", "last": "running"}, change: missingText, want: Stopping, action: DoNothing,
		},
		"refused": {
			reason: "A TaskRun that the API server refuses ends the run.",
			effect: Effect{Problem: cannotCreate("make", `the API server refuses TaskRun "run-make": policy`)},
			want:   Startable, action: CreateTaskRuns,
		},
		"result-left-out": {
			reason:   "A result that its task did not write is absent, and the message says so.",
			children: map[string]string{"make": "succeeded", "use": "succeeded", "last": "succeeded"},
			change:   func(_ *v1.PipelineRun, obs *Observation) { delete(obs.Results, "use") },
			want:     Ended, action: DoNothing,
		},
		"wrong-type": {
			reason:   "A result of another type than declared fails the run.",
			children: map[string]string{"make": "succeeded", "use": "succeeded", "last": "succeeded"},
			change: func(_ *v1.PipelineRun, obs *Observation) {
				obs.Spec.Results[1].Type = v1.TypeObject
			},
			want: Ended, action: DoNothing,
		},
	}
}

func missingText(_ *v1.PipelineRun, obs *Observation) { delete(obs.Results["make"], "text") }

func named(name string) *v1.TaskRun { return &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name}} }

func childIn(state string, task string) Child {
	child := Child{TaskRun: named("run-" + task), Lost: state == "lost"}
	switch state {
	case "succeeded":
		child.TaskRun.Status.SetCondition(v1.Succeeded("All steps have completed"), metav1.NewTime(start))
	case "failed":
		child.TaskRun.Status.SetCondition(v1.Failed(v1.TaskRunReasonFailed, `"step-x" exited with code 1`), metav1.NewTime(start))
	}
	return child
}

// observed returns a run of chain that stands so.
func observed(t *testing.T, s situation) (*v1.PipelineRun, Observation) {
	t.Helper()
	pr := chain()
	pr.Generation = 3
	spec := pr.Spec.PipelineSpec.DeepCopy()
	spec.SetDefaults()
	graph, err := dag.Build(spec.Tasks)
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]map[string]v1.Value{
		"make": {"text": v1.StringValue("t"), "list": v1.ArrayValue("l"), "map": v1.ObjectValue(map[string]string{"k": "v"})},
		"use":  {"count": v1.StringValue("1")},
	}
	obs := Observation{
		Now: start, Spec: spec, Graph: graph, Children: map[string]Child{}, Results: map[string]map[string]v1.Value{},
	}
	for task, state := range s.children {
		obs.Children[task] = childIn(state, task)
		if state == "succeeded" {
			obs.Results[task] = written[task]
		}
	}
	if s.change != nil {
		s.change(pr, &obs)
	}
	if obs.Spec != nil && obs.Invalid == nil {
		obs.Wanted, obs.Problem = plan(pr, obs, obs.ready())
	}
	return pr, obs
}

func TestStatesActionsAndStatuses(t *testing.T) {
	for name, s := range situations() {
		t.Run(name, func(t *testing.T) {
			pr, obs := observed(t, s)
			state := stateOf(pr, obs)
			if state != s.want {
				t.Errorf("\n%s\nstate: want %s, got %s", s.reason, s.want, state)
			}
			if got := next(state); got != s.action {
				t.Errorf("\n%s\naction: want %s, got %s", s.reason, s.action, got)
			}
			status := statusFor(pr, state, obs, s.effect)
			kept := status.PipelineSpec != nil
			if begins := state != Unresolved && state != Invalid; kept != begins {
				t.Errorf("\n%s\nthe pipeline is in the status: want %v, got %v", s.reason, begins, kept)
			}
			status.PipelineSpec = nil // the same in all of them
			golden(t, name, s.reason, status)

			pr.Status = status
			if state := stateOf(pr, obs); status.Done() != (state == Done) {
				t.Errorf("\n%s\nafterwards the run is done: %v, and its state %s", s.reason, status.Done(), state)
			}
		})
	}
}

// golden compares a status, and what the events say, with testdata.
func golden(t *testing.T, name, reason string, status v1.PipelineRunStatus) {
	t.Helper()
	got, err := yaml.Marshal(map[string]any{"status": status, "events": eventsFor(v1.PipelineRunStatus{}, status)})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "status", name+".yaml")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("\n%s\n%s (write it with -update): -want, +got:\n%s", reason, file, diff)
	}
}

func TestEventsTellOnlyWhatIsNew(t *testing.T) {
	pr, obs := observed(t, situations()["second"])
	before := statusFor(pr, Startable, obs, Effect{})
	after := statusFor(pr, Startable, obs, situations()["second"].effect)
	want := []Event{{"Normal", reasonTaskRunCreated, "Created TaskRun run-use for task use"}}
	if diff := cmp.Diff(want, eventsFor(before, after)); diff != "" {
		t.Errorf("events: -want, +got:\n%s", diff)
	}
	long := v1.PipelineRunStatus{}
	long.SetCondition(v1.Failed(v1.PipelineRunReasonFailed, strings.Repeat("é", 900)), metav1.NewTime(start))
	events := eventsFor(before, long)
	if note := events[len(events)-1].Note; len(note) > 1024 || !strings.HasSuffix(note, "é…") {
		t.Errorf("a note has %d bytes, and ends with %q", len(note), note[len(note)-8:])
	}
}

// What a run needs until its end must stay in the cache; what nothing reads must not.
func TestTrim(t *testing.T) {
	pr := chain()
	pr.ManagedFields = []metav1.ManagedFieldsEntry{{}}
	pr.Status.PipelineSpec = pr.Spec.PipelineSpec
	Trim(pr)
	if pr.ManagedFields != nil || pr.Spec.PipelineSpec == nil || pr.Status.PipelineSpec == nil {
		t.Errorf("a run that goes on: %+v", pr)
	}
	pr.Status.Results = []v1.PipelineRunResult{{}}
	pr.Status.SetCondition(v1.Succeeded("done"), metav1.NewTime(start))
	Trim(pr)
	if pr.Spec.PipelineSpec != nil || pr.Status.PipelineSpec != nil || pr.Status.Results != nil || !pr.Status.Done() {
		t.Errorf("a run that has ended: %+v", pr)
	}
}
