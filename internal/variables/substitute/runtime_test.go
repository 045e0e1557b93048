package substitute

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestStepResultsBecomeTokens: results of steps are known in the pod only. What an author wrote is marked, so that a value
// which looks the same is never taken for it.
func TestStepResultsBecomeTokens(t *testing.T) {
	spec := decode[v1.TaskSpec](t, `
steps:
- {name: a, image: i, script: x, results: [{name: r}, {name: list, type: array}, {name: o, properties: {k: {}}}]}
- name: b
  image: i
  command: [run, "$(steps.a.results.list[*])", "-x=$(steps.a.results.r)", "$(steps.a.results.list[2])"]
  env: [{name: E, value: "$(steps.a.results.o.k) $(params.lookalike)"}]
  when:
  - {input: "$(steps.a.results.r)", operator: in, values: [x, "$(steps.a.results.list[*])", "$(params.lookalike)"]}
- {name: c, image: i, script: "echo $(steps.a.results.r) '$(params.lookalike)'"}
`)
	given := []v1.Param{{Name: "lookalike", Value: v1.StringValue("$(steps.a.results.r)")}}
	task, err := TaskSpec(spec, ForTaskRun(spec, given, TaskRunContext{}), "m4rk")
	if err != nil {
		t.Fatal(err)
	}
	want := decode[v1.TaskSpec](t, `
steps:
- {name: a, image: i, script: x, results: [{name: r}, {name: list, type: array}, {name: o, properties: {k: {}}}]}
- name: b
  image: i
  command: [run, m4rk-00000000, "-x=m4rk-00000001", m4rk-00000002]
  env: [{name: E, value: "m4rk-00000003 $$(steps.a.results.r)"}]
  when:
  - {input: m4rk-00000001, operator: in, values: [x, m4rk-00000000, "$(steps.a.results.r)"]}
- {name: c, image: i, script: "echo m4rk-00000001 '$(steps.a.results.r)'"}
`)
	if diff := cmp.Diff(want, task.Spec); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	references := []StepResultToken{
		{Token: "m4rk-00000000", Step: "a", Result: "list", Whole: true, Index: -1},
		{Token: "m4rk-00000001", Step: "a", Result: "r", Index: -1},
		{Token: "m4rk-00000002", Step: "a", Result: "list", Index: 2},
		{Token: "m4rk-00000003", Step: "a", Result: "o", Index: -1, Key: "k"},
	}
	if diff := cmp.Diff(references, task.References); diff != "" {
		t.Errorf("each reference once: -want +got:\n%s", diff)
	}
}

// TestArtifactsBecomeTokens: artifacts of steps are known in the pod only; the paths of their files are known before.
func TestArtifactsBecomeTokens(t *testing.T) {
	spec := decode[v1.TaskSpec](t, `
steps:
- {name: a, image: i, script: "$(step.artifacts.path) $(artifacts.path)"}
- {image: i, command: [run, "$(steps.a.outputs.r)", "$(steps.a.inputs.r)$(steps.a.results.r)"], script: "$(steps.a.outputs.r.uri)"}
`)
	task, err := TaskSpec(spec, ForTaskRun(spec, nil, TaskRunContext{}), "m4rk")
	if err != nil {
		t.Fatal(err)
	}
	want := decode[v1.TaskSpec](t, `
steps:
- {name: a, image: i, script: "/tekton/steps/step-a/artifacts/provenance.json /tekton/artifacts/provenance.json"}
- {image: i, command: [run, m4rk-00000000, m4rk-00000001m4rk-00000002], script: "$(steps.a.outputs.r.uri)"}
`)
	if diff := cmp.Diff(want, task.Spec); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	references := []StepResultToken{
		{Token: "m4rk-00000000", Step: "a", Result: "r", Artifacts: "outputs", Index: -1},
		{Token: "m4rk-00000001", Step: "a", Result: "r", Artifacts: "inputs", Index: -1},
		{Token: "m4rk-00000002", Step: "a", Result: "r", Index: -1},
	}
	if diff := cmp.Diff(references, task.References); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestArtifactsPathInAParam: the value of a param adds no document of artifacts, so that a path in it stays as text.
func TestArtifactsPathInAParam(t *testing.T) {
	spec := decode[v1.TaskSpec](t, `steps: [{name: a, image: i, script: "$(params.p)"}]`)
	const text = "$(step.artifacts.path) $(artifacts.path)"
	vars := ForTaskRun(spec, []v1.Param{{Name: "p", Value: v1.StringValue(text)}}, TaskRunContext{Unread: Unread{All: true}})
	out, err := substituted(spec, vars)
	if err != nil || out.Steps[0].Script != text {
		t.Errorf("got %q, %v, want %q", out.Steps[0].Script, err, text)
	}
}

func TestStepResultsOutOfPlace(t *testing.T) {
	cases := map[string]struct{ reason, steps, want string }{
		"Image": {
			reason: "An image must be known before the pod is made.",
			steps:  `[{image: "$(steps.a.results.r)"}]`,
			want:   "steps[0].image: the result of a step is known only when a later step starts",
		},
		"WorkDir": {
			reason: "And so must a directory.",
			steps:  `[{image: i, workingDir: "/$(steps.a.results.r)"}]`,
			want:   "steps[0].workingDir",
		},
		"Text": {
			reason: "A text takes no whole array.",
			steps:  `[{image: i, script: "$(steps.a.results.r[*]) x"}]`,
			want:   "as a separate element",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := &v1.TaskSpec{Steps: *decode[[]v1.Step](t, tc.steps)}
			_, err := substituted(spec, ForTaskRun(spec, nil, TaskRunContext{}))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

func TestPathsOfSteps(t *testing.T) {
	spec := decode[v1.TaskSpec](t, `
params: [{name: dir, default: "$(context.task.name)-dir"}, {name: place, default: "$(workspaces.w.path)/sub"}]
workspaces: [{name: w, mountPath: /w}, {name: v, mountPath: "/$(params.dir)"}, {name: none, optional: true}]
steps:
- {image: i, script: "$(steps.step-unnamed-0.exitCode.path) $(step.results.r.path) $(credentials.path)", results: [{name: r}]}
- name: s
  image: i
  script: "$(workspaces.w.path) $(workspaces.v.path) $(step.results.r.path)"
  results: [{name: r}]
  workspaces: [{name: w, mountPath: "/own/$(params.dir)"}]
- name: n
  image: i
  script: "$(workspaces.w.path) $(params.place) <$(workspaces.none.path)>"
  workspaces: [{name: none, mountPath: /none}]
sidecars:
- {name: c, image: i, script: "$(workspaces.w.path)", workspaces: [{name: w, mountPath: /beside}]}
`)
	vars := ForTaskRun(spec, nil, TaskRunContext{Task: "task", Workspaces: map[string]Workspace{"w": {Volume: "ws"}, "v": {Volume: "vs"}}})
	out, err := substituted(spec, vars)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{
		out.Steps[0].Script, out.Steps[1].Script, out.Steps[2].Script, out.Sidecars[0].Script,
		out.Workspaces[1].MountPath, out.Steps[1].Workspaces[0].MountPath,
	}
	want := []string{
		"/tekton/steps/step-unnamed-0/exitCode /tekton/steps/step-unnamed-0/results/r /tekton/creds",
		"/own/task-dir /task-dir /tekton/steps/step-s/results/r",
		"/w /w/sub <>",
		"/beside",
		"/task-dir",
		"/own/task-dir",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDefaultsThatReferToOthers(t *testing.T) {
	cases := map[string]struct{ reason, params, text, want, problem string }{
		"Chain": {
			reason: "A default may refer to one that is declared later.",
			params: `[{name: a, default: "a-$(params.b)"}, {name: b, default: "b-$(params.c)"}, {name: c, default: see}]`,
			text:   "$(params.a)",
			want:   "a-b-see",
		},
		"Given": {
			reason: "What the run gives wins, and is not read.",
			params: `[{name: a, default: "<$(params.given)>"}]`,
			text:   "$(params.a)",
			want:   "<$(params.a)>",
		},
		"Element": {
			reason: "An array can take the elements of another.",
			params: `[{name: a, type: array, default: [x, "$(params.l[*])"]}, {name: l, type: array, default: [u, v]}]`,
			text:   "$(params.a[2])",
			want:   "v",
		},
		"Object": {
			reason: "An object's values may refer to others.",
			params: `[{name: o, properties: {k: {}}, default: {k: "<$(params.given)>"}}]`,
			text:   "$(params.o.k)",
			want:   "<$(params.a)>",
		},
		"Circle": {
			reason:  "A circle has no value.",
			params:  `[{name: a, default: "$(params.b)"}, {name: b, default: "$(params.a)"}]`,
			text:    "$(params.a)",
			problem: "circle",
		},
		"Unresolved": {
			reason:  "What cannot be resolved is named.",
			params:  `[{name: a, default: "$(params.l[7])"}, {name: l, type: array, default: [u]}]`,
			text:    "$(params.a)",
			problem: `in which $(params.l[7]) cannot be resolved: param "l" has 1 elements, counted from 0`,
		},
		"Unknown": {
			reason: "What is not there stays as text.",
			params: `[{name: a, default: "$(params.nope)"}]`,
			text:   "$(params.a)",
			want:   "$(params.nope)",
		},
		"UnusedIsWell": {
			reason: "A default that nobody uses hurts nobody.",
			params: `[{name: a, default: "$(params.l[7])"}, {name: l, type: array, default: [u]}]`,
			text:   "x",
			want:   "x",
		},
		"ArrayInText": {
			reason: "A string does not become an array.",
			params: `[{name: a, default: "$(params.l[*])"}, {name: l, type: array, default: [u]}]`,
			text:   "$(params.a)",
			want:   "$(params.l[*])",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := &v1.TaskSpec{Params: *decode[[]v1.ParamSpec](t, tc.params), Steps: []v1.Step{{Image: "i", Script: tc.text}}}
			validation.DefaultTaskSpec(spec)
			out, err := substituted(spec, ForTaskRun(spec, []v1.Param{{Name: "given", Value: v1.StringValue("$(params.a)")}}, TaskRunContext{}))
			switch {
			case tc.problem != "":
				if err == nil || !strings.Contains(err.Error(), tc.problem) {
					t.Errorf("%s: want %q, got %v", tc.reason, tc.problem, err)
				}
			case err != nil:
				t.Errorf("%s: %v", tc.reason, err)
			case out.Steps[0].Script != tc.want:
				t.Errorf("%s: want %q, got %q", tc.reason, tc.want, out.Steps[0].Script)
			}
		})
	}
}

// TestExitCodeOfLongName: the variable has the whole name of the step, and its value is the file in the step's container.
func TestExitCodeOfLongName(t *testing.T) {
	long := strings.Repeat("n", 63)
	spec := decode[v1.TaskSpec](t, "steps: [{name: "+long+", image: i}, {image: i, script: $(steps.step-"+long+".exitCode.path)}]")
	out, err := substituted(spec, ForTaskRun(spec, nil, TaskRunContext{}))
	if err != nil {
		t.Fatal(err)
	}
	if want := podpaths.ExitCodePath(podpaths.StepContainer(spec.Steps[0], 0)); out.Steps[1].Script != want || strings.Contains(want, long) {
		t.Errorf("want %q, got %q", want, out.Steps[1].Script)
	}
}
