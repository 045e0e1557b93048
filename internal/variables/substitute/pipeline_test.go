package substitute

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// tasks is a Tasks that knows some results of "t", and that "m" has run three times, producing its result twice.
type tasks struct{}

func (tasks) Combinations(task string) (int, bool) { return 3, task == "m" }

func (tasks) Result(task, result string) (v1.Value, bool) {
	value, ok := map[string]v1.Value{
		"t.s": v1.StringValue("text $(tasks.t.results.l[0])"),
		"t.l": v1.ArrayValue("zero", "$(params.p)"),
		"t.o": v1.ObjectValue(map[string]string{"k": "v$$"}),
		"t.n": v1.StringValue("0.95"),
		"t.q": v1.StringValue("a'b\"c\\d\n"),
		"m.r": v1.ArrayValue("1", "2"),
		// As large as can be, when it is used often enough.
		"t.big": v1.StringValue(strings.Repeat("x", 100_000)),
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

func TestPipelineTaskValues(t *testing.T) {
	cases := map[string]struct {
		reason   string
		in, want v1.Value
	}{
		"Text": {
			reason: "A text without references stays.",
			in:     v1.StringValue("$(date) $$"),
			want:   v1.StringValue("$(date) $$"),
		},
		"Param": {
			reason: "A value is never read again.",
			in:     v1.StringValue("<$(params.p)>"),
			want:   v1.StringValue("<$(tasks.t.results.s)>"),
		},
		"Default": {
			reason: "A default may refer to the run.",
			in:     v1.StringValue("$(params.d)"),
			want:   v1.StringValue("of run"),
		},
		"Context": {
			reason: "The run and the pipeline tell of themselves.",
			in: v1.StringValue("$(context.pipelineRun.name) $(context.pipelineRun.namespace) " +
				"$(context.pipelineRun.uid) $(context.pipeline.name)"),
			want: v1.StringValue("run ns uid pipe"),
		},
		"Workspaces": {
			reason: "Workspaces are bound or not.",
			in:     v1.StringValue("$(workspaces.bound.bound) $(workspaces.unbound.bound)"),
			want:   v1.StringValue("true false"),
		},
		"Result": {
			reason: "A result is handed on as it is.",
			in:     v1.StringValue("$(tasks.t.results.s)"),
			want:   v1.StringValue("text $(tasks.t.results.l[0])"),
		},
		"ResultInText": {
			reason: "Also within a text.",
			in:     v1.StringValue("a$(tasks.t.results.s)z$(tasks['t'].results['s'])"),
			want:   v1.StringValue("atext $(tasks.t.results.l[0])ztext $(tasks.t.results.l[0])"),
		},
		"Element": {
			reason: "One element is a string.",
			in:     v1.StringValue("$(tasks.t.results.l[1])"),
			want:   v1.StringValue("$(params.p)"),
		},
		"Key": {
			reason: "One value of an object is a string.",
			in:     v1.StringValue("$(tasks.t.results.o.k)"),
			want:   v1.StringValue("v$$"),
		},
		"WholeArray": {
			reason: "A whole array keeps its type.",
			in:     v1.StringValue("$(tasks.t.results.l[*])"),
			want:   v1.ArrayValue("zero", "$(params.p)"),
		},
		"WholeObject": {
			reason: "So does a whole object.",
			in:     v1.StringValue("$(tasks.t.results.o[*])"),
			want:   v1.ObjectValue(map[string]string{"k": "v$$"}),
		},
		"ParamArray": {
			reason: "So do those of params, with [*].",
			in:     v1.StringValue("$(params.l[*])"),
			want:   v1.ArrayValue("a", "b"),
		},
		"ParamBare": {
			reason: "And without it, as it has always been.",
			in:     v1.StringValue("$(params.l)"),
			want:   v1.ArrayValue("a", "b"),
		},
		"ParamObject": {
			reason: "Objects, too.",
			in:     v1.StringValue("$(params.o[*])"),
			want:   v1.ObjectValue(map[string]string{"x": "y"}),
		},
		"Array": {
			reason: "In an array, a whole array gives all its elements.",
			in:     v1.ArrayValue("-$(params.p)", "$(tasks.t.results.l[*])", "$(params.l[*])", "$(params.o.x)"),
			want:   v1.ArrayValue("-$(tasks.t.results.s)", "zero", "$(params.p)", "a", "b", "y"),
		},
		"BareArray": {
			reason: "A whole array may be written without [*].",
			in:     v1.StringValue("$(tasks.t.results.l)"),
			want:   v1.ArrayValue("zero", "$(params.p)"),
		},
		"BareObject": {
			reason: "So may a whole object.",
			in:     v1.StringValue("$(tasks.t.results.o)"),
			want:   v1.ObjectValue(map[string]string{"k": "v$$"}),
		},
		"BareInArray": {
			reason: "In an array, too, it gives all its elements.",
			in:     v1.ArrayValue("$(tasks.t.results.l)", "$(params.l)"),
			want:   v1.ArrayValue("zero", "$(params.p)", "a", "b"),
		},
		"ForTheTask": {
			reason: "What the task itself has is passed on to it.",
			in:     v1.StringValue("$(workspaces.data.path)/$(params.o.x) $(context.taskRun.name) $(results.r.path)"),
			want:   v1.StringValue("$(workspaces.data.path)/y $(context.taskRun.name) $(results.r.path)"),
		},
		"Unknown": {
			reason: "What nothing has stays as text.",
			in:     v1.ArrayValue("$(params.nope)", "$(context.other)", "$(hostname)", "$(tasks.t.status)", "$(params.o[*])", "$(params.p[)"),
			want:   v1.ArrayValue("$(params.nope)", "$(context.other)", "$(hostname)", "$(tasks.t.status)", "$(params.o[*])", "$(params.p[)"),
		},
		"WholeInText": {
			reason: "A whole array or object within a longer text stays, with and without [*], beside values.",
			in: v1.ArrayValue("x$(tasks.t.results.l[*])$(tasks.t.results.o.k)", "$(tasks.t.results.o)", "$(tasks.t.results.l) $(params.l) x",
				"$(tasks.t.results.o[*])-$(tasks.t.results.l[0])"),
			want: v1.ArrayValue("x$(tasks.t.results.l[*])v$$", "$(tasks.t.results.o)", "$(tasks.t.results.l) $(params.l) x",
				"$(tasks.t.results.o[*])-zero"),
		},
		"WholeInObject": {
			reason: "The values of an object are texts.",
			in:     v1.ObjectValue(map[string]string{"k": "$(tasks.t.results.o)", "l": "$(tasks.t.results.l[*])"}),
			want:   v1.ObjectValue(map[string]string{"k": "$(tasks.t.results.o)", "l": "$(tasks.t.results.l[*])"}),
		},
		"NoSuchPart": {
			reason: "A part that a result does not have stays as text.",
			in:     v1.ArrayValue("$(tasks.t.results.s[*])", "$(tasks.t.results.s[0]) $(tasks.t.results.o.z)", "$(tasks.t.results.l.k)"),
			want:   v1.ArrayValue("$(tasks.t.results.s[*])", "$(tasks.t.results.s[0]) $(tasks.t.results.o.z)", "$(tasks.t.results.l.k)"),
		},
		"FanIn": {
			reason: "The results of a matrix come together.",
			in:     v1.StringValue("$(tasks.m.results.r[*])"),
			want:   v1.ArrayValue("1", "2"),
		},
		"Lengths": {
			reason: "So does how often it ran, and how often it produced one.",
			in:     v1.StringValue("$(tasks.m.matrix.length) $(tasks.m.matrix.r.length)"),
			want:   v1.StringValue("3 2"),
		},
		"EmptyArray": {
			reason: "An empty array stays one.",
			in:     v1.ArrayValue(),
			want:   v1.ArrayValue(),
		},
		"Object": {
			reason: "The values of an object are texts.",
			in:     v1.ObjectValue(map[string]string{"a": "$(params.p)", "$(params.p)": "x"}),
			want:   v1.ObjectValue(map[string]string{"a": "$(tasks.t.results.s)", "$(params.p)": "x"}),
		},
		"NothingAtAll": {
			reason: "A null becomes an empty text.",
			want:   v1.StringValue(""),
		},
		"OnlyLooksLike": {
			reason: "What is not closed stays.",
			in:     v1.StringValue("$(tasks.t.results.s"),
			want:   v1.StringValue("$(tasks.t.results.s"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			params := []v1.Param{{Name: "x", Value: *tc.in.DeepCopy()}}
			got, err := PipelineTask(&v1.PipelineTask{Params: params}, pipelineVariables(), tasks{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]v1.Param{{Name: "x", Value: tc.want}}, got.Params); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
			if !params[0].Value.Equal(tc.in) {
				t.Errorf("\n%s\nthe pipeline itself was changed: %v", tc.reason, params)
			}
		})
	}
}

func TestPipelineTaskRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     v1.Value
		want   string
	}{
		"Missing": {
			reason: "A result that was not produced is named with its task and where it is needed.",
			in:     v1.StringValue("x$(tasks.t.results.nope)"),
			want:   `cannot resolve result "nope" of task "t" in params[1].value: the task did not produce it`,
		},
		"MissingElement": {
			reason: "Also in an array.",
			in:     v1.ArrayValue("x", "$(tasks.nope.results.s[*])"),
			want:   `cannot resolve result "s" of task "nope" in params[1].value[1]: the task did not produce it`,
		},
		"OutOfRange": {
			reason: "Arrays are only as long as they are.",
			in:     v1.StringValue("$(tasks.t.results.l[2])"),
			want:   `cannot resolve $(tasks.t.results.l[2]) in params[1].value: result "l" of task "t" has 2 elements, counted from 0`,
		},
		"NoMatrix": {
			reason: "The size of a matrix that did not run is missing, too.",
			in:     v1.StringValue("$(tasks.t.matrix.length)"),
			want:   `cannot determine in params[1].value how often task "t" ran: it did not run`,
		},
		"Amplified": {
			reason: "A small pipeline cannot ask for a large object.",
			in:     v1.StringValue(strings.Repeat("$(tasks.t.results.big)", 1000)),
			want:   `cannot substitute variables in params[1].value: with it, the texts would have 100000000 bytes together, the limit is 8388608`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			task := &v1.PipelineTask{Params: []v1.Param{{Name: "x"}, {Name: "y", Value: tc.in}}}
			_, err := PipelineTask(task, pipelineVariables(), tasks{})
			if err == nil || err.Error() != tc.want {
				t.Errorf("\n%s\nwant %s\n got %v", tc.reason, tc.want, err)
			}
			var missing *MissingResultError
			if errors.As(err, &missing) != strings.Contains(tc.want, "did not ") {
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
	values, absent, err := PipelineResults(declared, pipelineVariables(), tasks{})
	if err != nil {
		t.Fatal(err)
	}
	want := []v1.PipelineRunResult{
		{Name: "array", Value: v1.ArrayValue("zero", "$(params.p)")},
		{Name: "text", Value: v1.StringValue("is v$$")},
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("values: -want, +got:\n%s", diff)
	}
	if diff := cmp.Diff([]AbsentResult{{Name: "absent", Task: "t", Result: "nope"}}, absent); diff != "" {
		t.Errorf("absent: -want, +got:\n%s", diff)
	}

	declared[0].Type = v1.TypeString
	const mismatch = `cannot use the value of results[0], "array": it is of type array, and the result is declared as string`
	if _, _, err := PipelineResults(declared, pipelineVariables(), tasks{}); err == nil || err.Error() != mismatch {
		t.Errorf("a result of another type than declared: want %s, got %v", mismatch, err)
	}
}

// TestPipelineResultsAreWhole: the text of a variable never becomes a result of the pipeline.
func TestPipelineResultsAreWhole(t *testing.T) {
	for text, want := range map[string]string{
		"x $(tasks.t.results.l[*])": `cannot resolve $(tasks.t.results.l[*]) in results[0].value: it is an array, and a text needs a string`,
		"$(tasks.t.results.o) x":    `cannot resolve $(tasks.t.results.o) in results[0].value: it is an object, and a text needs a string`,
		"$(tasks.t.results.o.z)":    `cannot resolve $(tasks.t.results.o.z) in results[0].value: result "o" of task "t" has no key "z"`,
		"$(tasks.t.results.s[*])": `cannot resolve $(tasks.t.results.s[*]) in results[0].value: ` +
			`result "s" of task "t" is a string, which has no parts`,
	} {
		declared := []v1.PipelineResult{{Name: "r", Value: v1.StringValue(text)}}
		if _, _, err := PipelineResults(declared, pipelineVariables(), tasks{}); err == nil || err.Error() != want {
			t.Errorf("%s: want %q, got %v", text, want, err)
		}
	}
}

// Every field of the task where variables may stand is substituted, and the pipeline itself stays as it is.
func TestPipelineTaskReachesEveryField(t *testing.T) {
	const in, out = "$(tasks.t.results.o.k)", "v$$"
	task := func(text string, whole v1.Value) *v1.PipelineTask {
		return &v1.PipelineTask{
			Name: "x", DisplayName: "$(params.p)", OnError: v1.OnError(text),
			TaskRef: &v1.TaskRef{Name: text, ResolverRef: v1.ResolverRef{Params: []v1.Param{{Name: "p", Value: v1.StringValue(text)}}}},
			Params:  []v1.Param{{Name: "p", Value: v1.StringValue(text)}},
			Matrix: &v1.Matrix{
				Params:  []v1.Param{{Name: "m", Value: whole}},
				Include: []v1.MatrixInclude{{Name: "i", Params: []v1.Param{{Name: "n", Value: v1.StringValue(text)}}}},
			},
			Workspaces: []v1.WorkspacePipelineTaskBinding{{Name: "w", SubPath: text}},
		}
	}
	original := task(in, v1.StringValue("$(tasks.t.results.l[*])"))
	original.When = []v1.WhenExpression{{Input: in}}
	before := original.DeepCopy()
	got, err := PipelineTask(original, pipelineVariables(), tasks{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(task(out, v1.ArrayValue("zero", "$(params.p)")), got); diff != "" {
		t.Errorf("PipelineTask: -want, +got:\n%s", diff)
	}
	if diff := cmp.Diff(before, original); diff != "" {
		t.Errorf("the pipeline has changed: -before, +after:\n%s", diff)
	}
}

func TestWithComesFirst(t *testing.T) {
	vars := pipelineVariables()
	vars = vars.With(map[string]string{"context.pipelineTask.retries": "3", "tasks.t.status": "Succeeded", "context.pipeline.name": "other"})
	vars = vars.Add("context.pipelineTask.retries", "7")
	const text = "$(context.pipelineTask.retries) $(tasks.t.status) $(context.pipeline.name) $(context.pipelineRun.name)"
	got, err := NamesOf(vars, tasks{}).Of(text, nil)
	if err != nil || got != "7 Succeeded other run" {
		t.Errorf("want %q, got %q (%v)", "7 Succeeded other run", got, err)
	}
	got, err = NamesOf(pipelineVariables(), tasks{}).Of(text, nil)
	if want := "$(context.pipelineTask.retries) $(tasks.t.status) pipe run"; err != nil || got != want {
		t.Errorf("variables that were not given must stay: want %q, got %q (%v)", want, got, err)
	}
}

func TestBindings(t *testing.T) {
	bound := []v1.WorkspaceBinding{
		{
			Name:                  "a",
			SubPath:               "$(context.pipelineRun.name)/x",
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim-$(params.o.x)"},
		},
		{Name: "b", ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "$(params.d)"}}},
	}
	got, err := Bindings(field.NewPath("spec", "workspaces"), bound, pipelineVariables())
	if err != nil {
		t.Fatal(err)
	}
	if got[0].SubPath != "run/x" || got[0].PersistentVolumeClaim.ClaimName != "claim-y" || got[1].ConfigMap.Name != "of run" {
		t.Errorf("Bindings: got %+v", got)
	}
	if bound[0].PersistentVolumeClaim.ClaimName != "claim-$(params.o.x)" {
		t.Error("the run itself was changed")
	}
	bound[0].SubPath = "$(tasks.t.results.s)"
	got, err = Bindings(field.NewPath("spec", "workspaces"), bound, pipelineVariables())
	if err != nil || got[0].SubPath != bound[0].SubPath {
		t.Errorf("a result that is not known yet must stay: got %q (%v)", got[0].SubPath, err)
	}
	with, err := BindingWithResults(field.NewPath("spec", "workspaces").Index(0), &bound[0], pipelineVariables(), tasks{})
	if err != nil || with.SubPath != "text $(tasks.t.results.l[0])" || with.PersistentVolumeClaim.ClaimName != "claim-y" {
		t.Errorf("BindingWithResults: got %+v (%v)", with, err)
	}
	bound[0].SubPath = "$(tasks.t.results.nope)"
	_, err = BindingWithResults(field.NewPath("spec", "workspaces").Index(0), &bound[0], pipelineVariables(), tasks{})
	if _, missing := errors.AsType[*MissingResultError](err); !missing {
		t.Errorf("want a *MissingResultError, got %v", err)
	}
}

func TestPodTemplate(t *testing.T) {
	template := &v1.PodTemplate{
		NodeSelector:    map[string]string{"arch": "$(params.o.x)"},
		Tolerations:     []corev1.Toleration{{Key: "k", Value: `$(params["d"])`}, {Key: "$(params.own)"}},
		Env:             []corev1.EnvVar{{Name: "A", Value: "$(HOME) $(params.p)"}},
		SecurityContext: &corev1.PodSecurityContext{RunAsUser: new(int64(9007199254740993))},
	}
	params := []v1.Param{{Name: "own", Value: v1.StringValue("nearer")}}
	got, err := PodTemplate(field.NewPath("podTemplate"), template, pipelineVariables(), params...)
	if err != nil {
		t.Fatal(err)
	}
	want := template.DeepCopy()
	want.NodeSelector["arch"] = "y"
	want.Tolerations[0].Value, want.Tolerations[1].Key = "of run", "nearer"
	want.Env[0].Value = "$(HOME) $$(tasks.t.results.s)"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("PodTemplate: -want, +got:\n%s", diff)
	}
	template.NodeSelector["arch"] = "$(params.nope)"
	got, err = PodTemplate(field.NewPath("podTemplate"), template, pipelineVariables())
	if err != nil || got.NodeSelector["arch"] != "$(params.nope)" {
		t.Errorf("PodTemplate: want a param that is not there left as text, got %v (%v)", got, err)
	}
}
