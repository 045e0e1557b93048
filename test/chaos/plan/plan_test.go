package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	seed = 3
	runs = 150
	// room is the number of bytes of an object that its run may take before it starts. The rest is for its results.
	room = 100000
)

// checked returns the object of a run, and the errors of the API's validation.
func checked(r *Run) (any, field.ErrorList) {
	s := Setting{Namespace: "here", Image: "image", Folder: "/somewhere"}
	if r.Pipeline {
		o := r.PipelineRun(s)
		validation.DefaultPipelineRun(o)
		return o, validation.PipelineRun(o)
	}
	o := r.TaskRun(s)
	validation.DefaultTaskRun(o)
	return o, validation.TaskRun(o)
}

func TestMake(t *testing.T) {
	seen := map[string]int{}
	for number := range runs {
		r := Make(seed, number)
		object, errs := checked(&r)
		if len(errs) > 0 {
			t.Errorf("run %d is refused: %v", number, errs)
		}
		if n := objectsize.Encoded(object); n > room {
			t.Errorf("run %d takes %d bytes before it begins", number, n)
		}
		if number%10 == 0 {
			again := Make(seed, number)
			twin, _ := checked(&again)
			if diff := cmp.Diff(object, twin); diff != "" {
				t.Errorf("run %d differs the second time:\n%s", number, diff)
			}
		}
		if d := r.Deadline(); d < outages || d > 30*time.Minute {
			t.Errorf("run %d has %s", number, d)
		}
		note(seen, &r)
	}
	for _, what := range []string{
		"task", "pipeline", "finally", kube.SidecarLogs, kube.TerminationMessage, "retries", "continue", "flaky", "ignored",
		Exits, StepLate, Hangs, TooLarge, "timeout", "pipeline timeout", "tasks timeout", "passed", "takes", "when", "matrix", "after",
		"looked", "cancel TaskRunCancelled", "cancel Cancelled", "cancel CancelledRunFinally", "cancel StoppedRunFinally",
	} {
		if seen[what] == 0 {
			t.Errorf("among %d runs %d have %q", runs, seen[what], what)
		}
	}
}

// note counts the features of a run.
func note(seen map[string]int, r *Run) {
	count := func(what string, has bool) {
		if has {
			seen[what]++
		}
	}
	count(r.From, true)
	count("task", !r.Pipeline)
	count("pipeline", r.Pipeline)
	count("finally", len(r.Finally) > 0)
	count("passed", len(r.Passed) > 0)
	count("pipeline timeout", r.Timeout > 0)
	count("tasks timeout", r.TasksTimeout > 0)
	if r.Cancel != nil {
		count("cancel "+r.Cancel.Status, true)
	}
	for _, t := range r.All() {
		count("retries", t.Retries > 0)
		count("timeout", t.Timeout > 0)
		count("ignored", t.Ignored)
		count("takes", t.Takes != nil)
		count("when", t.When != nil)
		count("matrix", len(t.Matrix) > 0)
		count("after", len(t.After) > 0)
		if t.Fault != nil {
			count(t.Fault.Kind, true)
			count("flaky", t.Fault.Attempts < Always)
		}
		for _, s := range t.Steps {
			count("continue", s.Continue != 0)
			count("looked", s.Looked)
		}
	}
}

func TestOtherSeedOtherRuns(t *testing.T) {
	for number := range 10 {
		a, b := Make(seed, number), Make(seed+1, number)
		one, _ := checked(&a)
		other, _ := checked(&b)
		if cmp.Diff(one, other) != "" {
			return
		}
	}
	t.Error("ten runs do not change with another seed")
}

func TestAttempt(t *testing.T) {
	steps := make([]Step, 3)
	cases := map[string]struct {
		reason  string
		task    Task
		attempt int
		want    Expectation
	}{
		"Well": {
			reason: "Nothing goes wrong.",
			task:   Task{Steps: steps},
			want:   Expectation{Succeeds: true, Steps: 3},
		},
		"Exits": {
			reason: "Steps after the one that fails do not start.",
			task:   Task{Steps: steps, Fault: &Fault{Kind: Exits, Step: 1, Attempts: 1}},
			want:   Expectation{Reason: v1.TaskRunReasonFailed, Steps: 2},
		},
		"Then": {
			reason:  "A later attempt succeeds.",
			task:    Task{Steps: steps, Fault: &Fault{Kind: Exits, Step: 1, Attempts: 1}},
			attempt: 1,
			want:    Expectation{Succeeds: true, Steps: 3},
		},
		"StepLate": {
			reason:  "A step that is late has failed.",
			task:    Task{Steps: steps, Fault: &Fault{Kind: StepLate, Attempts: Always}},
			attempt: 9,
			want:    Expectation{Reason: v1.TaskRunReasonFailed, Steps: 1},
		},
		"Late": {
			reason: "A task that is late has its own reason.",
			task:   Task{Steps: steps, Timeout: time.Second, Fault: &Fault{Kind: Hangs, Attempts: Always}},
			want:   Expectation{Reason: v1.TaskRunReasonTimedOut, Steps: 1},
		},
		"Hangs": {
			reason: "Without a timeout, its user or its pipeline must end it.",
			task:   Task{Steps: steps, Fault: &Fault{Kind: Hangs, Attempts: Always}},
			want:   Expectation{Steps: 1},
		},
		"TooLarge": {
			reason: "All steps succeed, and one result is missing.",
			task:   Task{Steps: steps, Fault: &Fault{Kind: TooLarge, Attempts: Always}},
			want:   Expectation{Reason: v1.TaskRunReasonResultTooLarge, Steps: 3},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.task.Attempt(tc.attempt)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
