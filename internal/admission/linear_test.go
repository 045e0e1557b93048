package admission_test

import (
	"context"
	"reflect"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// rules is what an object of each kind can do.
type rules interface {
	Default()
	Report(r *v1.Report)
}

func kinds() map[string]func() rules {
	return map[string]func() rules{
		v1.KindTask:            func() rules { return &v1.Task{} },
		v1.KindTaskRun:         func() rules { return &v1.TaskRun{} },
		v1.KindPipeline:        func() rules { return &v1.Pipeline{} },
		v1.KindPipelineRun:     func() rules { return &v1.PipelineRun{} },
		v1beta1.KindStepAction: func() rules { return &v1beta1.StepAction{} },
	}
}

// built is an object with one of everything, and with n at some places.
func built(make func() rules, n int, text string, distinct bool, grown ...place) rules {
	object := make()
	v := reflect.ValueOf(object).Elem()
	filled(v, deep)
	// Innermost first: an element that is copied takes what has grown in it along.
	for _, p := range grown {
		p.grow(v, n, text, distinct)
	}
	return object
}

// work is what the rules and defaults of an object take.
type work struct{ allocations, bytes, steps uint64 }

// measured runs all rules to their ends, as those about an object that is to be changed: no number of errors ends them.
func measured(object rules) work {
	var before, after runtime.MemStats
	var steps int
	runtime.ReadMemStats(&before)
	object.Default()
	v1.Known(context.Background(), func(r *v1.Report) {
		object.Report(r)
		steps = r.Steps()
	})
	runtime.ReadMemStats(&after)
	return work{after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc, uint64(steps)}
}

// most is by how much work may grow for four times the elements. Linear work grows by 4, and O(n log n) by a little more;
// what doubles its memory as it grows is at times just before, and at times just behind a step.
const most = 6

// within fails the test if work grew by more than its input did.
func (w work) within(t *testing.T, name string, quarter work) {
	t.Helper()
	// What is small is not proportional to anything.
	for of, pair := range map[string][3]uint64{
		"allocations": {w.allocations, quarter.allocations, 2_000},
		"bytes":       {w.bytes, quarter.bytes, 500_000},
		"steps":       {w.steps, quarter.steps, 2_000},
	} {
		if pair[0] > most*pair[1]+pair[2] {
			t.Errorf("%s: %d %s for four times what took %d: that is not linear", name, pair[0], of, pair[1])
		}
	}
}

// TestRulesAreLinear: the work of the defaults and rules of each kind grows with the object as its length does, for each
// list, map and text of the API, with names that differ and that do not, and with references to what there is and to what
// there is not. A field that is added to the API is tested without a change here.
func TestRulesAreLinear(t *testing.T) {
	const n = 32
	foreign := map[string]bool{}
	for kind, make := range kinds() {
		t.Run(kind, func(t *testing.T) {
			object := make()
			v := reflect.ValueOf(object).Elem()
			filled(v, deep)
			all := places(v, nil, kind)
			if len(all) < 20 {
				t.Fatalf("only %d places were found", len(all))
			}
			for _, p := range all {
				// The types of Kubernetes stand at many places, and are treated the same at each.
				if owner := p.owner(v); !strings.Contains(owner, "sluice") {
					if foreign[owner] {
						continue
					}
					foreign[owner] = true
				}
				for which, text := range texts {
					small := measured(built(make, n, text, true, p))
					measured(built(make, 4*n, text, true, p)).within(t, p.name+" "+which, small)
				}
				small := measured(built(make, n, "x", false, p))
				measured(built(make, 4*n, "x", false, p)).within(t, p.name+" all the same", small)
			}
		})
	}
}

// TestRulesAreLinearInPairs: nor does it grow with the product of two lists, or of a list and the references in a text.
func TestRulesAreLinearInPairs(t *testing.T) {
	const n = 24
	for kind, make := range kinds() {
		t.Run(kind, func(t *testing.T) {
			object := make()
			v := reflect.ValueOf(object).Elem()
			filled(v, deep)
			lists, holders := pairable(v, kind)
			for i, a := range lists {
				for _, b := range append(holders, lists[:i]...) {
					if strings.HasPrefix(a.name, b.name) || strings.HasPrefix(b.name, a.name) {
						continue // one is within the other: the object itself grows with the product
					}
					text := texts["right"]
					if a.owner(v) > b.owner(v) { // each of both for half of the pairs
						text = texts["wrong"]
					}
					small := measured(built(make, n, text, true, a, b))
					measured(built(make, 4*n, text, true, a, b)).within(t, a.name+" × "+b.name, small)
				}
			}
		})
	}
}

// pairable are the lists that others can refer to, and some texts that hold references.
func pairable(v reflect.Value, kind string) (lists, holders []place) {
	for _, p := range places(v, nil, kind) {
		at := p.find(v)
		switch {
		case strings.Contains(p.name, "Finally[]"): // as in Tasks
		case at.Kind() == reflect.Slice && named(at.Type().Elem()):
			lists = append(lists, p)
		case at.Kind() == reflect.Map && strings.HasSuffix(p.name, "Properties"):
			lists = append(lists, p)
		case strings.HasSuffix(p.name, "Steps[].Script"), strings.HasSuffix(p.name, "Tasks[].DisplayName"), p.name == "StepAction.Spec.Script":
			holders = append(holders, p)
		}
	}
	return lists, holders
}

// named reports whether elements are names, or have one, and are of this API.
func named(t reflect.Type) bool {
	if t.Kind() == reflect.String {
		return false
	}
	_, name := t.FieldByName("Name")
	_, task := t.FieldByName("PipelineTaskName")
	return (name || task) && strings.Contains(t.PkgPath(), "sluice")
}
