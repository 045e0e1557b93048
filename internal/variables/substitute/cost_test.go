package substitute

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// allocated returns how many bytes a function allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func paramsOf(n int, value func(i int) v1.Value) []v1.ParamSpec {
	specs := make([]v1.ParamSpec, n)
	for i := range specs {
		specs[i] = v1.ParamSpec{Name: fmt.Sprintf("p%d", i), Default: new(value(i))}
	}
	return specs
}

// TestSmallObjectCannotBecomeLarge: what a run of some kilobytes can make of a large value, by repeating it in many places,
// is bounded for all of these places together, and is refused with the limit.
func TestSmallObjectCannotBecomeLarge(t *testing.T) {
	const times, most = 1_000, 16 * MaxBytes
	big := []v1.Param{{Name: "big", Value: v1.StringValue(strings.Repeat("x", 1<<20))}}
	none := []v1.Param{{Name: "none", Value: v1.ArrayValue(make([]string, 300_000)...)}}
	last := fmt.Sprintf("$(params.p%d)", times-1)
	script := func(text string) []v1.Step { return []v1.Step{{Image: "i", Script: text}} }
	cases := map[string]struct {
		reason string
		make   func() error
	}{
		"Defaults": {
			reason: "A large param in the default of each of many others.",
			make: func() error {
				spec := &v1.TaskSpec{Params: paramsOf(times, func(int) v1.Value { return v1.StringValue("$(params.big)") }), Steps: script(last)}
				_, err := TaskSpec(spec, ForTaskRun(spec, big, TaskRunContext{}), "ref-x")
				return err
			},
		},
		"Doubled": {
			reason: "Defaults that double each other.",
			make: func() error {
				spec := &v1.TaskSpec{Params: paramsOf(90, func(i int) v1.Value {
					if i == 0 {
						return v1.StringValue("x")
					}
					return v1.StringValue(strings.Repeat(fmt.Sprintf("$(params.p%d)", i-1), 2))
				}), Steps: script("$(params.p89)")}
				_, err := TaskSpec(spec, ForTaskRun(spec, nil, TaskRunContext{}), "ref-x")
				return err
			},
		},
		"EmptyElements": {
			reason: "An array of empty strings, over and over.",
			make: func() error {
				_, err := Params(field.NewPath("params"),
					[]v1.Param{{Name: "a", Value: v1.ArrayValue(strings.Split(strings.Repeat("$(params.none[*]),", times), ",")...)}},
					ForTaskRun(&v1.TaskSpec{}, none, TaskRunContext{}))
				return err
			},
		},
		"EmptyArguments": {
			reason: "The same as arguments.",
			make: func() error {
				spec := &v1.TaskSpec{Steps: []v1.Step{{Image: "i", Args: strings.Split(strings.Repeat("$(params.none[*]),", times), ",")}}}
				_, err := TaskSpec(spec, ForTaskRun(spec, none, TaskRunContext{}), "ref-x")
				return err
			},
		},
		"ActionArguments": {
			reason: "The same in a StepAction.",
			make: func() error {
				action := &v1beta1.StepActionSpec{
					Image:  "i",
					Params: []v1.ParamSpec{{Name: "none", Type: v1.TypeArray}},
					Args:   strings.Split(strings.Repeat("$(params.none[*]),", times), ","),
				}
				_, err := Step(nil, &v1.Step{Ref: &v1.StepRef{Name: "a"}, Params: none}, action)
				return err
			},
		},
		"ActionDefaults": {
			reason: "A large param in the default of each param of a StepAction.",
			make: func() error {
				action := &v1beta1.StepActionSpec{
					Image:  "i",
					Params: append(paramsOf(times, func(int) v1.Value { return v1.StringValue("$(params.big)") }), v1.ParamSpec{Name: "big"}),
				}
				for i := range times {
					action.Args = append(action.Args, fmt.Sprintf("$(params.p%d)", i))
				}
				_, err := Step(nil, &v1.Step{Ref: &v1.StepRef{Name: "a"}, Params: big}, action)
				return err
			},
		},
		"Actions": {
			reason: "A large param in each of many steps.",
			make: func() error {
				action := &v1beta1.StepActionSpec{Image: "i", Params: []v1.ParamSpec{{Name: "big"}}, Script: "$(params.big)x"}
				var actions Actions
				for range times {
					if _, err := actions.Step(nil, &v1.Step{Ref: &v1.StepRef{Name: "a"}, Params: big}, action); err != nil {
						return err
					}
				}
				return nil
			},
		},
		"Workspaces": {
			reason: "A large param in the path of each of many workspaces.",
			make: func() error {
				spec, context := &v1.TaskSpec{}, TaskRunContext{Workspaces: map[string]Workspace{}}
				for i := range times {
					name := fmt.Sprintf("w%d", i)
					spec.Workspaces = append(spec.Workspaces, v1.WorkspaceDeclaration{Name: name, MountPath: "/$(params.big)"})
					context.Workspaces[name] = Workspace{Volume: "v"}
				}
				_, err := TaskSpec(spec, ForTaskRun(spec, big, context), "ref-x")
				return err
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var err error
			if n := allocated(func() { err = tc.make() }); n > most {
				t.Errorf("%s: %d bytes were made, want %d at most", tc.reason, n, most)
			}
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("the limit is %d", MaxBytes)) {
				t.Errorf("%s: want the limit in the error, got %.300v", tc.reason, err)
			}
		})
	}
}

// TestSubstitutionIsLinear: four times as much takes about four times the memory.
func TestSubstitutionIsLinear(t *testing.T) {
	const n = 500
	cases := map[string]func(n int){
		"ChainToNowhere": func(n int) {
			ForTaskRun(&v1.TaskSpec{Params: paramsOf(n, func(i int) v1.Value { return v1.StringValue(fmt.Sprintf("$(params.p%d)", i+1)) })},
				nil, TaskRunContext{})
		},
		"Word": func(n int) {
			_, _ = When([]v1.WhenExpression{{CEL: strings.Repeat("word", 10*n) + "'$(params.p)'"}},
				ForTaskRun(&v1.TaskSpec{}, []v1.Param{{Name: "p", Value: v1.StringValue("a")}}, TaskRunContext{}),
				nil)
		},
		"ActionParams": func(n int) {
			given := make([]v1.Param, n)
			for i := range given {
				given[i] = v1.Param{Name: fmt.Sprintf("p%d", i), Value: v1.StringValue("a")}
			}
			_, _ = Step(nil, &v1.Step{
				Ref:    &v1.StepRef{Name: "a"},
				Params: given,
			}, &v1beta1.StepActionSpec{Image: "i", Params: paramsOf(n, func(int) v1.Value { return v1.StringValue("") })})
		},
		"Steps": func(n int) {
			spec := &v1.TaskSpec{}
			for i := range n {
				spec.Params = append(spec.Params, v1.ParamSpec{Name: fmt.Sprintf("p%d", i), Default: new(v1.StringValue("a"))})
				spec.Steps = append(spec.Steps, v1.Step{
					Image:  "i",
					Script: fmt.Sprintf("$(params.p%d)$(results.r%d.path)", i, i),
					Env:    []corev1.EnvVar{{Name: "E", Value: "$(params.p0)"}},
				})
				spec.Results = append(spec.Results, v1.TaskResult{Name: fmt.Sprintf("r%d", i)})
			}
			_, _ = TaskSpec(spec, ForTaskRun(spec, nil, TaskRunContext{}), "ref-x")
		},
	}
	for name, create := range cases {
		t.Run(name, func(t *testing.T) {
			create(n) // what is made once is made
			small := allocated(func() { create(n) })
			if large := allocated(func() { create(4 * n) }); large > 6*small+100_000 {
				t.Errorf("%d bytes for %d, and %d for four times as many: that is not linear", small, n, large)
			}
		})
	}
}

// TestChainOfDefaults: defaults may refer to each other up to a depth, in whatever order they are declared.
func TestChainOfDefaults(t *testing.T) {
	for _, length := range []int{2, maxDepth, 2 * maxDepth, 20_000} {
		for name, next := range map[string]func(i int) int{
			"Forwards":  func(i int) int { return i + 1 },
			"Backwards": func(i int) int { return i - 1 },
		} {
			specs := paramsOf(length, func(i int) v1.Value { return v1.StringValue(fmt.Sprintf("$(params.p%d)", next(i))) })
			first, last := &specs[0], &specs[length-1]
			if name == "Backwards" {
				first, last = last, first
			}
			last.Default = new(v1.StringValue("end"))
			vars := ForTaskRun(&v1.TaskSpec{Params: specs}, nil, TaskRunContext{})
			value, ok := vars.Param(first.Name)
			if want := length <= maxDepth; ok != want || ok && value.String != "end" {
				t.Errorf("%s, %d in a chain: want a value: %t, got %q", name, length, want, value.String)
			}
			if problem := vars.problems[first.Name]; !ok && !strings.Contains(problem, "in a chain") {
				t.Errorf("%s, %d in a chain: want it said, got %q", name, length, problem)
			}
		}
	}
}

// TestPodTemplateSharesTheParams: a pod template is substituted for each TaskRun, which must not copy all params of the run.
func TestPodTemplateSharesTheParams(t *testing.T) {
	template := &v1.PodTemplate{NodeSelector: map[string]string{"a": "$(params.p1)$(params.own)"}}
	took := func(n int) uint64 {
		vars := ForTaskRun(&v1.TaskSpec{Params: paramsOf(n, func(int) v1.Value { return v1.StringValue("a") })}, nil, TaskRunContext{})
		return allocated(func() {
			out, err := PodTemplate(nil, template, vars, v1.Param{Name: "own", Value: v1.StringValue("b")})
			if err != nil || out.NodeSelector["a"] != "ab" {
				t.Errorf("want ab, got %v, %v", out, err)
			}
		})
	}
	if few, many := took(2), took(10_000); many > 2*few+10_000 {
		t.Errorf("%d bytes with 2 params, %d with 10000", few, many)
	}
}
