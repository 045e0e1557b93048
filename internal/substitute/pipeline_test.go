package substitute

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func results(task, result string) (v1.Value, bool) {
	value, ok := map[string]v1.Value{
		"t.s": v1.StringValue("text $(tasks.t.results.l[0])"),
		"t.l": v1.ArrayValue("zero", "$(params.p)"),
		"t.o": v1.ObjectValue(map[string]string{"k": "v$$"}),
	}[task+"."+result]
	return value, ok
}

func pipelineVariables() Variables {
	spec := &v1.PipelineSpec{
		Params: []v1.ParamSpec{
			{Name: "p"}, {Name: "l", Type: v1.TypeArray}, {Name: "o", Type: v1.TypeObject},
			{Name: "d", Default: &v1.Value{Type: v1.TypeString, String: "of $(context.pipelineRun.name)"}},
		},
		Workspaces: []v1.PipelineWorkspaceDeclaration{{Name: "bound"}, {Name: "unbound", Optional: true}},
	}
	return ForPipelineRun(spec, []v1.Param{
		{Name: "p", Value: v1.StringValue("$(tasks.t.results.s)")},
		{Name: "l", Value: v1.ArrayValue("a", "b")},
		{Name: "o", Value: v1.ObjectValue(map[string]string{"x": "y"})},
	}, PipelineRunContext{Name: "run", Namespace: "ns", UID: "uid", Pipeline: "pipe", Workspaces: []string{"bound"}})
}

func TestPipelineTaskParams(t *testing.T) {
	cases := map[string]struct {
		reason   string
		in, want v1.Value
	}{
		"Text":          {"A text without references stays.", v1.StringValue("$(date) $$"), v1.StringValue("$(date) $$")},
		"Param":         {"A value is never read again.", v1.StringValue("<$(params.p)>"), v1.StringValue("<$(tasks.t.results.s)>")},
		"Default":       {"A default may refer to the run.", v1.StringValue("$(params.d)"), v1.StringValue("of run")},
		"Context":       {"The run and the pipeline tell of themselves.", v1.StringValue("$(context.pipelineRun.name) $(context.pipelineRun.namespace) $(context.pipelineRun.uid) $(context.pipeline.name)"), v1.StringValue("run ns uid pipe")},
		"Workspaces":    {"Workspaces are bound or not.", v1.StringValue("$(workspaces.bound.bound) $(workspaces.unbound.bound)"), v1.StringValue("true false")},
		"Result":        {"A result is handed on as it is.", v1.StringValue("$(tasks.t.results.s)"), v1.StringValue("text $(tasks.t.results.l[0])")},
		"ResultInText":  {"Also within a text.", v1.StringValue("a$(tasks.t.results.s)z$(tasks['t'].results['s'])"), v1.StringValue("atext $(tasks.t.results.l[0])ztext $(tasks.t.results.l[0])")},
		"Element":       {"One element is a string.", v1.StringValue("$(tasks.t.results.l[1])"), v1.StringValue("$(params.p)")},
		"Key":           {"One value of an object is a string.", v1.StringValue("$(tasks.t.results.o.k)"), v1.StringValue("v$$")},
		"WholeArray":    {"A whole array keeps its type.", v1.StringValue("$(tasks.t.results.l[*])"), v1.ArrayValue("zero", "$(params.p)")},
		"WholeObject":   {"So does a whole object.", v1.StringValue("$(tasks.t.results.o[*])"), v1.ObjectValue(map[string]string{"k": "v$$"})},
		"ParamArray":    {"So do those of params, with [*].", v1.StringValue("$(params.l[*])"), v1.ArrayValue("a", "b")},
		"ParamBare":     {"And without it, as it has always been.", v1.StringValue("$(params.l)"), v1.ArrayValue("a", "b")},
		"ParamObject":   {"Objects, too.", v1.StringValue("$(params.o[*])"), v1.ObjectValue(map[string]string{"x": "y"})},
		"Array":         {"In an array, a whole array gives all its elements.", v1.ArrayValue("-$(params.p)", "$(tasks.t.results.l[*])", "$(params.l[*])", "$(params.o.x)"), v1.ArrayValue("-$(tasks.t.results.s)", "zero", "$(params.p)", "a", "b", "y")},
		"EmptyArray":    {"An empty array stays one.", v1.ArrayValue(), v1.ArrayValue()},
		"Object":        {"The values of an object are texts.", v1.ObjectValue(map[string]string{"a": "$(params.p)", "$(params.p)": "x"}), v1.ObjectValue(map[string]string{"a": "$(tasks.t.results.s)", "$(params.p)": "x"})},
		"NothingAtAll":  {"A null becomes an empty text.", v1.Value{}, v1.StringValue("")},
		"OnlyLooksLike": {"What is not closed stays.", v1.StringValue("$(tasks.t.results.s"), v1.StringValue("$(tasks.t.results.s")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			params := []v1.Param{{Name: "x", Value: *tc.in.DeepCopy()}}
			got, err := PipelineTaskParams(params, pipelineVariables(), results)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]v1.Param{{Name: "x", Value: tc.want}}, got); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
			if !params[0].Value.Equal(tc.in) {
				t.Errorf("\n%s\nthe pipeline itself was changed: %v", tc.reason, params)
			}
		})
	}
}

func TestPipelineTaskParamsRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     v1.Value
		want   string
	}{
		"Missing":        {"A result that was not produced is named with its task and where it is needed.", v1.StringValue("x$(tasks.t.results.nope)"), `cannot resolve result "nope" of task "t" in params[1].value: the task did not produce it`},
		"MissingElement": {"Also in an array.", v1.ArrayValue("x", "$(tasks.nope.results.s[*])"), `cannot resolve result "s" of task "nope" in params[1].value[1]: the task did not produce it`},
		"BareArray":      {"The way out is told.", v1.StringValue("$(tasks.t.results.l)"), `cannot resolve $(tasks.t.results.l) in params[1].value: result "l" of task "t" is an array: write [*] behind its name for all of it, or [0] for one element`},
		"BareObject":     {"For objects, too.", v1.ObjectValue(map[string]string{"k": "$(tasks.t.results.o)"}), `cannot resolve $(tasks.t.results.o) in params[1].value.k: result "o" of task "t" is an object: write [*] behind its name for all of it, or .<key> for one of its values`},
		"ArrayInText":    {"A text takes no array.", v1.StringValue("x$(tasks.t.results.l[*])"), `cannot resolve $(tasks.t.results.l[*]) in params[1].value: it is an array, and a text takes a string`},
		"ObjectInArray":  {"An array takes no object.", v1.ArrayValue("$(params.o[*])"), `cannot resolve $(params.o[*]) in params[1].value[0]: it is an object, and a text takes a string`},
		"OutOfRange":     {"Arrays are only as long as they are.", v1.StringValue("$(tasks.t.results.l[2])"), `cannot resolve $(tasks.t.results.l[2]) in params[1].value: result "l" of task "t" has 2 elements, counted from 0`},
		"PartOfString":   {"Strings have no parts.", v1.StringValue("$(tasks.t.results.s[*])"), `cannot resolve $(tasks.t.results.s[*]) in params[1].value: result "s" of task "t" is a string, which has no parts`},
		"Status":         {"Variables that are not there are refused.", v1.StringValue("$(tasks.t.status)"), `cannot resolve $(tasks.t.status) in params[1].value: there is no such variable here`},
		"TaskVariable":   {"A task's context does not reach into the pipeline.", v1.StringValue("$(context.taskRun.name)"), `cannot resolve $(context.taskRun.name) in params[1].value: there is no such variable here`},
		"Amplified":      {"A small pipeline cannot ask for a large object.", v1.StringValue(strings.Repeat("$(tasks.big.results.r)", 1000)), `cannot substitute variables in params[1].value: with it, the texts would have 100000000 bytes together, the limit is 8388608`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			lookup := func(task, result string) (v1.Value, bool) {
				if task == "big" {
					return v1.StringValue(strings.Repeat("x", 100_000)), true
				}
				return results(task, result)
			}
			_, err := PipelineTaskParams([]v1.Param{{Name: "x"}, {Name: "y", Value: tc.in}}, pipelineVariables(), lookup)
			if err == nil || err.Error() != tc.want {
				t.Errorf("\n%s\nwant %s\n got %v", tc.reason, tc.want, err)
			}
			var missing *MissingResultError
			if errors.As(err, &missing) != strings.Contains(tc.want, "did not produce") {
				t.Errorf("\n%s\n%T: only a result that is missing is a *MissingResultError", tc.reason, err)
			}
		})
	}
}

func TestPipelineResults(t *testing.T) {
	declared := []v1.PipelineResult{
		{Name: "array", Type: v1.TypeArray, Value: v1.StringValue("$(tasks.t.results.l[*])")},
		{Name: "absent", Value: v1.StringValue("$(tasks.t.results.nope)")},
		{Name: "text", Value: v1.StringValue("is $(tasks.t.results.o.k)")},
	}
	values, missing, err := PipelineResults(declared, pipelineVariables(), results)
	if err != nil {
		t.Fatal(err)
	}
	want := []v1.PipelineRunResult{{Name: "array", Value: v1.ArrayValue("zero", "$(params.p)")}, {Name: "text", Value: v1.StringValue("is v$$")}}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("values: -want, +got:\n%s", diff)
	}
	if diff := cmp.Diff([]*MissingResultError{{Field: "results[1].value", Task: "t", Result: "nope"}}, missing); diff != "" {
		t.Errorf("missing: -want, +got:\n%s", diff)
	}

	declared[0].Type = v1.TypeString
	const mismatch = `cannot use the value of results[0], "array": it is of type array, and the result is declared as string`
	if _, _, err := PipelineResults(declared, pipelineVariables(), results); err == nil || err.Error() != mismatch {
		t.Errorf("a result of another type than declared: want %s, got %v", mismatch, err)
	}
}
