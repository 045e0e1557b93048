package substitute

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestTextOfTheTask: what the author of a pipeline wrote for the task, in a param, reaches the task and is replaced there.
func TestTextOfTheTask(t *testing.T) {
	cases := map[string]struct {
		reason string
		param  v1.Value
		text   string
		want   string
	}{
		"Workspace": {
			reason: "The path of a workspace is known to the task only.",
			param:  v1.StringValue("$(workspaces.bound.path)/list.json"),
			text:   "$(params.x)",
			want:   "/data/list.json",
		},
		"Mixed": {
			reason: "The result beside it is a value, and is not read.",
			param:  v1.StringValue("$(workspaces.bound.path)/$(tasks.t.results.s)/$(context.taskRun.name)"),
			text:   "$(params.x)",
			want:   "/data/text $(tasks.t.results.l[0])/run",
		},
		"ValueThatLooksLikeIt": {
			reason: "A value with the text of a variable of the task arrives as it is, also beside one that is replaced.",
			param:  v1.StringValue("$(workspaces.bound.path) $(params.hostile) $(workspaces.bound.path)"),
			text:   "<$(params.x)>",
			want:   "</data $(workspaces.bound.path) /data>",
		},
		"Joined": {
			reason: "A text and a value that become a variable together are none.",
			param:  v1.StringValue("$$(params.tail)"),
			text:   "$(params.x)",
			want:   "$(workspaces.bound.path)",
		},
		"Element": {
			reason: "In an array, each element by itself, behind one that became several.",
			param:  v1.ArrayValue("$(tasks.t.results.l[*])", "$(params.hostile)", "$(results.r.1.path)"),
			text:   "$(params.x[2]) $(params.x[3])",
			want:   "$(workspaces.bound.path) /tekton/results/r.1",
		},
		"Key": {
			reason: "In an object, each value by itself.",
			param:  v1.ObjectValue(map[string]string{"a": "$(params.hostile)", "b": "$(workspaces.bound.path)"}),
			text:   "$(params.x.a) $(params.x.b)",
			want:   "$(workspaces.bound.path) /data",
		},
		"Unknown": {
			reason: "What the task does not have either stays.",
			param:  v1.StringValue("$(workspaces.nope.path) $(params.nope) $(date)"),
			text:   "$(params.x)",
			want:   "$(workspaces.nope.path) $(params.nope) $(date)",
		},
		"ParamOfTheTask": {
			reason: "A param of the task is not looked for in the value of another.",
			param:  v1.StringValue("$(params.extra)"),
			text:   "$(params.x)",
			want:   "$(params.extra)",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := throughTask(t, tc.param, tc.text); got != tc.want {
				t.Errorf("%s: want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}

// throughTask gives a value to a task of a pipeline, as its param x, and returns what comes of a text of the task.
func throughTask(t rapid.TB, param v1.Value, text string, outside ...v1.Param) string {
	t.Helper()
	vars := pipelineVariables()
	vars.params["hostile"] = v1.StringValue("$(workspaces.bound.path)")
	vars.params["tail"] = v1.StringValue("(workspaces.bound.path)")
	for _, p := range outside {
		vars.params[p.Name] = p.Value
	}
	return throughTaskWith(t, vars, param, text)
}

// throughTaskWith is like throughTask, for a pipeline with these variables.
func throughTaskWith(t rapid.TB, vars Variables, param v1.Value, text string) string {
	t.Helper()
	task, passed, err := PassedOn(&v1.PipelineTask{Params: []v1.Param{{Name: "x", Value: param}}}, vars, tasks{})
	if err != nil {
		t.Fatal(err)
	}
	encoded := passed.Unread(task, nil)
	unread, err := ParseUnread(encoded.String())
	if err != nil {
		t.Fatal(err)
	}
	spec := &v1.TaskSpec{
		Steps:      []v1.Step{{Image: "i", Script: text}},
		Results:    []v1.TaskResult{{Name: "r.1"}},
		Workspaces: []v1.WorkspaceDeclaration{{Name: "bound", MountPath: "/data"}},
	}
	validation.DefaultTaskSpec(spec)
	context := taskContext()
	context.Unread = unread
	out, err := substituted(spec, ForTaskRun(spec, task.Params, context))
	if err != nil {
		t.Fatal(err)
	}
	return out.Steps[0].Script
}

// pipelineWithDefaults returns the variables of a pipeline whose params have defaults with variables of the task. The run gives the
// params outside and object.k.
func pipelineWithDefaults(outside string) Variables {
	const path = "$(workspaces.bound.path)"
	spec := &v1.PipelineSpec{Params: []v1.ParamSpec{
		{Name: "file", Default: new(v1.StringValue("é/$(params.dir)|$(params.outside)|$(context.taskRun.name)"))},
		{Name: "dir", Default: new(v1.StringValue(path + "/x"))},
		{Name: "list", Type: v1.TypeArray, Default: new(v1.ArrayValue("$(params.outside)", "$(results.r.1.path)", "b"))},
		{Name: "object", Type: v1.TypeObject, Default: new(v1.ObjectValue(map[string]string{
			"k": path, "l": "$(params.outside)", "m": "$(context.taskRun.name)",
		}))},
		{Name: "outside"},
	}}
	return ForPipelineRun(spec, []v1.Param{
		{Name: "outside", Value: v1.StringValue(outside)},
		{Name: "object", Value: v1.ObjectValue(map[string]string{"k": outside})},
	}, PipelineRunContext{Name: "run"})
}

// TestTextOfTheTaskInDefaults: what the author of a pipeline wrote for the task in the default of a param reaches the task, and is
// replaced there.
func TestTextOfTheTaskInDefaults(t *testing.T) {
	const outside = "$(workspaces.bound.path)"
	cases := map[string]struct {
		reason string
		param  v1.Value
		text   string
		want   string
	}{
		"Chain": {
			reason: "A default with another default and a value from outside in it.",
			param:  v1.StringValue("$(params.file)"),
			text:   "<$(params.x)>",
			want:   "<é//data/x|" + outside + "|run>",
		},
		"WithinAText": {
			reason: "Places move with the text before them.",
			param:  v1.StringValue("a $(params.dir) $(params.outside) $(params.dir)"),
			text:   "$(params.x)",
			want:   "a /data/x " + outside + " /data/x",
		},
		"Element": {
			reason: "Of an array, the element that is used.",
			param:  v1.StringValue("$(params.list[0]) $(params.list[1])"),
			text:   "$(params.x)",
			want:   outside + " /tekton/results/r.1",
		},
		"WholeArray": {
			reason: "A whole array keeps its elements.",
			param:  v1.StringValue("$(params.list[*])"),
			text:   "$(params.x[0]) $(params.x[1]) $(params.x[2])",
			want:   outside + " /tekton/results/r.1 b",
		},
		"WholeArrayBehindOthers": {
			reason: "Its elements come behind those that are there.",
			param:  v1.ArrayValue("$(params.dir)", "$(params.outside)", "$(params.list[*])"),
			text:   "$(params.x[0]) $(params.x[1]) $(params.x[2]) $(params.x[3])",
			want:   "/data/x " + outside + " " + outside + " /tekton/results/r.1",
		},
		"Keys": {
			reason: "Of an object, the default counts for the keys that the run does not give.",
			param:  v1.StringValue("$(params.object.k) $(params.object.l) $(params.object.m)"),
			text:   "$(params.x)",
			want:   outside + " " + outside + " run",
		},
		"WholeObject": {
			reason: "So it is with a whole object.",
			param:  v1.StringValue("$(params.object[*])"),
			text:   "$(params.x.k) $(params.x.l) $(params.x.m)",
			want:   outside + " " + outside + " run",
		},
		"ValueOfAnObject": {
			reason: "A default as one value of an object.",
			param:  v1.ObjectValue(map[string]string{"k": "<$(params.dir)>"}),
			text:   "$(params.x.k)",
			want:   "</data/x>",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := throughTaskWith(t, pipelineWithDefaults(outside), tc.param, tc.text); got != tc.want {
				t.Errorf("%s: want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}

// TestValuesInDefaultsAreNeverReadAgain: whatever a param from outside holds, it arrives byte for byte also through a default that
// has text for the task beside it.
func TestValuesInDefaultsAreNeverReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		outside := drawLookalike(t, "outside")
		got := throughTaskWith(t, pipelineWithDefaults(outside), v1.StringValue("$(params.outside)$(params.file)"), "[$(params.x)]")
		if want := "[" + outside + "é//data/x|" + outside + "|run]"; got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	})
}

// TestValuesAreNeverReadAgain: whatever a param from outside holds, beside text that the task replaces, it arrives byte for byte.
func TestValuesAreNeverReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		outside := drawLookalike(t, "outside")
		got := throughTask(t, v1.StringValue("$(workspaces.bound.path)|$(params.outside)|$(workspaces.bound.path)"), "[$(params.x)]",
			v1.Param{Name: "outside", Value: v1.StringValue(outside)})
		if want := "[/data|" + outside + "|/data]"; got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	})
}

func drawLookalike(t *rapid.T, name string) string {
	text := ""
	for _, piece := range rapid.SliceOfN(rapid.SampledFrom([]string{
		"$(workspaces.bound.path)", "$(params.x)", "$(params.hostile)", "$(context.taskRun.name)", "$(results.r.1.path)", "$$", "$", "$(",
		"(workspaces.bound.path)", ")", "é", "\n", "x", "$(steps.a.results.b)", "$(tasks.t.results.s)",
	}), 0, 6).Draw(t, name) {
		text += piece
	}
	return text
}

// TestTextOfAUser: a TaskRun that a user made is all the user's text: what its params hold is replaced, but for params.
func TestTextOfAUser(t *testing.T) {
	spec := &v1.TaskSpec{
		Steps:      []v1.Step{{Image: "i", Script: "$(params.x) $(params.l[*])", Args: []string{"$(params.l[*])"}}},
		Workspaces: []v1.WorkspaceDeclaration{{Name: "bound", MountPath: "/data"}},
	}
	validation.DefaultTaskSpec(spec)
	context := taskContext()
	context.Unread = Unread{All: true}
	out, err := substituted(spec, ForTaskRun(spec, []v1.Param{
		{Name: "x", Value: v1.StringValue("$(workspaces.bound.path) $(params.l[0]) $(context.task.name)")},
		{Name: "l", Value: v1.ArrayValue("$(context.taskRun.name)", "b")},
	}, context))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := out.Steps[0].Script, "/data $(params.l[0]) "+context.Task+" $(params.l[*])"; got != want {
		t.Errorf("script: want %q, got %q", want, got)
	}
	if diff := cmp.Diff([]string{context.Name, "b"}, out.Steps[0].Args); diff != "" {
		t.Errorf("args: -want, +got:\n%s", diff)
	}
}

// TestUnreadOfAMatrix: an element of a matrix that is an author's text is read, and one with the same text that is a value is not.
func TestUnreadOfAMatrix(t *testing.T) {
	vars := pipelineVariables()
	vars.params["hostile"] = v1.ArrayValue("$(results.r.path)")
	task, passed, err := PassedOn(&v1.PipelineTask{Matrix: &v1.Matrix{Params: []v1.Param{
		{Name: "m", Value: v1.ArrayValue("a-$(workspaces.w.path)", "$(results.r.path)", "$(params.hostile[*])")},
	}}}, vars, tasks{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a-$(workspaces.w.path)": `{"m":{"":[2]}}`, "$(results.r.path)": ""}
	for element, places := range want {
		unread := passed.Unread(task, []v1.Param{{Name: "m", Value: v1.StringValue(element)}})
		if got := unread.String(); got != places {
			t.Errorf("%q: want %q, got %q", element, places, got)
		}
	}
}

// TestHandedResults: a task that is written out in a pipeline finds results of other tasks, and what it can know of the run, and
// their values are read once.
func TestHandedResults(t *testing.T) {
	spec := v1.TaskSpec{Steps: []v1.Step{{
		Image:  "i",
		Script: "$(tasks.t.results.s)|$(tasks.t.results.l[1])|$(tasks.t.results.o.k)|$(tasks['t'].results['s'])|$(tasks.t.status)",
		Args:   []string{"$(tasks.t.results.l[*])", "$(tasks.t.results.l)", "$(context.pipelineRun.name)/$(context.pipeline.name)"},
		When:   []v1.WhenExpression{{Input: "$(tasks.t.results.l[*])", Operator: v1.WhenIn, Values: []string{"$(tasks.t.results.l[*])"}}},
	}}}
	validation.DefaultTaskSpec(&spec)
	task := &v1.PipelineTask{TaskSpec: &v1.EmbeddedTask{TaskSpec: spec}}
	handed, err := Handed(task, pipelineVariables(), tasks{})
	if err != nil {
		t.Fatal(err)
	}
	context := taskContext()
	context.Handed = true
	out, err := substituted(&spec, ForTaskRun(&spec, handed, context))
	if err != nil {
		t.Fatal(err)
	}
	const s = "text $(tasks.t.results.l[0])"
	step := out.Steps[0]
	if want := s + "|$(params.p)|v$$|" + s + "|$(tasks.t.status)"; step.Script != want {
		t.Errorf("script: want %q, got %q", want, step.Script)
	}
	if diff := cmp.Diff([]string{"zero", "$$(params.p)", "zero", "$$(params.p)", "run/pipe"}, step.Args); diff != "" {
		t.Errorf("args: -want, +got:\n%s", diff)
	}
	want := []v1.WhenExpression{{Input: `["zero","$(params.p)"]`, Operator: v1.WhenIn, Values: []string{"zero", "$(params.p)"}}}
	if diff := cmp.Diff(want, step.When); diff != "" {
		t.Errorf("when: -want, +got:\n%s", diff)
	}
	context.Handed = false
	if out, err = substituted(&spec, ForTaskRun(&spec, handed, context)); err != nil || out.Steps[0].Script != spec.Steps[0].Script {
		t.Errorf("in the TaskRun of a user such params are no results: got %q (%v)", out.Steps[0].Script, err)
	}
}

// TestHandedResultsThatAreNotThere: a result that was not written, or an element that it does not have, is known before the start.
func TestHandedResultsThatAreNotThere(t *testing.T) {
	for text, want := range map[string]string{
		"$(tasks.t.results.nope)": `cannot resolve result "nope" of task "t" in taskSpec.steps[0].script: the task did not produce it`,
		"$(tasks.t.results.l[9])": `cannot resolve $(tasks.t.results.l[9]) in taskSpec.steps[0].script: ` +
			`result "l" of task "t" has 2 elements, counted from 0`,
	} {
		task := &v1.PipelineTask{TaskSpec: &v1.EmbeddedTask{TaskSpec: v1.TaskSpec{Steps: []v1.Step{{Image: "i", Script: text}}}}}
		if _, err := Handed(task, pipelineVariables(), tasks{}); err == nil || err.Error() != want {
			t.Errorf("%s: want %q, got %v", text, want, err)
		}
	}
}

// TestWhenInput: the input of a when expression takes a whole array as compact JSON.
func TestWhenInput(t *testing.T) {
	vars := pipelineVariables()
	vars.params["none"] = v1.ArrayValue()
	for text, want := range map[string]string{
		"$(params.l[*])":          `["a","b"]`,
		"$(params.none[*])":       `[]`,
		"$(tasks.t.results.l[*])": `["zero","$(params.p)"]`,
		"$(tasks.m.results.r[*])": `["1","2"]`,
		"$(params.nope[*])":       "$(params.nope[*])",
	} {
		got, err := When([]v1.WhenExpression{{Input: text, Operator: v1.WhenIn, Values: []string{"x"}}}, vars, tasks{})
		if err != nil || got[0].Input != want {
			t.Errorf("%s: want %s, got %v (%v)", text, want, got, err)
		}
	}
}

// TestNames: a display name sees the params of its combination, and a value in it is not read.
func TestNames(t *testing.T) {
	names := NamesOf(pipelineVariables(), tasks{})
	got, err := names.Of("Build $(params.platform) of $(params.p) with $(tasks.t.results.o.k)", []v1.Param{
		{Name: "platform", Value: v1.StringValue("$(params.p)")},
	})
	if want := "Build $(params.p) of $(tasks.t.results.s) with v$$"; err != nil || got != want {
		t.Errorf("want %q, got %q (%v)", want, got, err)
	}
	for range 100 {
		if _, err = names.Of("$(tasks.t.results.big)", nil); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("want the names of all combinations bounded together")
	}
}
