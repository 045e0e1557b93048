package validation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestAcceptedAsInTekton: pipelines that run in production are accepted. What looks like a mistake in them is a warning.
func TestAcceptedAsInTekton(t *testing.T) {
	cases := map[string]struct {
		reason string
		spec   string
		want   []string
	}{
		"PropagatedResults": {
			reason: "A task that is written out uses results of other tasks in all its texts.",
			spec: `
tasks:
- name: show
  taskSpec:
    workspaces: [{name: w, mountPath: "/w/$(tasks.make.results.s)", optional: true}]
    stepTemplate: {env: [{name: A, value: "$(tasks.make.results.s)"}]}
    volumes: [{name: v, configMap: {name: "$(tasks.make.results.s)"}}]
    steps:
    - image: "$(tasks.make.results.o.k)"
      workingDir: "$(tasks.make.results.l[0])"
      args: ["$(tasks.make.results.l[*])", "$(tasks.make.results.l)", "x $(tasks['make'].results['a.b'])"]
      script: "$(tasks.make.results.s) $(tasks.make.results.o['k'])"
      when: [{input: "$(tasks.make.results.l[*])", operator: in, values: ["$(tasks.make.results.l[*])"]}]
    - ref: {name: action}
      params: [{name: p, value: "$(tasks.make.results.o[*])"}]
    sidecars: [{name: s, image: i, script: "$(tasks.make.results.s)"}]
- name: make
  taskSpec: &make
    results: [{name: s}, {name: a.b}, {name: l, type: array}, {name: o, properties: {k: {}}}]
    steps: [{image: i, script: x}]
finally:
- name: last
  taskSpec: {steps: [{image: i, script: "$(tasks.make.results.s) $(context.pipelineRun.uid) $(context.pipelineTask.retries)"}]}
`,
		},
		"NeighborsOfPropagatedResults": {
			reason: "Every other field that takes variables uses results of other tasks, too.",
			spec: `
workspaces: [{name: w, optional: true}]
params: [{name: run, default: "$(context.pipelineRun.name)"}]
tasks:
- name: use
  displayName: "$(tasks.make.results.s) $(tasks.make.results['x.y'][0])"
  onError: "$(tasks.make.results.s)"
  params: [{name: p, value: "$(tasks.make.results['x.y'][0])"}, {name: l, value: ["$(tasks['make'].results['x.y'][*])"]}]
  matrix:
    params: [{name: m, value: "$(tasks.make.results.l[*])"}]
    include: [{name: "x $(params.m)", params: [{name: m, value: "$(tasks.make.results.o['k'])"}]}]
  workspaces: [{name: w, subPath: "$(tasks.make.results.s)"}]
  when: [{cel: "'$(tasks.make.results.s)' == 'a' && '$(tasks.make.results['x.y'][1])' != ''"}]
  taskSpec:
    params: [{name: p}, {name: m}, {name: l, type: array}]
    stepTemplate:
      image: "$(tasks.make.results.o.k)"
      workingDir: "/$(tasks.make.results.s)"
      env: [{name: A, valueFrom: {secretKeyRef: {name: "$(tasks.make.results.s)", key: k}}}]
    volumes: [{name: v, persistentVolumeClaim: {claimName: "$(tasks.make.results['x.y'][0])"}}]
    steps:
    - onError: "$(tasks.make.results.s)"
      stdoutConfig: {path: "/tmp/$(tasks.make.results.s)"}
      volumeMounts: [{name: v, mountPath: /v, subPath: "$(tasks.make.results.s)"}]
      when: [{cel: "'$(tasks.make.results.s)' == 'a'"}]
      command: ["$(tasks.make.results['x.y'][0])"]
    sidecars:
    - {name: s, image: "$(tasks.make.results.s)", args: ["$(tasks.make.results.l[*])"]}
    - {name: t, image: i, env: [{name: A, value: "$(tasks.make.results.o.k)"}]}
- name: make
  taskSpec:
    results: [{name: s}, {name: l, type: array}, {name: x.y, type: array}, {name: o, properties: {k: {}}}]
    steps: [{image: i, script: x}]
finally:
- name: last
  displayName: "$(tasks.make.results.s)"
  when: [{cel: "'$(tasks.make.results.s)' == 'a'"}, {input: "$(tasks.make.status)", operator: in, values: [Succeeded]}]
  taskSpec: {steps: [{image: "$(tasks.make.results.s)", script: "$(tasks.make.results.l[0]) $(params.run)"}]}
`,
		},
		"PropagatedResultsThatAreNotThere": {
			reason: "What cannot be there is refused, as in a param.",
			spec: `
tasks:
- {name: a, taskSpec: {results: [{name: r}, {name: l, type: array}], steps: [{image: i, script: x}]}}
- name: b
  taskSpec: {steps: [{image: i, script: "$(tasks.nope.results.r) $(tasks.a.results.x) $(tasks.a.results.l[*]) $(tasks.a.status)"}]}
`,
			want: []string{
				`spec.tasks[1].taskSpec.steps[0].script: Invalid value: "$(tasks.nope.results.r)": no task "nope"; there are: a, b`,
				`spec.tasks[1].taskSpec.steps[0].script: Invalid value: "$(tasks.a.results.x)": no result of task a "x"; there are: l, r`,
				`warning: spec.tasks[1].taskSpec.steps[0].script: "$(tasks.a.results.l[*])": stays as text: result "l" is an array: use one ` +
					`element, as in $(tasks.a.results.l[0]), or all of it with $(tasks.a.results.l[*]) as a separate element`,
				`warning: spec.tasks[1].taskSpec.steps[0].script: "$(tasks.a.status)": stays as text: of other tasks, a task that is ` +
					`written out sees results only, as $(tasks.<task>.results.<result>); use a param`,
			},
		},
		"TextOfTheTask": {
			reason: "A param holds variables of the task that gets it.",
			spec: `
workspaces: [{name: release}]
tasks:
- {name: collect, taskSpec: {results: [{name: file}], steps: [{image: i, script: x}]}}
- name: read
  taskRef: {name: read}
  params:
  - {name: FILE, value: "$(workspaces.data.path)/$(tasks.collect.results.file)"}
  - {name: LOG, value: ["$(results.log.path)", "$(context.taskRun.name)", "$(steps.one.results.r)", "$(credentials.path)"]}
  workspaces: [{name: data, workspace: release}]
- name: own
  taskSpec: {params: [{name: p}], results: [{name: r}], steps: [{image: i, script: "$(params.p)"}]}
  params: [{name: p, value: "$(workspaces.release.path) $(results.r.path)"}]
`,
		},
		"TextOfNothing": {
			reason: "What neither the pipeline nor the task has stays as text.",
			spec: `
tasks:
- name: t
  taskSpec: {params: [{name: p}], steps: [{image: i, script: "$(ls) $(context.task2.status)"}]}
  params: [{name: p, value: "$(workspaces.data.path) $(results.r.path) $(hostname) $(context.other) $(params.x[)"}]
  when: [{input: "$(context.a.status)", operator: in, values: ["$(workspaces.nope.bound)"]}]
`,
			want: []string{
				`warning: spec.tasks[0].params[0].value: "$(workspaces.data.path)": stays as text: here a workspace is referred to as ` +
					`$(workspaces.<name>.bound)`,
				`warning: spec.tasks[0].params[0].value: "$(results.r.path)": stays as text: a pipeline refers to results as ` +
					`$(tasks.<task>.results.<result>)`,
				`warning: spec.tasks[0].params[0].value: "$(context.other)": stays as text: no such variable here; there are: ` +
					`pipelineRun.name, pipelineRun.namespace, pipelineRun.uid, pipeline.name, pipelineTask.retries`,
				`warning: spec.tasks[0].params[0].value: "$(params.x[)": stays as text: ` + malformedReference,
				`warning: spec.tasks[0].when[0].input: "$(context.a.status)": stays as text: no such variable here; there are: ` +
					`pipelineRun.name, pipelineRun.namespace, pipelineRun.uid, pipeline.name, pipelineTask.retries`,
				`warning: spec.tasks[0].when[0].values[0]: "$(workspaces.nope.bound)": stays as text: no workspace "nope"; there are: none`,
				`warning: spec.tasks[0].taskSpec.steps[0].script: "$(context.task2.status)": stays as text: no such variable here; there ` +
					`are: taskRun.name, taskRun.namespace, taskRun.uid, task.name, task.retry-count`,
			},
		},
		"WholeValues": {
			reason: "Whole arrays and objects need no [*], and the input of when takes an array.",
			spec: `
params: [{name: list, type: array}]
results: [{name: l, type: array, value: "$(tasks.make.results.l)"}, {name: o, type: object, value: "$(tasks.make.results.o)"}]
tasks:
- name: make
  taskSpec:
    results: [{name: l, type: array}, {name: o, properties: {k: {}}}]
    steps: [{image: i, script: x}]
- name: use
  taskRef: {name: use}
  params: [{name: l, value: "$(tasks.make.results.l)"}, {name: o, value: "$(tasks.make.results.o)"}]
  when:
  - {input: "$(params.list[*])", operator: notin, values: ["[]"]}
  - {input: "$(tasks.make.results.l[*])", operator: in, values: ["[]"]}
- name: fan
  taskRef: {name: use}
  matrix: {params: [{name: m, value: "$(tasks.make.results.l)"}]}
`,
		},
		"Names": {
			reason: "Display names see the params of the matrix, and those of the pipeline.",
			spec: `
params: [{name: mode}]
tasks:
- name: build
  displayName: "Build $(params.platform) with $(params.mode) and $(params.nope)"
  taskRef: {name: build}
  matrix:
    params: [{name: platform, value: [linux, mac]}]
    include: [{name: "Extra: $(params.platform) $(params.more)", params: [{name: more, value: x}]}]
`,
			want: []string{`warning: spec.tasks[0].displayName: "$(params.nope)": stays as text: no param "nope"; there are: mode, more, platform`},
		},
		"NoTasks": {
			reason: "A pipeline can be prepared before it has tasks.",
			spec:   `{description: later, params: [{name: p}]}`,
			want:   []string{`warning: spec.tasks: the pipeline has no tasks: a run of it succeeds at once, and does nothing`},
		},
		"LongNames": {
			reason: "Names of params have no limit, and those of sidecars are shortened for their containers.",
			spec: strings.ReplaceAll(`
params: [{name: pLONG, type: object, properties: {kLONG: {}}}]
tasks:
- name: a
  params: [{name: qLONG, value: "$(params.pLONG.kLONG)"}]
  taskSpec: {params: [{name: qLONG}], steps: [{image: i, script: "$(params.qLONG)"}], sidecars: [{name: sLONG, image: i}]}
`, "LONG", strings.Repeat("x", 252)),
		},
		"ResultTwice": {
			reason: "Of two declarations of a result, the last one counts.",
			spec: `
tasks:
- {name: a, taskSpec: {results: [{name: r}, {name: r, type: array}], steps: [{image: i, script: x}]}}
- {name: b, taskRef: {name: b}, params: [{name: p, value: "$(tasks.a.results.r[0])"}]}
`,
			want: []string{`warning: spec.tasks[0].taskSpec.results[1].name: "r": declared twice: the last declaration counts`},
		},
		"ResultOfAStepTwice": {
			reason: "So it is for results of a step.",
			spec: `
tasks:
- name: a
  taskSpec:
    results: [{name: l, type: array, value: "$(steps.s.results.r[*])"}]
    steps: [{name: s, image: i, script: x, results: [{name: r}, {name: r, type: array}]}]
`,
			want: []string{`warning: spec.tasks[0].taskSpec.steps[0].results[1].name: "r": declared twice: the last declaration counts`},
		},
		"ResultOfThePipelineTwice": {
			reason: "And for results of a pipeline.",
			spec: `
results: [{name: r, value: "$(tasks.a.results.p)"}, {name: r, value: "$(tasks.a.results.q)"}]
tasks:
- {name: a, taskSpec: {results: [{name: p}, {name: q}], steps: [{image: i, script: x}]}}
`,
			want: []string{`warning: spec.results[1].name: "r": declared twice: the last declaration counts`},
		},
		"OptionalWorkspace": {
			reason: "A run may bind what the pipeline calls optional and the task needs.",
			spec: `
workspaces: [{name: cache, optional: true}]
tasks:
- {name: a, taskSpec: {workspaces: [{name: source}], steps: [{image: i, script: x}]}, workspaces: [{name: source, workspace: cache}]}
`,
			want: []string{`warning: spec.tasks[0].workspaces: "cache": workspace "source" of the task is not optional, and that of the pipeline ` +
				`is: a run that does not bind it fails when the task starts; make both the same`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pipeline := &v1.Pipeline{Spec: *decode[v1.PipelineSpec](t, tc.spec)}
			DefaultPipeline(pipeline)
			if diff := cmp.Diff(tc.want, lines(Check(func(r *Report) { ReportPipeline(r, pipeline) }))); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTextInTasks: what Tekton leaves in a Task, or in the TaskRun that it is written out in, is a warning.
func TestTextInTasks(t *testing.T) {
	const spec = `
sidecars: [{name: s, image: i, script: "$(params.nope) $(steps.a.results.r)"}]
steps:
- {name: a, image: i, script: "$(params.nope) $(step.results.nope) $(steps.step-b.exitCode.path)"}
`
	left := []string{
		`warning: $.steps[0].script: "$(step.results.nope)": stays as text: a step refers to the file of one of its results as ` +
			`$(step.results.<name>.path)`,
		`warning: $.steps[0].script: "$(steps.step-b.exitCode.path)": stays as text: no container of a step "step-b"; there are: step-a`,
		`warning: $.sidecars[0].script: "$(params.nope)": stays as text: no param "nope"; there are: none`,
		`warning: $.sidecars[0].script: "$(steps.a.results.r)": stays as text: ` + stepResultTooEarly,
	}
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: decode[v1.TaskSpec](t, spec)}}
	DefaultTaskRun(run)
	want := append([]string{`warning: $.steps[0].script: "$(params.nope)": stays as text: no param "nope"; there are: none`}, left...)
	if diff := cmp.Diff(at("spec.taskSpec", want), lines(Check(func(r *Report) { ReportTaskRun(r, run) }))); diff != "" {
		t.Errorf("written out: -want, +got:\n%s", diff)
	}
	task := &v1.Task{Spec: *run.Spec.TaskSpec}
	want = append([]string{`$.steps[0].script: Invalid value: "$(params.nope)": no param "nope"; there are: none`}, left...)
	if diff := cmp.Diff(at("spec", want), lines(Check(func(r *Report) { ReportTask(r, task) }))); diff != "" {
		t.Errorf("a Task: -want, +got:\n%s", diff)
	}
}

// TestHandedValuesAreKnown: the TaskRuns that a PipelineRun makes cause no warnings about what it gave to them.
func TestHandedValuesAreKnown(t *testing.T) {
	run := decode[v1.TaskRun](t, `
spec:
  params: [{name: tasks.make.results.Uid, value: "1"}, {name: tasks.make.results.uid, value: "2"}, {name: context.pipeline.name, value: p}]
  taskSpec: {steps: [{image: i, script: "$(tasks.make.results.uid) $(tasks.make.results.Uid) $(context.pipeline.name)"}]}
`)
	if got := lines(Check(func(r *Report) { ReportTaskRun(r, run) })); got != nil {
		t.Errorf("want nothing, got %v", got)
	}
}

// at puts a path in the place of each "$." of some lines.
func at(path string, lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = strings.Replace(line, "$.", path+".", 1)
	}
	return out
}
