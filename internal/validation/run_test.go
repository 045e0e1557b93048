package validation

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

func TestTaskRunValidate(t *testing.T) {
	cases := map[string]struct {
		reason, run string
		want        []string
	}{
		"Reference": {
			reason: "A run of a Task with what it needs is valid.",
			run: `
spec:
  taskRef: {name: build, kind: Task, apiVersion: tekton.dev/v1beta1}
  params: [{name: p, value: x}]
  workspaces: [{name: a, emptyDir: {}}, {name: b, configMap: {name: c}}]
  serviceAccountName: builder
  timeout: 0s
`,
		},
		"Propagated": {
			reason: "A task that is written out sees the run's params, with their types.",
			run: `
spec:
  params: [{name: s, value: x}, {name: l, value: [x]}]
  taskSpec:
    steps: [{image: "$(params.s)", command: ["$(params.l[*])", "$(params.s)"], args: ["-$(params.l)", "$(params.other)"]}]
`,
			want: []string{
				`warning: spec.taskSpec.steps[0].args[0]: "$(params.l)": stays as text: param "l" is an array: use one ` +
					`element, as in $(params.l[0]), or all of it with $(params.l[*]) as a separate element`,
				`warning: spec.taskSpec.steps[0].args[1]: "$(params.other)": stays as text: no param "other"; there are: l, s`,
			},
		},
		"Neither": {
			reason: "There must be something to run.",
			run:    `spec: {}`,
			want:   []string{`spec.taskRef: Required value: give taskRef or taskSpec`},
		},
		"Both": {
			reason: "There must not be two things to run.",
			run: `
spec: {taskRef: {name: a}, taskSpec: {steps: [{image: i, script: x}]}}`,
			want: []string{`spec.taskRef: Forbidden: give either taskRef or taskSpec, not both`},
		},
		"Wrong": {
			reason: "Each field is named with its value.",
			run: `
spec:
  taskRef: {name: A_b, kind: ClusterTask, apiVersion: apps/v1}
  params: [{name: p, value: x}, {name: P, value: y}, {name: "a b", value: z}]
  workspaces: [{name: a}, {name: a, emptyDir: {}, configMap: {name: x}}, {name: b, configMap: {}}]
  serviceAccountName: A
  timeout: -1s
`,
			want: []string{
				`spec.taskRef.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower ` +
					`case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric ` +
					`character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
				`spec.taskRef.kind: Unsupported value: "ClusterTask": supported values: "Task"`,
				`spec.taskRef.apiVersion: Invalid value: "apps/v1": must be of the group tekton.dev, as in tekton.dev/v1`,
				`spec.params[1].name: Duplicate value: "P"`,
				`spec.params[2].name: Invalid value: "a b": a name must consist of letters, digits, '-', '_' and '.', and begin with a letter or '_'`,
				`spec.workspaces[0]: Required value: give one of emptyDir, persistentVolumeClaim, ` +
					`volumeClaimTemplate, configMap, secret, projected and csi`,
				`spec.workspaces[1].name: Duplicate value: "a"`,
				`spec.workspaces[1]: Forbidden: give exactly one source, not emptyDir and configMap`,
				`spec.workspaces[2].configMap.name: Required value: name the ConfigMap`,
				`spec.serviceAccountName: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower ` +
					`case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric ` +
					`character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
				`spec.timeout: Invalid value: "-1s": must be 0, for none, or longer`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, lines(Check(func(r *Report) { ReportTaskRun(r, decode[v1.TaskRun](t, tc.run)) }))); diff != "" {
				t.Errorf("\n%s\nValidate: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

const twoTasks = `
- name: a
  taskSpec:
    results: [{name: s}, {name: l, type: array}, {name: o, properties: {k: {}}}]
    steps: [{image: i, script: x}]
- name: b
  taskRef: {name: t}
`

func TestPipelineSpecValidate(t *testing.T) {
	cases := map[string]struct {
		reason, spec string
		want         []string
	}{
		"Good": {
			reason: "A pipeline with one of everything is valid.",
			spec: `
params: [{name: p}, {name: l, type: array}, {name: o, properties: {k: {}}}]
workspaces: [{name: w}, {name: x, optional: true}]
results:
- {name: r, value: "$(tasks.a.results.s) of $(tasks.b.results.any[*])"}
- {name: m, type: object, value: {k: "$(tasks.a.results.o.k)"}}
tasks:` + twoTasks + `
- name: c
  runAfter: [b]
  workspaces: [{name: w}, {name: other, workspace: x}]
  params:
  - {name: own, value: "$(params.p) $(context.pipelineRun.name) $(workspaces.x.bound) $(tasks.a.results.l[0]) $(date)"}
  - {name: list, value: ["$(tasks.a.results.l[*])", "$(params.l[*])", "$(params.o.k)"]}
  - {name: object, value: "$(tasks.a.results.o[*])"}
  - {name: wholeParam, value: "$(params.o[*])"}
  taskSpec:
    params: [{name: own}, {name: p}]
    steps: [{image: i, script: "$(params.own) $(params.p)", args: ["$(params.list[*])", "$(params.l[*])", "$(params.object.k)"]}]
`,
		},
		"NoField": {
			reason: "A pipeline with nothing in it is refused, as in Tekton.",
			spec:   `{params: [], tasks: []}`,
			want:   []string{`spec.tasks: Required value: a pipeline needs at least one field, and at least one task to do something`},
		},
		"OnlyFinally": {
			reason: "So are tasks of finally without others.",
			spec:   `{finally: [{name: a, taskRef: {name: a}}]}`,
			want:   []string{`spec.tasks: Required value: tasks of finally need at least one task that ends before them`},
		},
		"Names": {
			reason: "Names of tasks are labels, and tell tasks apart.",
			spec: `
params: [{name: p, default: [x], type: string}]
workspaces: [{name: w}, {name: w}]
results: [{name: r, value: x}, {name: r, value: x, type: number}, {name: "-"}]
tasks:
- {name: A, taskRef: {name: t}}
- {name: b, taskRef: {name: t}}
- {name: b, taskRef: {name: t, kind: CustomTask}}
- {name: c}
- {name: d, taskRef: {}, params: [{name: x, value: y}, {name: x, value: z}]}
`,
			want: []string{
				`spec.params[0].default: Invalid value: "array": param "p" is of type string, not array`,
				`spec.workspaces[1].name: Duplicate value: "w"`,
				`spec.tasks[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case ` +
					`alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. ` +
					`'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
				`spec.tasks[2].name: Duplicate value: "b"`,
				`spec.tasks[2].taskRef.kind: Unsupported value: "CustomTask": supported values: "Task"`,
				`spec.tasks[3].taskRef: Required value: give taskRef or taskSpec`,
				`spec.tasks[4].taskRef.name: Required value: name the object to refer to`,
				`spec.tasks[4].params[1].name: Duplicate value: "x"`,
				`spec.results[1].type: Unsupported value: "number": supported values: "string", "array", "object"`,
				`spec.results[2].name: Invalid value: "-": a name must consist of letters, digits, '-', '_' and ` +
					`'.', and begin and end with a letter or a digit`,
				`spec.results[2].value: Required value: say which results it is made of, as in $(tasks.<task>.results.<result>)`,
				`warning: spec.results[1].name: "r": declared twice: the last declaration counts`,
			},
		},
		"References": {
			reason: "What the pipeline itself shows to be wrong is found before a run is.",
			spec: `
params: [{name: l, type: array}, {name: o, properties: {k: {}}}]
results: [{name: r, value: "$(tasks.nope.results.x)"}]
tasks:` + twoTasks + `
- name: c
  runAfter: [a, nope]
  taskRef: {name: t}
  workspaces: [{name: w}]
  params:
  - {name: unknownTask, value: "$(tasks.nope.results.x)"}
  - {name: unknownResult, value: ["x", "$(tasks.a.results.x)"]}
  - {name: bareArray, value: "$(tasks.a.results.l)"}
  - {name: bareObject, value: "$(tasks.a.results.o)"}
  - {name: wholeInText, value: "-$(tasks.a.results.l[*])"}
  - {name: objectInArray, value: ["$(tasks.a.results.o[*])"]}
  - {name: noKey, value: {k: "$(tasks.a.results.o.x)"}}
  - {name: partOfString, value: "$(tasks.a.results.s[0])"}
  - {name: status, value: "$(tasks.a.status)"}
  - {name: param, value: "$(params.nope) $(params.l) $(params.o.x) $(params['x)"}
  - {name: other, value: "$(workspaces.w.path) $(workspaces.w.bound) $(context.taskRun.name) $(results.r.path)"}
- name: d
  taskSpec:
    params: [{name: needed, type: array}]
    steps: [{image: i, script: "$(params.nope) $(workspaces.w.path)"}]
`,
			want: []string{
				`spec.tasks[2].params[0].value: Invalid value: "$(tasks.nope.results.x)": no task "nope"; there are: a, b, c, d`,
				`spec.tasks[2].params[1].value[1]: Invalid value: "$(tasks.a.results.x)": no result of task a "x"; there are: l, o, s`,
				`spec.tasks[2].params[8].value: Invalid value: "$(tasks.a.status)": how tasks ended is known in tasks of finally only`,
				`spec.tasks[2].params[9].value: Invalid value: "$(params.nope)": no param "nope"; there are: l, o`,
				`spec.tasks[2].params[9].value: Invalid value: "$(params.l)": param "l" is an array: use one ` +
					`element, as in $(params.l[0]), or all of it with $(params.l[*]) as a separate element`,
				`spec.tasks[2].params[9].value: Invalid value: "$(params.o.x)": no key of param o "x"; there are: k`,
				`spec.tasks[2].runAfter[1]: Invalid value: "nope": no task "nope"; there are: a, b, c, d`,
				`spec.tasks[2].workspaces[0].workspace: Invalid value: "w": no workspace of the pipeline "w"; there are: none`,
				`spec.tasks[3].taskSpec.steps[0].script: Invalid value: "$(params.nope)": no param "nope"; there are: l, needed, o`,
				`spec.results[0].value: Invalid value: "$(tasks.nope.results.x)": no task "nope"; there are: a, b, c, d`,
				`warning: spec.tasks[2].params[4].value: "$(tasks.a.results.l[*])": stays as text: result "l" is an array: ` +
					`use one element, as in $(tasks.a.results.l[0]), or all of it with $(tasks.a.results.l[*]) as a separate element`,
				`warning: spec.tasks[2].params[5].value[0]: "$(tasks.a.results.o[*])": stays as text: result "o" is an ` +
					`object: use one of its keys, as in $(tasks.a.results.o.<key>)`,
				`warning: spec.tasks[2].params[6].value.k: "$(tasks.a.results.o.x)": stays as text: no key of result o "x"; there are: k`,
				`warning: spec.tasks[2].params[7].value: "$(tasks.a.results.s[0])": stays as text: result "s" is a string: ` +
					`use it as $(tasks.a.results.s)`,
				`warning: spec.tasks[3].taskSpec.steps[0].script: "$(workspaces.w.path)": stays as text: no workspace "w"; there are: none`,
				`warning: spec.tasks[3].params: Required value: missing param "needed" of type array: declared without a default; ` +
					`a run of the pipeline fails`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := decode[v1.PipelineSpec](t, tc.spec)
			if diff := cmp.Diff(tc.want, lines(Check(func(r *Report) { reportPipelineSpec(r, spec, field.NewPath("spec")) }))); diff != "" {
				t.Errorf("\n%s\nValidate: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPipelineRunValidate(t *testing.T) {
	cases := map[string]struct {
		reason, run string
		want        []string
	}{
		"Reference": {
			reason: "A run of a Pipeline is valid.",
			run:    `spec: {pipelineRef: {name: p}, taskRunTemplate: {serviceAccountName: sa}}`,
		},
		"Neither": {
			reason: "There must be something to run.",
			run:    `spec: {}`,
			want:   []string{`spec.pipelineRef: Required value: give pipelineRef or pipelineSpec`},
		},
		"Propagated": {
			reason: "A pipeline that is written out, and its tasks, see the run's params.",
			run: `
spec:
  params: [{name: p, value: x}]
  pipelineSpec:
    tasks:
    - {name: a, taskRef: {name: t}, params: [{name: q, value: "$(params.p)"}]}
    - {name: b, taskSpec: {steps: [{image: i, script: "$(params.p)"}]}}
`,
		},
		"Wrong": {
			reason: "Each field is named with its value.",
			run: `
spec:
  pipelineRef: {name: "", apiVersion: v1}
  pipelineSpec: {}
  params: [{name: "", value: x}]
  workspaces: [{name: w}]
  taskRunTemplate: {serviceAccountName: "s a"}
`,
			want: []string{
				`spec.pipelineRef: Forbidden: give either pipelineRef or pipelineSpec, not both`,
				`spec.pipelineRef.name: Required value: name the object to refer to`,
				`spec.pipelineRef.apiVersion: Invalid value: "v1": must be of the group tekton.dev, as in tekton.dev/v1`,
				`spec.pipelineSpec.tasks: Required value: a pipeline needs at least one field, and at least one task to do something`,
				`spec.params[0].name: Required value: every one needs a name`,
				`spec.workspaces[0]: Required value: give one of emptyDir, persistentVolumeClaim, ` +
					`volumeClaimTemplate, configMap, secret, projected and csi`,
				`spec.taskRunTemplate.serviceAccountName: Invalid value: "s a": a lowercase RFC 1123 subdomain ` +
					`must consist of lower case alphanumeric characters, '-' or '.', and must start and end with ` +
					`an alphanumeric character (e.g. 'example.com', regex used for validation is ` +
					`'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, messages(PipelineRun(decode[v1.PipelineRun](t, tc.run)))); diff != "" {
				t.Errorf("\n%s\nValidate: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// Whatever the API server lets through, validation and defaults answer; they never panic.
func FuzzValidate(f *testing.F) {
	f.Add([]byte(`{"spec":{"params":[{"name":"p","value":{"a":"$(params.p[*])"}}],` +
		`"taskSpec":{"steps":[{"image":"$(params.","volumeMounts":[{"mountPath":"/"}]}]}}}`))
	f.Add([]byte(`{"spec":{"taskRef":null,"workspaces":[{"name":"w"}],"pipelineSpec":{"tasks":[{"name":"a",` +
		`"params":[{"value":["$(tasks.a.results.b[0])"]}]}],"results":[{"value":"$(tasks..)"}]}}}`))
	f.Add([]byte(`{"spec":{"params":[{"name":"x","default":null,"properties":{"":{}}}],"steps":[{}],` +
		`"sidecars":[{}],"volumes":[{"csi":{"volumeAttributes":{"a":"$(params['x'])"}}}]}}`))
	f.Add([]byte(`{"spec":{"steps":[{"results":[{}],"when":[{}],"ref":{"params":[{}]},"timeout":"1h"},` +
		`{"script":"$(steps..results)$(step.results.x.path)","stdoutConfig":{}}],"stepTemplate":{},"results":[{"value":"$(params[0])"}]}}`))
	f.Add([]byte(`{"spec":{"tasks":[{"matrix":{"params":[{"name":"m","value":"$(tasks[0])"}],"include":[{}]},` +
		`"taskSpec":{"params":[{"name":"m"}],"steps":[]},"params":[{"name":"m","value":"$(params[0])"}]}],` +
		`"finally":[{}],"taskRunSpecs":[{}],"results":[{"value":"$(params[*])"}]}}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		fuzzRuns(data)
		var task v1.Task
		if json.Unmarshal(data, &task) == nil {
			Task(&task)
			DefaultTask(&task)
			TaskSpec(&task.Spec, nil)
			variables.UndeclaredWorkspaces(&task.Spec)
		}
		var pipeline v1.Pipeline
		if json.Unmarshal(data, &pipeline) == nil {
			Pipeline(&pipeline)
			DefaultPipeline(&pipeline)
			PipelineSpec(&pipeline.Spec, nil)
			for i := range pipeline.Spec.Tasks {
				variables.Dependencies(&pipeline.Spec.Tasks[i])
			}
		}
	})
}

func fuzzRuns(data []byte) {
	var tr v1.TaskRun
	if json.Unmarshal(data, &tr) == nil {
		TaskRun(&tr)
		DefaultTaskRun(&tr)
		TaskRun(&tr)
		TaskRunUpdate(&tr, &tr)
		if tr.Spec.TaskSpec != nil {
			Params(tr.Spec.TaskSpec.Params, tr.Spec.Params, nil)
			Workspaces(tr.Spec.TaskSpec.Workspaces, tr.Spec.Workspaces, nil)
			SubstitutedTaskSpec(tr.Spec.TaskSpec, nil)
		}
	}
	var pr v1.PipelineRun
	if json.Unmarshal(data, &pr) == nil {
		PipelineRun(&pr)
		DefaultPipelineRun(&pr)
		PipelineRun(&pr)
		PipelineRunUpdate(&pr, &pr)
	}
}
