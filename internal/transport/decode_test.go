package transport_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

func TestDecode(t *testing.T) {
	steps := []v1.Step{
		{Name: "a", Results: []v1.StepResult{
			{Name: "text"},
			{Name: "list", Type: v1.TypeArray},
			{Name: "map", Properties: map[string]v1.PropertySpec{"k": {}}},
		}},
		{Results: []v1.StepResult{{Name: "text"}}},
	}
	taken := func(name string, t v1.ValueType, value v1.Value) v1.TaskResult {
		return v1.TaskResult{Name: name, Type: t, Value: &value}
	}
	str := func(name, value string) v1.TaskRunResult {
		return v1.TaskRunResult{Name: name, Type: v1.TypeString, Value: v1.StringValue(value)}
	}
	all := map[string]string{
		"step-a.text":         "$(steps.a.results.list)",
		"step-a.list":         `["x","y"]`,
		"step-a.map":          `{"k":"v","l":"w"}`,
		"step-unnamed-1.text": "second",
	}
	stepValues := [][]v1.TaskRunResult{
		{str("text", "$(steps.a.results.list)"), {
			Name:  "list",
			Type:  v1.TypeArray,
			Value: v1.ArrayValue("x", "y"),
		}, {Name: "map", Type: v1.TypeObject, Value: v1.ObjectValue(map[string]string{"k": "v", "l": "w"})}},
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
		"Own": {
			reason:  "A task's own results are those that it declares.",
			results: []v1.TaskResult{{Name: "own"}, {Name: "absent"}},
			whole:   map[string]string{"own": "value", "other": "x"},
			task:    []v1.TaskRunResult{str("own", "value")},
			steps:   [][]v1.TaskRunResult{nil, nil},
		},
		"Steps": {
			reason: "Steps have results of their own.",
			whole:  all,
			steps:  stepValues,
		},
		"String": {
			reason:  "A result can be a step's, and what that holds is not looked at again.",
			results: []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.a.results.text)"))},
			whole:   all,
			task:    []v1.TaskRunResult{str("r", "$(steps.a.results.list)")},
			steps:   stepValues,
		},
		"Unnamed": {
			reason:  "A step without a name goes by its number.",
			results: []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.unnamed-1.results.text)"))},
			whole:   all,
			task:    []v1.TaskRunResult{str("r", "second")},
			steps:   stepValues,
		},
		"InText": {
			reason:  "It can stand in a text.",
			results: []v1.TaskResult{taken("r", "string", v1.StringValue("<$(steps.a.results.list[1])-$(steps.a.results.map.k)>"))},
			whole:   all,
			task:    []v1.TaskRunResult{str("r", "<y-v>")},
			steps:   stepValues,
		},
		"Array": {
			reason:  "An array comes whole.",
			results: []v1.TaskResult{taken("r", "array", v1.StringValue("$(steps.a.results.list[*])"))},
			whole:   all,
			task:    []v1.TaskRunResult{{Name: "r", Type: "array", Value: v1.ArrayValue("x", "y")}},
			steps:   stepValues,
		},
		"Object": {
			reason:  "So does an object.",
			results: []v1.TaskResult{taken("r", "object", v1.StringValue("$(steps.a.results.map)"))},
			whole:   all,
			task:    []v1.TaskRunResult{{Name: "r", Type: "object", Value: v1.ObjectValue(map[string]string{"k": "v", "l": "w"})}},
			steps:   stepValues,
		},
		"Elements": {
			reason:  "An array can be put together.",
			results: []v1.TaskResult{taken("r", "array", v1.ArrayValue("a", "$(steps.a.results.list[*])", "$(steps.a.results.map.l)!"))},
			whole:   all,
			task:    []v1.TaskRunResult{{Name: "r", Type: "array", Value: v1.ArrayValue("a", "x", "y", "w!")}},
			steps:   stepValues,
		},
		"Members": {
			reason:  "So can an object.",
			results: []v1.TaskResult{taken("r", "object", v1.ObjectValue(map[string]string{"m": "$(steps.a.results.map.k)"}))},
			whole:   all,
			task:    []v1.TaskRunResult{{Name: "r", Type: "object", Value: v1.ObjectValue(map[string]string{"m": "v"})}},
			steps:   stepValues,
		},
		"Order": {
			reason:  "Results come as they are declared, wherever they come from.",
			results: []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.a.results.list[0])")), {Name: "own"}},
			whole:   map[string]string{"own": "o", "step-a.list": `["x"]`},
			task:    []v1.TaskRunResult{str("r", "x"), str("own", "o")},
			steps:   [][]v1.TaskRunResult{{{Name: "list", Type: v1.TypeArray, Value: v1.ArrayValue("x")}}, nil},
		},
		"Absent": {
			reason:  "What was not written is absent.",
			results: []v1.TaskResult{taken("r", "string", v1.StringValue("<$(steps.a.results.text)>"))},
			steps:   [][]v1.TaskRunResult{nil, nil},
		},
		"NoElement": {
			reason:  "An element that is not there is wrong.",
			results: []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.a.results.list[2])"))},
			whole:   all,
			steps:   stepValues,
			wrong:   []string{`"r": $(steps.a.results.list[2]): the result has 2`},
		},
		"NoKey": {
			reason:  "So is a key.",
			results: []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.a.results.map.x)"))},
			whole:   all,
			steps:   stepValues,
			wrong:   []string{`"r": $(steps.a.results.map.x): the result has no key "x"`},
		},
		"WrongType": {
			reason:  "A result has the type that it is declared with.",
			results: []v1.TaskResult{taken("r", "string", v1.StringValue("$(steps.a.results.list)"))},
			whole:   all,
			steps:   stepValues,
			wrong:   []string{`"r": is declared as string, but its value is an array`},
		},
		"NoText": {
			reason:  "An array is no text.",
			results: []v1.TaskResult{taken("r", "string", v1.StringValue("<$(steps.a.results.list[*])>"))},
			whole:   all,
			steps:   stepValues,
			wrong:   []string{"a text needs a string"},
		},
		"StepWrong": {
			reason: "A step's result has its type as well, and the step is named.",
			whole:  map[string]string{"step-a.list": "no"},
			steps:  [][]v1.TaskRunResult{nil, nil},
			wrong:  []string{`step "a": result "list"`},
		},
		"TaskWrong": {
			reason:  "So has a task's.",
			results: []v1.TaskResult{{Name: "own", Type: v1.TypeArray}},
			whole:   map[string]string{"own": "no"},
			steps:   [][]v1.TaskRunResult{nil, nil},
			wrong:   []string{`result "own"`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var whole []frame.Result
			for name, value := range tc.whole {
				whole = append(whole, frame.Result{Name: name, Value: []byte(value)})
			}
			spec := &v1.TaskSpec{Results: tc.results, Steps: steps}
			validation.DefaultTaskSpec(spec)
			got := transport.Decode(spec, whole)
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

// TestDerivedResultIsBounded: the controller makes no result that no object can hold, however often a task repeats that of a
// step.
func TestDerivedResultIsBounded(t *testing.T) {
	const times = 1000
	repeated := v1.StringValue(strings.Repeat("$(steps.a.results.text)", times))
	spec := &v1.TaskSpec{
		Results: []v1.TaskResult{{Name: "r", Value: &repeated}},
		Steps:   []v1.Step{{Name: "a", Results: []v1.StepResult{{Name: "text"}}}},
	}
	validation.DefaultTaskSpec(spec)
	got := transport.Decode(spec, []frame.Result{{Name: "step-a.text", Value: make([]byte, 2*substitute.MaxBytes/times)}})
	if len(got.Task) > 0 || !got.TooLarge || len(got.Wrong) != 1 || !strings.Contains(got.Wrong[0], "the limit is 8388608") {
		t.Errorf("want the result refused as too large, got %d results of the task, wrong: %q", len(got.Task), got.Wrong)
	}
}
