package pipelinerun

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/dag"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
	"github.com/sluice-ci/sluice/internal/when"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// observed returns a run that stands so. It started ten minutes ago.
func observed(t *testing.T, s situation) (*v1.PipelineRun, Observation, Plan) {
	t.Helper()
	build := s.run
	if build == nil {
		build = chain
	}
	pr := build()
	pr.Generation = 3
	if len(s.tasks) > 0 || s.change != nil {
		pr.Status.StartTime = &metav1.Time{Time: start.Add(-10 * time.Minute)}
	}
	if s.change != nil {
		s.change(pr)
	}
	obs := Observation{Now: start, Config: config.Default()}
	if s.observed != nil {
		s.observed(&obs)
	}
	if obs.Unresolvable != nil || obs.Invalid != nil || held(pr) || obs.CancelledBeforeStart {
		return pr, obs, Plan{}
	}
	spec := pr.Spec.PipelineSpec.DeepCopy()
	validation.DefaultPipelineSpec(spec)
	graph, err := dag.Build(spec.Tasks)
	if err != nil {
		t.Fatal(err)
	}
	obs.Spec, obs.Graph, obs.Timeouts, obs.Vars = spec, graph, timeoutsOf(pr, obs.Config.Defaults), runVariables(pr, spec, nil)
	obs.Tasks = taskStates(spec, obs.Vars)
	for i := range obs.Tasks {
		task := &obs.Tasks[i]
		switch state := s.tasks[task.Task.Name]; state {
		case "":
		case isRunning, isSucceeded, isFailed, isCancelled, isTimedOut, isLost:
			task.Children = []Child{childIn(pr, task.Task, state)}
		default:
			task.Skipped = &v1.SkippedTask{Name: task.Task.Name, Reason: state}
		}
		task.update()
	}
	return pr, obs, planned(t, pr, obs, s.results)
}

// planned returns the plan for a run with the given results, as task.result.
func planned(t *testing.T, pr *v1.PipelineRun, obs Observation, results map[string]v1.Value) Plan {
	t.Helper()
	evaluator, err := when.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	read := func(_ context.Context, child Run) (Run, bool, error) {
		whole := &v1.TaskRun{}
		for name, value := range results {
			if task, result, _ := strings.Cut(name, "."); child.GetName() == childName(pr, task, -1) {
				whole.Status.Results = append(whole.Status.Results, v1.TaskRunResult{Name: result, Value: value})
			}
		}
		return taskRun{whole}, false, nil
	}
	l := &loader{read: read, orphans: func(context.Context) (map[string][]Child, error) { return map[string][]Child{}, nil }}
	plan, err := l.complete(t.Context(), Inputs{Run: pr, Obs: obs, Evaluator: evaluator, Builder: newChildBuilder(pr, obs)})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestStatesActionsAndStatuses(t *testing.T) {
	for name, s := range situations() {
		t.Run(name, func(t *testing.T) {
			pr, obs, plan := observed(t, s)
			state := stateOf(pr, obs, plan)
			if state != s.want {
				t.Errorf("\n%s\nstate: want %s, got %s", s.reason, s.want, state)
			}
			if got := next(state); got != s.action {
				t.Errorf("\n%s\naction: want %s, got %s", s.reason, s.action, got)
			}
			var effect Effect
			if s.effect != nil {
				effect = s.effect(plan)
			}
			before := pr.Status.DeepCopy()
			status, _ := statusFor(pr, state, obs, plan, effect)
			if diff := cmp.Diff(before, &pr.Status); diff != "" {
				t.Errorf("\n%s\nthe run itself was changed:\n%s", s.reason, diff)
			}
			kept := status.PipelineSpec != nil
			begins := state != Unresolved && state != Invalid && state != Pending && state != CancelledBeforeStart
			if kept != begins {
				t.Errorf("\n%s\nthe pipeline is in the status: want %v, got %v", s.reason, begins, kept)
			}
			status.PipelineSpec = nil // the same in all of them
			golden(t, name, s.reason, status)

			pr.Status = status
			if state := stateOf(pr, obs, plan); status.Done() != (state == Done) {
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
	pr, obs, plan := observed(t, situations()["second"])
	before, _ := statusFor(pr, Startable, obs, plan, Effect{})
	after, _ := statusFor(pr, Startable, obs, plan, started(plan))
	want := []reconcile.Event{normal("TaskRunCreated", "Created TaskRun run-use for task use")}
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
	pr.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: strings.Repeat("m", 100_000)}}
	pr.Status.PipelineSpec = pr.Spec.PipelineSpec
	whole := objectsize.Encoded(pr)
	Trim(pr)
	if objectsize.Stored(pr) != whole || objectsize.Encoded(pr) > whole-99_000 {
		t.Errorf("want the managed fields dropped, and their length of %d bytes kept: %+v", whole, pr.ManagedFields)
	}
	if pr.Spec.PipelineSpec == nil || pr.Status.PipelineSpec == nil {
		t.Errorf("a run that goes on: %+v", pr)
	}
	pr.Status.Results = []v1.PipelineRunResult{{}}
	pr.Status.SetCondition(v1.Succeeded("done"), metav1.NewTime(start))
	Trim(pr)
	if pr.ManagedFields != nil || pr.Spec.PipelineSpec != nil || pr.Status.PipelineSpec != nil || pr.Status.Results != nil ||
		!pr.Status.Done() {
		t.Errorf("a run that has ended: %+v", pr)
	}
}

var _ substitute.Tasks = view{}
