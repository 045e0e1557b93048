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
			reason: "A run may take long on a busy machine.",
			change: func(f fixture) { f.Ended = f.Created.Add(f.Plan.InTime()) },
		},
		"Late": {
			reason: "But not longer.",
			change: func(f fixture) { f.Ended = f.Created.Add(f.Plan.InTime() + 1) },
			want:   []string{"InTime"},
		},
		"Excused": {
			reason: "Unless something was broken.",
			change: func(f fixture) {
				f.Ended = f.Created.Add(f.Plan.InTime() + 20e9)
				f.Events = []disturb.Event{event(disturb.KillController, 12, 13, "")}
			},
		},
		"Waited": {
			reason: "A registry that answers is not waited for.",
			change: lookup(10),
			want:   []string{"Lookup"},
		},
		"CutOff": {
			reason: "Unless the controller could not reach it.",
			change: func(f fixture) { lookup(10)(f); f.Events = []disturb.Event{event(disturb.CutOffController, 8, 9, "")} },
		},
		"CutOffNow": {
			reason: "It cannot be known yet that something is broken which was not mended.",
			change: func(f fixture) {
				lookup(10)(f)
				f.Events = []disturb.Event{event(disturb.CutOffController, 40, 45, "")}
			},
			want: []string{"Lookup"},
		},
	})
}
