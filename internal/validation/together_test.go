package validation

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// compile is the Task that the pipelines of TestTogether refer to.
const compile = `
params:
- {name: source}
- {name: mode, enum: [debug, release], default: debug}
- {name: flags, type: array, default: []}
- {name: repository, properties: {url: {}, branch: {}}, default: {url: u, branch: main}}
- {name: partial, properties: {url: {}, branch: {}}, default: {branch: main}}
workspaces: [{name: cache}, {name: extra, optional: true}]
results: [{name: digest}, {name: files, type: array}, {name: image, properties: {name: {}, tag: {}}}]
steps: [{name: make, image: i}]
sidecars: [{name: daemon, image: i}]
`

// fitting is what a task gives to compile that needs it, and the workspaces of its pipeline.
const (
	fitting       = `taskRef: {name: compile}, workspaces: [{name: cache, workspace: disk}]`
	fittingParams = `{name: source, value: s}, {name: partial, value: {url: u}}`
	goodTask      = `{name: good, ` + fitting + `, params: [` + fittingParams + `]}`
	matrixTask    = `{name: many, ` + fitting + `, params: [{name: partial, value: {url: u}}],
		matrix: {params: [{name: source, value: [a, b]}]}}`
	declarationsOfPipeline = `
params: [{name: text}, {name: list, type: array}, {name: source}]
workspaces: [{name: disk}, {name: cache}, {name: maybe, optional: true}]
`
)

func TestTogether(t *testing.T) {
	task := func(params string) string {
		return `tasks: [{name: t, ` + fitting + `, params: [` + params + `]}]`
	}
	user := func(params string) string {
		return `tasks: [` + goodTask + `, {name: use, taskRef: {name: other}, params: [` + params + `]}]`
	}
	const noResult = `no result of task good "nope"; there are: digest, files, image`
	cases := map[string]struct {
		reason string
		spec   string
		run    string
		want   []string
		origin string
	}{
		"Fits": {
			reason: "What a Task needs is given, and its results are used as what they are.",
			spec: `tasks: [` + goodTask + `, {name: use, taskRef: {name: other}, params: [
				{name: a, value: $(tasks.good.results.digest)},
				{name: b, value: ["$(tasks.good.results.files[*])", "$(tasks.good.results.image.name)"]},
				{name: c, value: "$(tasks.good.results.image[*])"}]}]`,
		},
		"Unknown": {
			reason: "Nothing is known of another Task.",
			spec: `tasks: [{name: a, taskRef: {name: other}},
				{name: b, taskRef: {name: other}, params: [{name: p, value: $(tasks.a.results.any)}]}]`,
		},
		"MissingParam": {
			reason: "A Task does not see the params of the pipeline.",
			spec:   `tasks: [{name: t, ` + fitting + `, params: [{name: partial, value: {url: u}}]}]`,
			want:   []string{`spec.tasks[0].params: Required value: missing param "source" of type string: declared without a default`},
			origin: OriginParamMissing,
		},
		"MissingKeys": {
			reason: "A default without all keys is no value.",
			spec:   task(`{name: source, value: s}`),
			want:   []string{`spec.tasks[0].params: Required value: object param "partial" lacks the keys: url`},
			origin: OriginParamKeys,
		},
		"GivenKeys": {
			reason: "Keys of a literal and of the default count together.",
			spec:   task(`{name: source, value: s}, {name: partial, value: {tag: t}}`),
			want:   []string{`spec.tasks[0].params[1].value: Required value: object param "partial" lacks the keys: url`},
			origin: OriginParamKeys,
		},
		"TypeOfLiteral": {
			reason: "A literal has its type.",
			spec:   task(fittingParams + `, {name: flags, value: text}`),
			want:   []string{`spec.tasks[0].params[2].value: Invalid value: "string": param "flags" is of type array, not string`},
			origin: OriginParam,
		},
		"TypeOfParam": {
			reason: "So has a param of the pipeline.",
			spec:   task(`{name: source, value: "$(params.list[*])"}, {name: partial, value: {url: u}}`),
			want:   []string{`spec.tasks[0].params[0].value: Invalid value: "array": param "source" is of type string, not array`},
			origin: OriginParam,
		},
		"TypeOfResult": {
			reason: "So has a result of a Task.",
			spec: `tasks: [` + goodTask + `, {name: use, ` + fitting + `, params: [
				{name: source, value: "$(tasks.good.results.files[*])"}, {name: partial, value: {url: u}}]}]`,
			want:   []string{`spec.tasks[1].params[0].value: Invalid value: "array": param "source" is of type string, not array`},
			origin: OriginParam,
		},
		"TypeInEmbeddedTask": {
			reason: "A result of a Task can be wrong for a task that is written out.",
			spec: `tasks: [` + goodTask + `, {name: use, params: [{name: p, value: "$(tasks.good.results.files[*])"}], taskSpec: {
				params: [{name: p, type: string}], steps: [{image: i}]}}]`,
			want: []string{`warning: spec.tasks[1].params[0].value: Invalid value: "array": param "p" is of type string, not array; ` +
				`a run of the pipeline fails`},
		},
		"Enum": {
			reason: "A literal is one of the values that the Task takes.",
			spec:   task(fittingParams + `, {name: mode, value: fast}`),
			want:   []string{`spec.tasks[0].params[2].value: Unsupported value: "fast": supported values: "debug", "release"`},
			origin: OriginParam,
		},
		"EnumLater": {
			reason: "A value with variables is checked when it is known.",
			spec:   task(fittingParams + `, {name: mode, value: $(params.text)}`),
		},
		"Matrix": {
			reason: "A matrix gives strings.",
			spec: `tasks: [{name: t, ` + fitting + `, params: [{name: partial, value: {url: u}}],
				matrix: {params: [{name: source, value: [a, b]}], include: [{params: [{name: flags, value: f}]}]}}]`,
			want:   []string{`spec.tasks[0].matrix: Invalid value: "flags": a matrix gives strings, and the task declares the param as array`},
			origin: OriginMatrixParam,
		},
		"MissingWorkspace": {
			reason: "A Task does not see the workspaces of the pipeline.",
			spec:   `tasks: [{name: t, taskRef: {name: compile}, params: [` + fittingParams + `]}]`,
			want:   []string{`spec.tasks[0].workspaces: Required value: missing workspace "cache": declared by the task and not optional`},
		},
		"OptionalWorkspace": {
			reason: "A run may leave out what the Task needs, and then fails when the task starts.",
			spec:   `tasks: [{name: t, taskRef: {name: compile}, workspaces: [{name: cache, workspace: maybe}], params: [` + fittingParams + `]}]`,
			want: []string{`warning: spec.tasks[0].workspaces: "maybe": workspace "cache" of the task is not optional, and that of the ` +
				`pipeline is: a run that does not bind it fails when the task starts; make both the same`},
		},
		"UnknownResult": {
			reason: "The message lists the results that the Task has.",
			spec:   user(`{name: p, value: "a $(tasks.good.results.nope)"}`),
			want:   []string{`spec.tasks[1].params[0].value: Invalid value: "$(tasks.good.results.nope)": ` + noResult},
			origin: OriginResultReference,
		},
		"UnknownResultInFinally": {
			reason: "Tasks of finally use results, too.",
			spec: `tasks: [` + goodTask + `]` + `
finally: [{name: f, taskRef: {name: other}, when: [{input: $(tasks.good.results.nope), operator: in, values: [a]}]}]`,
			want:   []string{`spec.finally[0].when[0].input: Invalid value: "$(tasks.good.results.nope)": ` + noResult},
			origin: OriginResultReference,
		},
		"UnknownResultOfPipeline": {
			reason: "So do the results of the pipeline.",
			spec: `tasks: [` + goodTask + `]` + `
results: [{name: r, value: $(tasks.good.results.nope)}]`,
			want:   []string{`spec.results[0].value: Invalid value: "$(tasks.good.results.nope)": ` + noResult},
			origin: OriginPipelineResult,
		},
		"TypeOfPipelineResult": {
			reason: "A result of the pipeline has the type that it declares.",
			spec: `tasks: [` + goodTask + `]` + `
results: [{name: r, type: string, value: "$(tasks.good.results.files[*])"}]`,
			want: []string{`spec.results[0].value: Invalid value: "$(tasks.good.results.files[*])": ` +
				`it is of type array, and the result is of type string`},
			origin: OriginPipelineResult,
		},
		"ArrayInText": {
			reason: "A text takes one element.",
			spec:   user(`{name: p, value: "a $(tasks.good.results.files[*])"}`),
			want: []string{`warning: spec.tasks[1].params[0].value: "$(tasks.good.results.files[*])": stays as text: ` +
				`result "files" is an array: use one element, as in $(tasks.good.results.files[0]), ` +
				`or all of it with $(tasks.good.results.files[*]) as a separate element`},
		},
		"UnknownKey": {
			reason: "An object can have more keys than it declares.",
			spec:   user(`{name: p, value: $(tasks.good.results.image.digest)}`),
			want: []string{`warning: spec.tasks[1].params[0].value: "$(tasks.good.results.image.digest)": stays as text: ` +
				`no key of result image "digest"; there are: name, tag`},
		},
		"ArrayOfMatrix": {
			reason: "Results of a matrix are strings.",
			spec: `tasks: [` + matrixTask + `,
				{name: use, taskRef: {name: other}, params: [{name: p, value: ["$(tasks.many.results.files[*])"]}]}]`,
			want: []string{`spec.tasks[1].params[0].value[0]: Invalid value: "$(tasks.many.results.files[*])": task "many" has a matrix: ` +
				`of its results only strings can be used, and "files" is of type array`},
			origin: OriginResultReference,
		},
		"LengthOfUnknownResult": {
			reason: "Only a result that exists can be counted.",
			spec: `tasks: [` + matrixTask + `,
				{name: use, taskRef: {name: other}, params: [{name: p, value: $(tasks.many.matrix.nope.length)}]}]`,
			want: []string{`spec.tasks[1].params[0].value: Invalid value: "$(tasks.many.matrix.nope.length)": ` +
				`no result of task many "nope"; there are: digest, files, image`},
			origin: OriginResultReference,
		},
		"Overrides": {
			reason: "What a run says about containers that a Task does not have has no effect.",
			spec:   `tasks: [` + goodTask + `]`,
			run:    `taskRunSpecs: [{pipelineTaskName: good, stepSpecs: [{name: make}, {name: mack}], sidecarSpecs: [{name: deamon}]}]`,
			want: []string{
				`warning: spec.taskRunSpecs[0].stepSpecs[1].name: "mack": no step "mack"; there are: make; the setting has no effect`,
				`warning: spec.taskRunSpecs[0].sidecarSpecs[0].name: "deamon": no sidecar "deamon"; there are: daemon; ` +
					`the setting has no effect`,
			},
		},
		"FoundBefore": {
			reason: "What the pipeline shows by itself is not reported again.",
			spec: `tasks: [` + matrixTask + `,
				{name: use, taskRef: {name: other}, params: [{name: p, value: $(tasks.many.results.nope)},
					{name: q, value: $(tasks.nobody.results.r)}, {name: r, value: "$(tasks.many.results.x[)"}]}]`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			known := decode[v1.TaskSpec](t, compile)
			DefaultTaskSpec(known)
			spec := decode[v1.PipelineSpec](t, declarationsOfPipeline+tc.spec)
			DefaultPipelineSpec(spec)
			together := Together{Spec: spec, Path: field.NewPath("spec"), Tasks: map[string]*v1.TaskSpec{}}
			for i := range spec.Tasks {
				if ref := spec.Tasks[i].TaskRef; ref != nil && ref.Name == "compile" {
					together.Tasks[spec.Tasks[i].Name] = known
				}
			}
			if tc.run != "" {
				together.Run = &v1.PipelineRun{Spec: *decode[v1.PipelineRunSpec](t, tc.run)}
			}
			found := Check(func(r *Report) { ReportTogether(r, together) })
			if diff := cmp.Diff(tc.want, lines(found)); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
			for _, err := range found.Errors {
				if err.Origin != tc.origin {
					t.Errorf("%s: want origin %q, got %q", err, tc.origin, err.Origin)
				}
			}
		})
	}
}

// TestParamsOfTheRunHaveTypes: a pipeline that is written out in a run sees the params of the run.
func TestParamsOfTheRunHaveTypes(t *testing.T) {
	known := decode[v1.TaskSpec](t, `{params: [{name: p, type: string}], steps: [{image: i}]}`)
	run := decode[v1.PipelineRun](t, `
spec:
  params: [{name: list, value: [a]}]
  pipelineSpec: {tasks: [{name: t, taskRef: {name: t}, params: [{name: p, value: "$(params.list[*])"}]}]}
`)
	together := Together{
		Spec: run.Spec.PipelineSpec, Path: field.NewPath("spec", "pipelineSpec"), Run: run, Tasks: map[string]*v1.TaskSpec{"t": known},
	}
	want := []string{`spec.pipelineSpec.tasks[0].params[0].value: Invalid value: "array": param "p" is of type string, not array`}
	if diff := cmp.Diff(want, messages(Errors(func(r *Report) { ReportTogether(r, together) }))); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

// TestTogetherIsLinear: thousands of tasks can refer to one Task that declares thousands.
func TestTogetherIsLinear(t *testing.T) {
	together := func(n int) Together {
		task, spec := &v1.TaskSpec{}, &v1.PipelineSpec{}
		tasks := map[string]*v1.TaskSpec{}
		run := &v1.PipelineRun{}
		for i := range n {
			name := fmt.Sprintf("n%d", i)
			task.Params = append(task.Params, v1.ParamSpec{Name: name, Type: v1.TypeString, Default: new(v1.StringValue(""))})
			task.Results = append(task.Results, v1.TaskResult{Name: name, Type: v1.TypeString})
			task.Workspaces = append(task.Workspaces, v1.WorkspaceDeclaration{Name: name, Optional: true})
			task.Steps = append(task.Steps, v1.Step{Name: name, Image: "i"})
			spec.Tasks = append(spec.Tasks, v1.PipelineTask{
				Name: name, TaskRef: &v1.TaskRef{Name: "t"},
				Params: []v1.Param{{Name: name, Value: v1.StringValue("$(tasks.n0.results.n0)")}},
			})
			run.Spec.TaskRunSpecs = append(run.Spec.TaskRunSpecs, v1.PipelineTaskRunSpec{
				PipelineTaskName: name, StepSpecs: []v1.TaskRunStepSpec{{Name: name}},
			})
			tasks[name] = task
		}
		return Together{Spec: spec, Tasks: tasks, Run: run}
	}
	type work struct{ steps, allocations, bytes uint64 }
	measured := func(n int) work {
		all := together(n)
		var before, after runtime.MemStats
		r := NewReport(t.Context(), nil)
		runtime.ReadMemStats(&before)
		ReportTogether(r, all)
		runtime.ReadMemStats(&after)
		if errs := r.Errors(); len(errs) > 0 {
			t.Fatal(errs)
		}
		return work{uint64(r.Steps()), after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc}
	}
	const n, most = 200, 6 // four times the elements, and a little more
	small, large := measured(n), measured(4*n)
	if large.steps > most*small.steps || large.allocations > most*small.allocations || large.bytes > most*small.bytes {
		t.Errorf("%+v for four times what took %+v: that is not linear", large, small)
	}
}
