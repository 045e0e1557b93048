package check

import (
	"testing"

	"github.com/sluice-ci/sluice/test/chaos/disturb"
)

func TestTenant(t *testing.T) {
	lookup := func(second int) func(fixture) {
		return func(f fixture) {
			f.Histories["chaos-7"].Lookups = []Lookup{{At: at(second), Message: "registry does not answer"}}
		}
	}
	begin := func() fixture { return single(task("only")) }
	judge(t, begin, map[string]spoilt{
		"InTime": {
			reason: "A run may take its planned time.",
			change: func(f fixture) { f.Ended = f.Created.Add(f.Plan.InTime()) },
		},
		"Late": {
			reason: "A run must not take longer than planned.",
			change: func(f fixture) { f.Ended = f.Created.Add(f.Plan.InTime() + 1) },
			want:   []string{"InTime"},
		},
		"Excused": {
			reason: "A run may take longer if something was broken.",
			change: func(f fixture) {
				f.Ended = f.Created.Add(f.Plan.InTime() + 20e9)
				f.Events = []disturb.Event{event(disturb.KillController, 12, 13, "")}
			},
		},
		"Waited": {
			reason: "A run must not wait for a registry that answers.",
			change: lookup(10),
			want:   []string{"Lookup"},
		},
		"CutOff": {
			reason: "A run may wait if the controller could not reach the registry.",
			change: func(f fixture) { lookup(10)(f); f.Events = []disturb.Event{event(disturb.CutOffController, 8, 9, "")} },
		},
		"CutOffNow": {
			reason: "A fault that is not repaired yet is not known to the check.",
			change: func(f fixture) {
				lookup(10)(f)
				f.Events = []disturb.Event{event(disturb.CutOffController, 40, 45, "")}
			},
			want: []string{"Lookup"},
		},
	})
}
