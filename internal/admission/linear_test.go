package admission_test

import (
	"context"
	"maps"
	"reflect"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/test/testutil/fill"
)

func kinds() map[string]func() any {
	return map[string]func() any{
		v1.KindTask:            func() any { return &v1.Task{} },
		v1.KindTaskRun:         func() any { return &v1.TaskRun{} },
		v1.KindPipeline:        func() any { return &v1.Pipeline{} },
		v1.KindPipelineRun:     func() any { return &v1.PipelineRun{} },
		v1beta1.KindStepAction: func() any { return &v1beta1.StepAction{} },
	}
}

// built returns an object with one of everything, and n at the grown places.
func built(create func() any, n int, text string, distinct bool, grown ...place) any {
	object := create()
	v := reflect.ValueOf(object).Elem()
	filled(v, fill.Depth)
	// Innermost first: an element that is copied takes what has grown in it along.
	for _, p := range grown {
		p.grow(v, n, text, distinct)
	}
	return object
}

// work is the cost of the rules and defaults of an object.
type work struct{ allocations, bytes, steps uint64 }

// measured runs all rules as for an update, so that no number of errors stops them early.
func measured(t *testing.T, created any) work {
	t.Helper()
	object, ok := validation.ObjectOf(created)
	if !ok {
		t.Fatalf("there are no rules for a %T", created)
	}
	var before, after runtime.MemStats
	var steps int
	runtime.ReadMemStats(&before)
	object.Default()
	validation.Known(context.Background(), func(r *validation.Report) {
		object.Report(r)
		steps = r.Steps()
	})
	runtime.ReadMemStats(&after)
	return work{after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc, uint64(steps)}
}

// most is the maximum growth of work for four times the elements. Linear work grows by 4, and O(n log n) by a little more.
// A buffer that doubles may be just before or just after a step.
const most = 6

// within fails the test if work grew by more than its input did.
func (w work) within(t *testing.T, name string, quarter work) {
	t.Helper()
	// Small numbers are not proportional.
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

// TestRulesAreLinear: the work of the defaults and rules of each kind grows linearly with the object. The test grows each list,
// map and text of the API, with equal and with different names, and with valid and invalid references. It includes new fields
// of the API without a change.
func TestRulesAreLinear(t *testing.T) {
	const n = 32
	foreign := map[string]bool{}
	for kind, create := range kinds() {
		t.Run(kind, func(t *testing.T) {
			object := create()
			v := reflect.ValueOf(object).Elem()
			filled(v, fill.Depth)
			all := places(v, nil, kind)
			if len(all) < 20 {
				t.Fatalf("only %d places were found", len(all))
			}
			for _, p := range all {
				// Types of Kubernetes are in many places and are treated the same in each.
				if owner := p.owner(v); !strings.Contains(owner, "sluice") {
					if foreign[owner] {
						continue
					}
					foreign[owner] = true
				}
				for which, text := range texts {
					small := measured(t, built(create, n, text, true, p))
					measured(t, built(create, 4*n, text, true, p)).within(t, p.name+" "+which, small)
				}
				small := measured(t, built(create, n, "x", false, p))
				measured(t, built(create, 4*n, "x", false, p)).within(t, p.name+" all the same", small)
			}
		})
	}
}

// TestRulesAreLinearInPairs: the work does not grow with the product of two lists, or of a list and references in a text.
func TestRulesAreLinearInPairs(t *testing.T) {
	const n = 24
	for kind, create := range kinds() {
		t.Run(kind, func(t *testing.T) {
			object := create()
			v := reflect.ValueOf(object).Elem()
			filled(v, fill.Depth)
			lists, holders := pairable(v, kind)
			for i, a := range lists {
				for _, b := range append(holders, lists[:i]...) {
					if strings.HasPrefix(a.name, b.name) || strings.HasPrefix(b.name, a.name) {
						continue // one contains the other, so the object grows with the product
					}
					text := texts["right"]
					if a.owner(v) > b.owner(v) { // each of both for half of the pairs
						text = texts["wrong"]
					}
					small := measured(t, built(create, n, text, true, a, b))
					measured(t, built(create, 4*n, text, true, a, b)).within(t, a.name+" × "+b.name, small)
				}
			}
		})
	}
}

// TestLargeObjectsAreLinear: the same for objects with almost only two lists, or a list and references to it, so that even a
// small cost for each pair shows. Each was, or could be, quadratic.
func TestLargeObjectsAreLinear(t *testing.T) {
	const n = 400
	for name, create := range large() {
		t.Run(name, func(t *testing.T) {
			measured(t, create(n)) // creates what is created only once
			small, big := measured(t, create(n)), measured(t, create(4*n))
			for of, pair := range map[string][2]uint64{
				"allocations": {big.allocations, small.allocations},
				"bytes":       {big.bytes, small.bytes},
				"steps":       {big.steps, small.steps},
			} {
				if pair[0] > most*pair[1] {
					t.Errorf("%d %s for four times what took %d: that is not linear", pair[0], of, pair[1])
				}
			}
		})
	}
}

// large returns functions that create objects with n elements in each of two lists.
func large() map[string]func(n int) any {
	all := largeTasks()
	maps.Copy(all, largePipelines())
	maps.Copy(all, largeRuns())
	return all
}

func plainStep(name, script string) v1.Step { return v1.Step{Name: name, Image: "i", Script: script} }

func embeddedTask(name string, spec v1.TaskSpec) v1.PipelineTask {
	return v1.PipelineTask{Name: name, TaskSpec: &v1.EmbeddedTask{TaskSpec: spec}}
}

func largeTasks() map[string]func(n int) any {
	task := func(change func(s *v1.TaskSpec)) any {
		task := &v1.Task{}
		change(&task.Spec)
		return task
	}
	return map[string]func(n int) any{
		"UnknownParams": func(n int) any {
			return task(func(s *v1.TaskSpec) {
				s.Params, s.Steps = declared(n), []v1.Step{plainStep("a", strings.Repeat("$(params.x)", n))}
			})
		},
		"UnknownKeys": func(n int) any {
			return task(func(s *v1.TaskSpec) {
				s.Params = []v1.ParamSpec{{Name: "o", Properties: map[string]v1.PropertySpec{}}}
				for _, p := range declared(n) {
					s.Params[0].Properties[p.Name] = v1.PropertySpec{}
				}
				s.Steps = []v1.Step{plainStep("a", strings.Repeat("$(params.o.x)", n))}
			})
		},
		"StepResults": func(n int) any {
			return task(func(s *v1.TaskSpec) {
				s.Steps = []v1.Step{plainStep("a", "x"), plainStep("b", strings.Repeat("$(steps.a.results.param-0)$(steps.a.results.x)", n))}
				for _, p := range declared(n) {
					s.Steps[0].Results = append(s.Steps[0].Results, v1.StepResult{Name: p.Name})
				}
			})
		},
		"OwnResults": func(n int) any {
			return task(func(s *v1.TaskSpec) {
				s.Steps = []v1.Step{plainStep("a", strings.Repeat("$(step.results.param-0.path)", n))}
				for _, p := range declared(n) {
					s.Steps[0].Results = append(s.Steps[0].Results, v1.StepResult{Name: p.Name})
				}
			})
		},
		"Steps": func(n int) any {
			return task(func(s *v1.TaskSpec) {
				for _, p := range declared(n) {
					s.Steps = append(s.Steps, plainStep(p.Name, "$(steps.param-0.results.x)$(steps.step-param-0.exitCode.path)"))
				}
			})
		},
		"TaskResults": func(n int) any {
			return task(func(s *v1.TaskSpec) {
				s.Steps = []v1.Step{plainStep("a", "x")}
				for _, p := range declared(n) {
					s.Steps[0].Results = append(s.Steps[0].Results, v1.StepResult{Name: p.Name})
					s.Results = append(s.Results, v1.TaskResult{Name: p.Name, Value: new(v1.StringValue("$(steps.a.results." + p.Name + ")"))})
				}
			})
		},
	}
}

func largePipelines() map[string]func(n int) any {
	pipeline := func(change func(s *v1.PipelineSpec)) any {
		pipeline := &v1.Pipeline{}
		change(&pipeline.Spec)
		return pipeline
	}
	return map[string]func(n int) any{
		"EmbeddedTasks": func(n int) any {
			return pipeline(func(s *v1.PipelineSpec) {
				s.Params = declared(n)
				for _, p := range declared(n) {
					s.Workspaces = append(s.Workspaces, v1.PipelineWorkspaceDeclaration{Name: p.Name})
					s.Tasks = append(s.Tasks, embeddedTask(p.Name, v1.TaskSpec{Steps: []v1.Step{plainStep("a", "$(params.param-0)$(params.x)")}}))
				}
			})
		},
		"ResultsOfTasks": func(n int) any {
			return pipeline(func(s *v1.PipelineSpec) {
				a, b := embeddedTask("a", v1.TaskSpec{Steps: []v1.Step{plainStep("a", "x")}}), v1.PipelineTask{
					Name:    "b",
					TaskRef: &v1.TaskRef{Name: "t"},
				}
				for _, p := range declared(n) {
					a.TaskSpec.Results = append(a.TaskSpec.Results, v1.TaskResult{Name: p.Name})
					b.Params = append(b.Params, v1.Param{
						Name:  p.Name,
						Value: v1.StringValue("$(tasks.a.results.param-0)$(tasks.a.results.x)$(tasks.x.results.x)"),
					})
				}
				s.Tasks = []v1.PipelineTask{a, b}
			})
		},
		"RunAfter": func(n int) any {
			return pipeline(func(s *v1.PipelineSpec) {
				for _, p := range declared(n) {
					s.Tasks = append(s.Tasks, v1.PipelineTask{Name: p.Name, TaskRef: &v1.TaskRef{Name: "t"}, RunAfter: []string{"x", "param-0"}})
				}
			})
		},
	}
}

func largeRuns() map[string]func(n int) any {
	return map[string]func(n int) any{
		"TaskRunSpecs": func(n int) any {
			run := &v1.PipelineRun{
				Spec: v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{embeddedTask("a", v1.TaskSpec{})}}},
			}
			for _, p := range declared(n) {
				of := &run.Spec.PipelineSpec.Tasks[0].TaskSpec.TaskSpec
				of.Steps = append(of.Steps, plainStep(p.Name, "x"))
				run.Spec.TaskRunSpecs = append(run.Spec.TaskRunSpecs, v1.PipelineTaskRunSpec{PipelineTaskName: "a"},
					v1.PipelineTaskRunSpec{PipelineTaskName: p.Name})
			}
			return run
		},
		"Breakpoints": func(n int) any {
			run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{}, Debug: &v1.TaskRunDebug{Breakpoints: &v1.TaskBreakpoints{}}}}
			for _, p := range declared(n) {
				run.Spec.TaskSpec.Steps = append(run.Spec.TaskSpec.Steps, plainStep(p.Name, "x"))
				run.Spec.Debug.Breakpoints.BeforeSteps = append(run.Spec.Debug.Breakpoints.BeforeSteps, p.Name, p.Name+"x")
			}
			return run
		},
	}
}

// pairable returns the lists that references can name, and some texts with references.
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
