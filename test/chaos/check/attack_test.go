package check

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/attack"
)

// attacked returns an attack of one step that writes 20 bytes, forges its end if that is its kind, and writes 300 more.
func attacked(kind string, condition metav1.Condition, results ...v1.TaskRunResult) *AttackCase {
	a := attack.Attack{Kind: kind, Results: []string{"r"}, Timeout: attack.Unlimited}
	deeds := []attack.Deed{{Do: attack.DoWrite, N: 20, Name: "r"}}
	if kind == attack.Forged {
		deeds = []attack.Deed{{Do: attack.DoForge}, {Do: attack.DoWrite, N: 300, Name: "r"}}
	}
	a.Steps = []attack.Step{{Deeds: deeds}}
	tr := &v1.TaskRun{}
	tr.Name, tr.Status.Results = a.Name(), results
	tr.Status.SetCondition(condition, metav1.NewTime(at(5)))
	return &AttackCase{Plan: a, Created: at(0), Answered: at(1), Ended: at(5), TaskRuns: []*v1.TaskRun{tr}}
}

func value(n int) v1.TaskRunResult {
	return v1.TaskRunResult{Name: "r", Type: v1.TypeString, Value: v1.StringValue(attack.Value(n))}
}

func TestAttack(t *testing.T) {
	good, bad := v1.Succeeded("all"), v1.Failed(v1.TaskRunReasonFailed, "why")
	open := v1.Running(v1.TaskRunReasonRunning, "")
	with := func(c *AttackCase, change func(*AttackCase)) *AttackCase { change(c); return c }
	cases := map[string]struct {
		reason string
		given  *AttackCase
		want   []string
	}{
		"Failed": {
			reason: "A run that must fail and has failed has no finding.",
			given:  attacked(attack.Unstartable, bad),
		},
		"Kept": {
			reason: "It may keep the results of honest steps.",
			given:  attacked(attack.Unstartable, bad, value(20)),
		},
		"Silent": {
			reason: "It says why.",
			given:  attacked(attack.Unstartable, v1.Failed(v1.TaskRunReasonFailed, "")),
			want:   []string{"NoMessage"},
		},
		"Green": {
			reason: "A run that must fail must not succeed.",
			given:  attacked(attack.Forged, good, value(20)),
			want:   []string{"Green"},
		},
		"Empty": {
			reason: "A run must not be green and empty.",
			given:  attacked(attack.Forged, good),
			want:   []string{"Green", "GreenAndEmpty"},
		},
		"Poison": {
			reason: "What is written after a forged end must not be in a status.",
			given:  attacked(attack.Forged, bad, value(300)),
			want:   []string{"Poison"},
		},
		"Right": {
			reason: "A run that prints much may succeed.",
			given:  attacked(attack.Talkative, good, value(20)),
		},
		"Missing": {
			reason: "It must not succeed without its result.",
			given:  attacked(attack.Talkative, good),
			want:   []string{"GreenAndEmpty"},
		},
		"Damaged": {
			reason: "It must not succeed with another result.",
			given:  attacked(attack.Filling, good, value(21)),
			want:   []string{"Damaged"},
		},
		"Unanswered": {
			reason: "An object is admitted or refused.",
			given:  with(attacked(attack.Oversized, open), func(c *AttackCase) { c.Answered = time.Time{} }),
			want:   []string{"Unanswered"},
		},
		"Refused": {
			reason: "An object that is too large may be refused.",
			given:  with(attacked(attack.Oversized, open), func(c *AttackCase) { c.Refused = "why" }),
		},
		"RefusedRun": {
			reason: "Others may not.",
			given:  with(attacked(attack.Filling, open), func(c *AttackCase) { c.Refused = "why" }),
			want:   []string{"Refused"},
		},
		"Late": {
			reason: "A run ends.",
			given:  with(attacked(attack.Tarpit, open), func(c *AttackCase) { c.Ended = time.Time{} }),
			want:   []string{"Deadline"},
		},
		"Task": {
			reason: "A Task does not run.",
			given:  with(attacked(attack.Oversized, open), func(c *AttackCase) { c.TaskRuns, c.Ended = nil, time.Time{} }),
		},
		"StepPoison": {
			reason: "The poison must not be in the results of a step.",
			given: with(attacked(attack.Forged, bad), func(c *AttackCase) {
				c.TaskRuns[0].Status.Steps = []v1.StepState{{Results: []v1.TaskRunResult{value(300)}}}
			}),
			want: []string{"Poison"},
		},
		"Pipeline": {
			reason: "A pipeline must not succeed with tasks that have failed.",
			given: with(attacked(attack.Wide, bad), func(c *AttackCase) {
				c.PipelineRun = &v1.PipelineRun{}
				c.PipelineRun.Status.SetCondition(good, metav1.NewTime(at(5)))
			}),
			want: []string{"Green"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range Attack(tc.given) {
				got = append(got, f.Rule)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
