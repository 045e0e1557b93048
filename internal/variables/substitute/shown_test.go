package substitute

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestShownTask: the status of an ended run shows each value in the place of its variable, and no escapes.
func TestShownTask(t *testing.T) {
	spec := decode[v1.TaskSpec](t, `
params: [{name: image}, {name: list, type: array}, {name: large}, {name: policy}, {name: dir, default: "$(params.image)-dir"}]
workspaces: [{name: w, mountPath: "/$(params.dir)"}, {name: v}]
results: [{name: r}]
stepTemplate: {env: [{name: T, value: "$(params.image)"}]}
volumes: [{name: vol, configMap: {name: "$(params.image)"}}]
steps:
- name: a
  image: $(params.image)
  command: [run, "$(params.list[*])", "$(params.list[0])"]
  args: ["$(params.hostile) $(HOME)", "$(params.list[7])"]
  script: "$(params.large) $(params.absent) $(params.image) $(step.results.s.path) $(results.r.path)"
  imagePullPolicy: $(params.policy)
  results: [{name: s}]
  workspaces: [{name: w, mountPath: "/own/$(params.image)"}]
- name: b
  image: i
  args: ["$(steps.a.results.s)", "$(workspaces.w.path)", "$(context.task.retry-count)", "$(steps.step-a.exitCode.path)"]
  when: [{input: "$(params.list[*])", operator: in, values: ["$(params.list[*])", "$(steps.a.results.s)"]}]
sidecars: [{name: c, image: i, script: "$(workspaces.v.path) $(params.passed)"}]
`)
	given := []v1.Param{
		{Name: "image", Value: v1.StringValue("busybox")},
		{Name: "list", Value: v1.ArrayValue("$(params.image)", "$$")},
		{Name: "large", Value: v1.StringValue(strings.Repeat("x", MaxShown+1))},
		{Name: "policy", Value: v1.StringValue("Sometimes")},
		{Name: "hostile", Value: v1.StringValue("$(params.image)$$")},
		{Name: "passed", Value: v1.StringValue("$(workspaces.v.path) $(params.image)")},
	}
	vars := ForTaskRun(spec, given, TaskRunContext{
		Retry: 2, Unread: Unread{All: true}, Workspaces: map[string]Workspace{"w": {Volume: "ws"}, "v": {Volume: "vs"}},
	})
	before := spec.DeepCopy()
	got, err := ShownTask(spec, vars)
	if err != nil {
		t.Fatal(err)
	}
	want := decode[v1.TaskSpec](t, `
params: [{name: image}, {name: list, type: array}, {name: large}, {name: policy}, {name: dir, default: "$(params.image)-dir"}]
workspaces: [{name: w, mountPath: "/busybox-dir"}, {name: v}]
results: [{name: r}]
stepTemplate: {env: [{name: T, value: busybox}]}
volumes: [{name: vol, configMap: {name: busybox}}]
steps:
- name: a
  image: busybox
  command: [run, "$(params.image)", "$$", "$(params.image)"]
  args: ["$(params.image)$$ $(HOME)", "$(params.list[7])"]
  script: "$(params.large) $(params.absent) busybox /tekton/steps/step-a/results/s /tekton/results/r"
  imagePullPolicy: $(params.policy)
  results: [{name: s}]
  workspaces: [{name: w, mountPath: /own/busybox}]
- name: b
  image: i
  args: ["$(steps.a.results.s)", /busybox-dir, "2", /tekton/steps/step-a/exitCode]
  when: [{input: '["$(params.image)","$$"]', operator: in, values: ["$(params.image)", "$$", "$(steps.a.results.s)"]}]
sidecars: [{name: c, image: i, script: "/workspace/v /workspace/v $(params.image)"}]
`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(before, spec); diff != "" {
		t.Errorf("the task of the run has changed: -before +after:\n%s", diff)
	}
}

// TestShownPipeline: results of tasks stay as text, and a task that is written out shows only what it takes from the pipeline.
func TestShownPipeline(t *testing.T) {
	spec := decode[v1.PipelineSpec](t, `
params: [{name: branch}, {name: list, type: array}, {name: os, default: linux}, {name: large}, {name: mode, default: no}]
tasks:
- name: a
  displayName: "$(params.branch) $(params.os)"
  retries: 3
  onError: $(params.mode)
  matrix: {params: [{name: os, value: ["$(params.list[*])", "$(params.os)"]}], include: [{name: "on $(params.os)"}]}
  taskRef: {name: t, params: [{name: p, value: "$(params.branch)"}]}
  params:
  - {name: whole, value: "$(params.list[*])"}
  - {name: own, value: "$(workspaces.w.path)/$(params.branch)/$(tasks.b.results.r)"}
  - {name: large, value: "$(params.large)"}
  workspaces: [{name: w, subPath: "$(params.branch)"}]
  when:
  - {input: "$(tasks.b.results.r) $(params.branch)", operator: in, values: ["$(params.list[*])"]}
  - {cel: "'$(params.branch)' == '$(tasks.b.results.r)'"}
- name: b
  params: [{name: given, value: x}]
  taskSpec:
    params: [{name: declared, default: y}]
    steps:
    - image: i
      args: ["$(params.list[*])"]
      script: "$(params.branch) $(params.given) $(params.declared) $(context.pipelineRun.name) $(context.taskRun.name)"
finally: [{name: f, taskRef: {name: t}, params: [{name: p, value: "$(context.pipelineTask.retries) $(tasks.a.status)"}]}]
results: [{name: r, value: "$(params.branch) $(tasks.b.results.r) $(finally.f.results.r)"}]
`)
	given := []v1.Param{
		{Name: "branch", Value: v1.StringValue("it's $(params.os)")},
		{Name: "list", Value: v1.ArrayValue("1", "2")},
		{Name: "large", Value: v1.StringValue(strings.Repeat("x", MaxShown+1))},
	}
	vars := ForPipelineRun(spec, given, PipelineRunContext{Name: "run", Workspaces: []string{"w"}})
	before := spec.DeepCopy()
	got, err := ShownPipeline(spec, vars)
	if err != nil {
		t.Fatal(err)
	}
	want := decode[v1.PipelineSpec](t, `
params: [{name: branch}, {name: list, type: array}, {name: os, default: linux}, {name: large}, {name: mode, default: no}]
tasks:
- name: a
  displayName: "it's $(params.os) $(params.os)"
  retries: 3
  onError: $(params.mode)
  matrix: {params: [{name: os, value: ["1", "2", linux]}], include: [{name: "on $(params.os)"}]}
  taskRef: {name: t, params: [{name: p, value: "it's $(params.os)"}]}
  params:
  - {name: whole, value: ["1", "2"]}
  - {name: own, value: "$(workspaces.w.path)/it's $(params.os)/$(tasks.b.results.r)"}
  - {name: large, value: "$(params.large)"}
  workspaces: [{name: w, subPath: "it's $(params.os)"}]
  when:
  - {input: "$(tasks.b.results.r) it's $(params.os)", operator: in, values: ["1", "2"]}
  - {cel: "'it\\'s $(params.os)' == '$(tasks.b.results.r)'"}
- name: b
  params: [{name: given, value: x}]
  taskSpec:
    params: [{name: declared, default: y}]
    steps:
    - image: i
      args: ["1", "2"]
      script: "it's $(params.os) $(params.given) $(params.declared) run $(context.taskRun.name)"
finally: [{name: f, taskRef: {name: t}, params: [{name: p, value: "0 $(tasks.a.status)"}]}]
results: [{name: r, value: "it's $(params.os) $(tasks.b.results.r) $(finally.f.results.r)"}]
`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(before, spec); diff != "" {
		t.Errorf("the pipeline of the run has changed: -before +after:\n%s", diff)
	}
}

// TestShownValueIsWhole: a shown value is the value, byte for byte, or its variable stays.
func TestShownValueIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{
			"$(params.other)", "$$", "$(", ")", "$(results.r.path)", "é", "$(steps.a.results.s)",
		}))
		value := strings.Join(pieces.Draw(t, "value"), "") + strings.Repeat("x", rapid.IntRange(0, MaxShown+8).Draw(t, "more"))
		spec := &v1.TaskSpec{Params: []v1.ParamSpec{{Name: "p"}}, Results: []v1.TaskResult{{Name: "r"}}, Steps: []v1.Step{
			{Name: "a", Image: "i", Script: "$(params.p)", Args: []string{"$(params.p)"}},
		}}
		given := []v1.Param{{Name: "p", Value: v1.StringValue(value)}, {Name: "other", Value: v1.StringValue("secret")}}
		got, err := ShownTask(spec, ForTaskRun(spec, given, TaskRunContext{}))
		want := value
		if len(value) > MaxShown {
			want = "$(params.p)"
		}
		if err != nil || got.Steps[0].Script != want || got.Steps[0].Args[0] != want {
			t.Errorf("want %q twice, got %q and %q, %v", want, got.Steps[0].Script, got.Steps[0].Args, err)
		}
	})
}

// TestShownIsBounded: a param that stands in many places does not fill the controller's memory.
func TestShownIsBounded(t *testing.T) {
	spec := &v1.TaskSpec{Steps: []v1.Step{{Image: "i", Script: strings.Repeat("$(params.p)", MaxBytes/MaxShown+1)}}}
	given := []v1.Param{{Name: "p", Value: v1.StringValue(strings.Repeat("x", MaxShown))}}
	_, err := ShownTask(spec, ForTaskRun(spec, given, TaskRunContext{}))
	if _, ok := errors.AsType[*TooLongError](err); !ok {
		t.Errorf("want a *TooLongError, got %v", err)
	}
}
