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
		"InTime": {"A run may take long on a busy machine.", func(f fixture) { f.Ended = f.Created.Add(f.Plan.InTime()) }, nil},
		"Late":   {"But not longer.", func(f fixture) { f.Ended = f.Created.Add(f.Plan.InTime() + 1) }, []string{"InTime"}},
		"Excused": {"Unless something was broken.", func(f fixture) {
			f.Ended = f.Created.Add(f.Plan.InTime() + 20e9)
			f.Events = []disturb.Event{event(disturb.KillController, 12, 13, "")}
		}, nil},
		"Waited": {"A registry that answers is not waited for.", lookup(10), []string{"Lookup"}},
		"CutOff": {"Unless the controller could not reach it.", func(f fixture) { lookup(10)(f); f.Events = []disturb.Event{event(disturb.CutOffController, 8, 9, "")} }, nil},
		"CutOffNow": {"It cannot be known yet that something is broken which was not mended.", func(f fixture) {
			lookup(10)(f)
			f.Events = []disturb.Event{event(disturb.CutOffController, 40, 45, "")}
		}, []string{"Lookup"}},
	})
}
