package taskrun

import (
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// TestFailureMentionsWarnings: if the step that failed has text that looks like a variable and is none, the message says so.
func TestFailureMentionsWarnings(t *testing.T) {
	const hint = "this may be the cause: "
	cases := map[string]struct {
		reason string
		script [2]string
		ends   [2]int
		params []v1.Param
		want   string
	}{
		"FailedStep": {
			reason: "the step that failed has the text",
			script: [2]string{"true", "echo $(params.nope)"},
			ends:   [2]int{0, 1},
			want:   `steps[1].script: "$(params.nope)": stays as text`,
		},
		"OtherStep": {
			reason: "the step that failed has no such text",
			script: [2]string{"echo $(params.nope)", "false"},
			ends:   [2]int{0, 1},
		},
		"Given": {
			reason: "the run gives the param without a declaration",
			script: [2]string{"echo $(params.nope)", "true"},
			ends:   [2]int{1, 0},
			params: []v1.Param{{Name: "nope", Value: v1.StringValue("x")}},
		},
		"Handed": {
			reason: "the pipeline gives the result",
			script: [2]string{"echo $(tasks.a.results.r)", "true"},
			ends:   [2]int{1, 0},
			params: []v1.Param{{Name: "tasks.a.results.r", Value: v1.StringValue("x")}},
		},
		"Succeeded": {
			reason: "a run that succeeds has no cause",
			script: [2]string{"echo $(params.nope)", "true"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(started)
			tr.Spec.Params = tc.params
			obs := observation()
			set := &collect.Set{}
			for i, container := range []string{"step-one", "step-two"} {
				obs.Task.Spec.Steps[i].Script = tc.script[i]
				reason := frame.ReasonCompleted
				if tc.ends[i] != 0 {
					reason = frame.ReasonError
				}
				set.Steps = append(set.Steps, step(container, tc.ends[i], reason))
			}
			obs.Evidence.Set = set
			message := outcomeOf(tr, Collected, obs, Plan{}).Condition.Message
			if tc.want == "" && strings.Contains(message, hint) || !strings.Contains(message, tc.want) {
				t.Errorf("%s: want %q, got %q", tc.reason, tc.want, message)
			}
		})
	}
}
