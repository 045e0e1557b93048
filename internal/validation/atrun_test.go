package validation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// failingTasks are tasks that Tekton admits, and of which no run can complete.
func failingTasks() map[string]struct{ reason, spec, want string } {
	return map[string]struct{ reason, spec, want string }{
		"MountAtRoot": {
			reason: "The kubelet cannot start the container.",
			spec:   `{volumes: [{name: v}], steps: [{image: i, script: x, volumeMounts: [{name: v, mountPath: /}]}]}`,
			want:   `.steps[0].volumeMounts[0].mountPath: Invalid value: "/": cannot be the root of the file system`,
		},
		"MountWithColon": {
			reason: "Kubernetes refuses the pod.",
			spec:   `{volumes: [{name: v}], steps: [{image: i, script: x, volumeMounts: [{name: v, mountPath: "/a:b"}]}]}`,
			want:   `.steps[0].volumeMounts[0].mountPath: Invalid value: "/a:b": must not contain ':'`,
		},
		"MountTwice": {
			reason: "Kubernetes refuses the pod.",
			spec: `{volumes: [{name: v}], steps: [{image: i, script: x, volumeMounts: [{name: v, mountPath: /a},
				{name: v, mountPath: /a/}]}]}`,
			want: `.steps[0].volumeMounts[1].mountPath: Invalid value: "/a/": volume "v" is mounted there, too`,
		},
		"WorkspacesAtOnePath": {
			reason: "Kubernetes refuses the pod.",
			spec:   `{workspaces: [{name: a, optional: true}, {name: b, optional: true, mountPath: /workspace/a}], steps: [{image: i, script: x}]}`,
			want:   `.workspaces[1].mountPath: Invalid value: "/workspace/a": workspace "a" is mounted there, too`,
		},
		"Environment": {
			reason: "Kubernetes refuses the pod.",
			spec:   `{steps: [{image: i, script: x, env: [{name: A=B, value: c}]}]}`,
			want:   `.steps[0].env[0].name: Invalid value: "A=B": the name of a variable must not contain '='`,
		},
		"Request": {
			reason: "Kubernetes refuses the pod.",
			spec:   `{sidecars: [{name: s, image: i, computeResources: {requests: {cpu: 2}, limits: {cpu: 1}}}], steps: [{image: i, script: x}]}`,
			want:   `.sidecars[0].computeResources.requests[cpu]: Invalid value: "2": must not be more than the limit, which is 1`,
		},
		"OutputToDirectory": {
			reason: "The step cannot open the file.",
			spec:   `{steps: [{image: i, script: x, stdoutConfig: {path: /data/}}]}`,
			want:   `.steps[0].stdoutConfig.path: Invalid value: "/data/": must be the path of a file, and this is one of a directory`,
		},
		"ResultOfTheStepItself": {
			reason: "The result is not there when the step starts.",
			spec:   `{steps: [{name: a, image: i, results: [{name: r}], args: ["$(steps.a.results.r)"]}]}`,
			want:   `.steps[0].args[0]: Invalid value: "$(steps.a.results.r)": no earlier step "a"; there are: none`,
		},
		"ResultOfALaterStep": {
			reason: "Nor is this one.",
			spec:   `{steps: [{image: i, env: [{name: A, value: "$(steps.b.results.r)"}]}, {name: b, image: i, results: [{name: r}]}]}`,
			want:   `.steps[0].env[0].value: Invalid value: "$(steps.b.results.r)": no earlier step "b"; there are: none`,
		},
	}
}

// TestTasksThatCannotComplete: a Task that Tekton admits is admitted, and so is one in a Pipeline or a PipelineRun, where it may
// be skipped. A TaskRun of it is refused, and so is the Task when a TaskRun uses it.
func TestTasksThatCannotComplete(t *testing.T) {
	for name, tc := range failingTasks() {
		t.Run(name, func(t *testing.T) {
			spec := *decode[v1.TaskSpec](t, tc.spec)
			pipeline := v1.PipelineSpec{Tasks: []v1.PipelineTask{{Name: "t", TaskSpec: &v1.EmbeddedTask{TaskSpec: spec}}}}
			warned := map[string]func(r *Report){
				"spec":                   func(r *Report) { ReportTask(r, &v1.Task{Spec: spec}) },
				"spec.tasks[0].taskSpec": func(r *Report) { ReportPipeline(r, &v1.Pipeline{Spec: pipeline}) },
				"spec.pipelineSpec.tasks[0].taskSpec": func(r *Report) {
					ReportPipelineRun(r, &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: &pipeline}})
				},
				"pipeline.spec.tasks[0].taskSpec": func(r *Report) { reportPipelineSpec(r, &pipeline, field.NewPath("pipeline", "spec")) },
			}
			for path, check := range warned {
				if diff := cmp.Diff([]string{"warning: " + path + tc.want + "; a run of the task fails"}, lines(Check(check))); diff != "" {
					t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
				}
			}
			refused := map[string]field.ErrorList{
				"spec.taskSpec": TaskRun(&v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &spec}}),
				"task.spec":     TaskSpec(&spec, field.NewPath("task", "spec")),
			}
			for path, errs := range refused {
				if diff := cmp.Diff([]string{path + tc.want}, messages(errs)); diff != "" {
					t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
				}
			}
		})
	}
}

// TestReservedMountsAreRefusedEverywhere: nothing may be mounted over the files of the system, even in a task that never runs.
func TestReservedMountsAreRefusedEverywhere(t *testing.T) {
	for _, path := range []string{"/tekton/run", "tekton/run", "/workspace/../tekton", "/tekton/results:x"} {
		spec := decode[v1.TaskSpec](t, `{volumes: [{name: v}], steps: [{image: i, script: x, volumeMounts: [{name: v, mountPath: "`+path+`"}]}]}`)
		if errs := Task(&v1.Task{Spec: *spec}); len(errs) != 1 || errs[0].Field != "spec.steps[0].volumeMounts[0].mountPath" {
			t.Errorf("want a mount at %q refused, got %v", path, errs)
		}
	}
}

// TestSettingsOfUnknownContainers: a setting for a container that the task does not have has no effect, which is a warning.
func TestSettingsOfUnknownContainers(t *testing.T) {
	run := decode[v1.TaskRun](t, `
spec:
  taskSpec: {steps: [{name: build, image: i}], sidecars: [{name: db, image: i}]}
  stepSpecs: [{name: build}, {name: biuld}]
  sidecarSpecs: [{name: bd}]
  debug: {breakpoints: {beforeSteps: [build, test]}}
`)
	want := []string{
		`warning: spec.stepSpecs[1].name: "biuld": no step "biuld"; there are: build; the setting has no effect`,
		`warning: spec.sidecarSpecs[0].name: "bd": no sidecar "bd"; there are: db; the setting has no effect`,
		`warning: spec.debug.breakpoints.beforeSteps[1]: "test": no step "test"; there are: build; the setting has no effect`,
	}
	if diff := cmp.Diff(want, lines(Check(func(r *Report) { ReportTaskRun(r, run) }))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestWhatAPipelineGivesToItsTask: a pipeline that does not give to a task that is written out in it what the task needs is
// admitted. A run of it fails before any task starts if a param is missing, and when the task starts if a workspace is missing.
func TestWhatAPipelineGivesToItsTask(t *testing.T) {
	cases := map[string]struct{ reason, task, want, fails string }{
		"MissingParam": {
			reason: "No value at all.",
			task:   `taskSpec: {params: [{name: p}], steps: [{image: i, script: x}]}`,
			want:   `params: Required value: missing param "p" of type string: declared without a default`,
			fails:  "pipeline",
		},
		"OtherType": {
			reason: "A value of another type.",
			task:   `{params: [{name: p, value: [a]}], taskSpec: {params: [{name: p, type: string}], steps: [{image: i, script: x}]}}`,
			want:   `params[0].value: Invalid value: "array": param "p" is of type string, not array`,
			fails:  "pipeline",
		},
		"Matrix": {
			reason: "A matrix gives strings.",
			task: `{matrix: {params: [{name: p, value: [a]}]}, taskSpec: {params: [{name: p, type: array}],
				steps: [{image: i, script: x}]}}`,
			want:  `matrix: Invalid value: "p": a matrix gives strings, and the task declares the param as array`,
			fails: "pipeline",
		},
		"MissingWorkspace": {
			reason: "No workspace.",
			task:   `taskSpec: {workspaces: [{name: w}], steps: [{image: i, script: x}]}`,
			want:   `workspaces: Required value: missing workspace "w": declared by the task and not optional`,
			fails:  "task",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			task := decode[v1.PipelineTask](t, tc.task)
			task.Name = "t"
			spec := v1.PipelineSpec{Tasks: []v1.PipelineTask{*task}}
			got := lines(Check(func(r *Report) { ReportPipeline(r, &v1.Pipeline{Spec: spec}) }))
			if diff := cmp.Diff([]string{"warning: spec.tasks[0]." + tc.want + "; a run of the " + tc.fails + " fails"}, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			var want []string
			if tc.fails == "pipeline" {
				want = []string{"spec.pipelineSpec.tasks[0]." + tc.want}
			}
			run := &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: &spec}}
			if diff := cmp.Diff(want, messages(PipelineRun(run))); diff != "" {
				t.Errorf("%s: a run that starts: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestSubPathOfAPipelinesTask: Kubernetes refuses the pod, so only a task that starts fails.
func TestSubPathOfAPipelinesTask(t *testing.T) {
	for _, subPath := range []string{"/abs", "a/../../b"} {
		spec := decode[v1.PipelineSpec](t, `{workspaces: [{name: w}], tasks: [{name: t, taskRef: {name: t},
			workspaces: [{name: w, subPath: "`+subPath+`"}]}]}`)
		got := lines(Check(func(r *Report) { ReportPipeline(r, &v1.Pipeline{Spec: *spec}) }))
		if len(got) != 1 || !strings.HasPrefix(got[0], "warning: spec.tasks[0].workspaces[0].subPath: ") {
			t.Errorf("want a warning for %q, got %q", subPath, got)
		}
	}
}
