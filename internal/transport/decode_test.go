package transport_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/validation"
)

func TestAssemble(t *testing.T) {
	steps := []v1.Step{
		{Name: "a", Results: []v1.StepResult{{Name: "text"}, {Name: "list", Type: v1.TypeArray}, {Name: "map", Properties: map[string]v1.PropertySpec{"k": {}}}}},
		{Results: []v1.StepResult{{Name: "text"}}},
	}
	taken := func(name string, t v1.ValueType, value v1.Value) v1.TaskResult {
		return v1.TaskResult{Name: name, Type: t, Value: &value}
	}
	str := func(name, value string) v1.TaskRunResult {
		return v1.TaskRunResult{Name: name, Type: v1.TypeString, Value: v1.StringValue(value)}
	}
	all := map[string]string{"step-a.text": "$(steps.a.results.list)", "step-a.list": `["x","y"]`, "step-a.map": `{"k":"v","l":"w"}`, "step-unnamed-1.text": "second"}
	stepValues := [][]v1.TaskRunResult{
		{str("text", "$(steps.a.results.list)"), {Name: "list", Type: v1.TypeArray, Value: v1.ArrayValue("x", "y")}, {Name: "map", Type: v1.TypeObject, Value: v1.ObjectValue(map[string]string{"k": "v", "l": "w"})}},
		{str("text", "second")},
	}
	cases := map[string]struct {
		reason  string
		results []v1.TaskResult
		whole   map[string]string
		task    []v1.TaskRunResult
		steps   [][]v1.TaskRunResult
		wrong   []string // a part of each
	}{
		"Own": {"A task's own results are those that it declares.", []v1.TaskResult{{Name: "own"}, {Name: "absent"}}, map[string]string{"own": "value", "other": "x"},
			[]v1.TaskRunResult{str("own", "value")}, [][]v1.TaskRunResult{nil, nil}, nil},
		"Steps":    {"Steps have results of their own.", nil, all, nil, stepValues, nil},
		"String":   {"A result can be a step's, and what that holds is not looked at again.", []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.a.results.text)"))}, all, []v1.TaskRunResult{str("r", "$(steps.a.results.list)")}, stepValues, nil},
		"Unnamed":  {"A step without a name goes by its number.", []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.unnamed-1.results.text)"))}, all, []v1.TaskRunResult{str("r", "second")}, stepValues, nil},
		"InText":   {"It can stand in a text.", []v1.TaskResult{taken("r", "string", v1.StringValue("<$(steps.a.results.list[1])-$(steps.a.results.map.k)>"))}, all, []v1.TaskRunResult{str("r", "<y-v>")}, stepValues, nil},
		"Array":    {"An array comes whole.", []v1.TaskResult{taken("r", "array", v1.StringValue("$(steps.a.results.list[*])"))}, all, []v1.TaskRunResult{{Name: "r", Type: "array", Value: v1.ArrayValue("x", "y")}}, stepValues, nil},
		"Object":   {"So does an object.", []v1.TaskResult{taken("r", "object", v1.StringValue("$(steps.a.results.map)"))}, all, []v1.TaskRunResult{{Name: "r", Type: "object", Value: v1.ObjectValue(map[string]string{"k": "v", "l": "w"})}}, stepValues, nil},
		"Elements": {"An array can be put together.", []v1.TaskResult{taken("r", "array", v1.ArrayValue("a", "$(steps.a.results.list[*])", "$(steps.a.results.map.l)!"))}, all, []v1.TaskRunResult{{Name: "r", Type: "array", Value: v1.ArrayValue("a", "x", "y", "w!")}}, stepValues, nil},
		"Members":  {"So can an object.", []v1.TaskResult{taken("r", "object", v1.ObjectValue(map[string]string{"m": "$(steps.a.results.map.k)"}))}, all, []v1.TaskRunResult{{Name: "r", Type: "object", Value: v1.ObjectValue(map[string]string{"m": "v"})}}, stepValues, nil},
		"Order": {"Results come as they are declared, wherever they come from.", []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.a.results.list[0])")), {Name: "own"}}, map[string]string{"own": "o", "step-a.list": `["x"]`},
			[]v1.TaskRunResult{str("r", "x"), str("own", "o")}, [][]v1.TaskRunResult{{{Name: "list", Type: v1.TypeArray, Value: v1.ArrayValue("x")}}, nil}, nil},
		"Absent":    {"What was not written is absent.", []v1.TaskResult{taken("r", "string", v1.StringValue("<$(steps.a.results.text)>"))}, nil, nil, [][]v1.TaskRunResult{nil, nil}, nil},
		"NoElement": {"An element that is not there is wrong.", []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.a.results.list[2])"))}, all, nil, stepValues, []string{`"r": $(steps.a.results.list[2]): the result has 2`}},
		"NoKey":     {"So is a key.", []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.a.results.map.x)"))}, all, nil, stepValues, []string{"no such key"}},
		"WrongType": {"A result has the type that it is declared with.", []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.a.results.list)"))}, all, nil, stepValues, []string{`"r": is declared as string, and its value is an array`}},
		"NoText":    {"An array is no text.", []v1.TaskResult{taken("r", "string", v1.StringValue("<$(steps.a.results.list[*])>"))}, all, nil, stepValues, []string{"a text takes a string"}},
		"StepWrong": {"A step's result has its type as well, and the step is named.", nil, map[string]string{"step-a.list": "no"}, nil, [][]v1.TaskRunResult{nil, nil}, []string{`step "a": result "list"`}},
		"TaskWrong": {"So has a task's.", []v1.TaskResult{{Name: "own", Type: v1.TypeArray}}, map[string]string{"own": "no"}, nil, [][]v1.TaskRunResult{nil, nil}, []string{`result "own"`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var whole []frame.Result
			for name, value := range tc.whole {
				whole = append(whole, frame.Result{Name: name, Value: []byte(value)})
			}
			spec := &v1.TaskSpec{Results: tc.results, Steps: steps}
			validation.DefaultTaskSpec(spec)
			got := transport.Assemble(spec, whole)
			if diff := cmp.Diff(tc.task, got.Task); diff != "" {
				t.Errorf("%s\nresults of the task: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.steps, got.Steps); diff != "" {
				t.Errorf("%s\nresults of steps: -want +got:\n%s", tc.reason, diff)
			}
			if len(got.Wrong) != len(tc.wrong) {
				t.Fatalf("%s\nwrong: %q", tc.reason, got.Wrong)
			}
			for i, part := range tc.wrong {
				if !strings.Contains(got.Wrong[i], part) {
					t.Errorf("%s\nwrong: %q, want %q", tc.reason, got.Wrong[i], part)
				}
			}
		})
	}
}
