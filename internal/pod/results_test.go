package pod

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results"
)

func TestResultsOf(t *testing.T) {
	long := strings.Repeat("r", 253)
	step := func(names ...string) v1.Step {
		s := v1.Step{Name: "s"}
		for _, n := range names {
			s.Results = append(s.Results, v1.StepResult{Name: n})
		}
		return s
	}
	result := func(name string, step int, result string) Result {
		return Result{results.Declared{Name: name, Type: results.TypeString}, step, result}
	}
	cases := map[string]struct {
		reason string
		spec   v1.TaskSpec
		want   []Result
	}{
		"None": {
			reason: "a task without results carries nothing",
			spec:   v1.TaskSpec{Steps: []v1.Step{step()}},
		},
		"Task": {
			reason: "a task's results travel under their names",
			spec:   v1.TaskSpec{Results: []v1.TaskResult{{Name: "a"}, {Name: "b", Type: v1.TypeArray}}},
			want:   []Result{result("a", OfTask, "a"), {Declared: results.Declared{Name: "b", Type: "array"}, Step: OfTask, Result: "b"}},
		},
		"Value": {
			reason: "a result that takes its value from a step is carried by that step",
			spec: v1.TaskSpec{
				Results: []v1.TaskResult{{Name: "a", Value: new(v1.StringValue("$(steps.s.results.x)"))}},
				Steps:   []v1.Step{step("x")},
			},
			want: []Result{result("step-s.x", 0, "x")},
		},
		"Unnamed": {
			reason: "a step without a name goes by its number",
			spec:   v1.TaskSpec{Steps: []v1.Step{{Results: []v1.StepResult{{Name: "x"}}}}},
			want:   []Result{result("step-unnamed-0.x", 0, "x")},
		},
		"Object": {
			reason: "properties make an object",
			spec: v1.TaskSpec{
				Steps: []v1.Step{{Name: "s", Results: []v1.StepResult{{Name: "x", Properties: map[string]v1.PropertySpec{"k": {}}}}}},
			},
			want: []Result{{Declared: results.Declared{Name: "step-s.x", Type: "object"}, Result: "x"}},
		},
		"Taken": {
			reason: "a task's result may have the name that a step's wants",
			spec:   v1.TaskSpec{Results: []v1.TaskResult{{Name: "step-s.x"}}, Steps: []v1.Step{step("x", "y")}},
			want:   []Result{result("step-s.x", OfTask, "step-s.x"), result("step-s.0", 0, "x"), result("step-s.y", 0, "y")},
		},
		"TakenTwice": {
			reason: "whatever stands in its place is free, too",
			spec:   v1.TaskSpec{Results: []v1.TaskResult{{Name: "step-s.x"}, {Name: "step-s.0"}}, Steps: []v1.Step{step("x", "1")}},
			want: []Result{
				result("step-s.x", OfTask, "step-s.x"),
				result("step-s.0", OfTask, "step-s.0"),
				result("step-s.1", 0, "x"),
				result("step-s.2", 0, "1"),
			},
		},
		"TooLong": {
			reason: "a name is never longer than that of a file",
			spec:   v1.TaskSpec{Steps: []v1.Step{step(long)}},
			want:   []Result{result("step-s.0", 0, long)},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, ResultsOf(&tc.spec)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
