package check

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/attack"
)

// attacked is an attack of one step that writes 20 bytes, forges its end if that is its kind, and writes 300 more.
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
		"Failed":     {"A run that must fail has failed.", attacked(attack.Unstartable, bad), nil},
		"Kept":       {"It may keep what honest steps wrote.", attacked(attack.Unstartable, bad, value(20)), nil},
		"Silent":     {"It says why.", attacked(attack.Unstartable, v1.Failed(v1.TaskRunReasonFailed, "")), []string{"NoMessage"}},
		"Green":      {"It must not succeed.", attacked(attack.Forged, good, value(20)), []string{"Green"}},
		"Empty":      {"Green and empty is the worst.", attacked(attack.Forged, good), []string{"Green", "GreenAndEmpty"}},
		"Poison":     {"What comes behind a forged end is in no status.", attacked(attack.Forged, bad, value(300)), []string{"Poison"}},
		"Right":      {"A run that prints much may succeed.", attacked(attack.Talkative, good, value(20)), nil},
		"Missing":    {"But not without its result.", attacked(attack.Talkative, good), []string{"GreenAndEmpty"}},
		"Damaged":    {"Nor with another one.", attacked(attack.Filling, good, value(21)), []string{"Damaged"}},
		"Unanswered": {"An object is admitted or refused.", with(attacked(attack.Oversized, open), func(c *AttackCase) { c.Answered = time.Time{} }), []string{"Unanswered"}},
		"Refused":    {"An object that is too large may be refused.", with(attacked(attack.Oversized, open), func(c *AttackCase) { c.Refused = "why" }), nil},
		"RefusedRun": {"Others may not.", with(attacked(attack.Filling, open), func(c *AttackCase) { c.Refused = "why" }), []string{"Refused"}},
		"Late":       {"A run ends.", with(attacked(attack.Tarpit, open), func(c *AttackCase) { c.Ended = time.Time{} }), []string{"Deadline"}},
		"Task":       {"A Task does not run.", with(attacked(attack.Oversized, open), func(c *AttackCase) { c.TaskRuns, c.Ended = nil, time.Time{} }), nil},
		"StepPoison": {"Nor is it in the results of a step.", with(attacked(attack.Forged, bad), func(c *AttackCase) {
			c.TaskRuns[0].Status.Steps = []v1.StepState{{Results: []v1.TaskRunResult{value(300)}}}
		}), []string{"Poison"}},
		"Pipeline": {"A pipeline must not succeed with tasks that have failed.", with(attacked(attack.Wide, bad), func(c *AttackCase) {
			c.PipelineRun = &v1.PipelineRun{}
			c.PipelineRun.Status.SetCondition(good, metav1.NewTime(at(5)))
		}), []string{"Green"}},
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
