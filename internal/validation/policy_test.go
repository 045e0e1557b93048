package validation_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestPolicy: what the settings forbid is refused with the field, the setting and what to do, and nothing else is.
func TestPolicy(t *testing.T) {
	env := func(names ...string) *v1.PodTemplate {
		template := &v1.PodTemplate{}
		for _, name := range names {
			template.Env = append(template.Env, corev1.EnvVar{Name: name, Value: "x"})
		}
		return template
	}
	inline := v1.PipelineTask{Name: "a", TaskSpec: &v1.EmbeddedTask{}}
	referring := v1.PipelineTask{Name: "b", TaskRef: &v1.TaskRef{Name: "t"}}
	all := validation.InlineSpecs{Pipeline: true, PipelineRun: true, TaskRun: true}
	cases := map[string]struct {
		reason string
		object any
		limits validation.Limits
		want   []string
	}{
		"Nothing": {
			reason: "Without settings nothing is forbidden.",
			object: &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{}, PodTemplate: env("HTTP_PROXY")}},
		},
		"TaskRun": {
			reason: "A TaskRun with its task written out.",
			object: &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{}}},
			limits: validation.Limits{NoInlineSpec: validation.InlineSpecs{TaskRun: true}},
			want: []string{"spec.taskSpec: Forbidden: the installation does not allow it in a TaskRun " +
				"(disable-inline-spec of ConfigMap feature-flags); refer to a Task with taskRef"},
		},
		"TaskRunReferring": {
			reason: "One that refers to a Task.",
			object: &v1.TaskRun{Spec: v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: "t"}}},
			limits: validation.Limits{NoInlineSpec: all},
		},
		"TaskRunOther": {
			reason: "The other kinds do not concern a TaskRun.",
			object: &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{}}},
			limits: validation.Limits{NoInlineSpec: validation.InlineSpecs{Pipeline: true, PipelineRun: true}},
		},
		"PipelineRun": {
			reason: "A PipelineRun with its pipeline written out.",
			object: &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{referring}}}},
			limits: validation.Limits{NoInlineSpec: validation.InlineSpecs{PipelineRun: true}},
			want:   []string{"spec.pipelineSpec: Forbidden: the installation does not allow it in a PipelineRun"},
		},
		"PipelineRunReferring": {
			reason: "One that refers to a Pipeline.",
			object: &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineRef: &v1.PipelineRef{Name: "p"}}},
			limits: validation.Limits{NoInlineSpec: all},
		},
		"PipelineInRun": {
			reason: "A pipeline that is written out in a run is a pipeline.",
			object: &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{referring, inline}}}},
			limits: validation.Limits{NoInlineSpec: validation.InlineSpecs{Pipeline: true}},
			want:   []string{"spec.pipelineSpec.tasks[1].taskSpec: Forbidden"},
		},
		"Pipeline": {
			reason: "In both lists, once for each.",
			object: &v1.Pipeline{Spec: v1.PipelineSpec{Tasks: []v1.PipelineTask{inline, inline}, Finally: []v1.PipelineTask{referring, inline}}},
			limits: validation.Limits{NoInlineSpec: validation.InlineSpecs{Pipeline: true}},
			want: []string{
				"spec.tasks[0].taskSpec: Forbidden: the installation does not allow it in a pipeline",
				"spec.finally[1].taskSpec: Forbidden",
			},
		},
		"PipelineOther": {
			reason: "The other kinds do not concern a Pipeline.",
			object: &v1.Pipeline{Spec: v1.PipelineSpec{Tasks: []v1.PipelineTask{inline}}},
			limits: validation.Limits{NoInlineSpec: validation.InlineSpecs{PipelineRun: true, TaskRun: true}},
		},
		"Env": {
			reason: "A forbidden variable is named once, the others are not.",
			object: &v1.TaskRun{Spec: v1.TaskRunSpec{
				TaskRef:     &v1.TaskRef{Name: "t"},
				PodTemplate: env("FINE", "HTTP_PROXY", "HTTP_PROXY", "http_proxy"),
			}},
			limits: validation.Limits{ForbiddenEnv: []string{"HTTP_PROXY", "NO_PROXY"}},
			want: []string{`spec.podTemplate.env[1].name: Forbidden: a pod template must not set "HTTP_PROXY" ` +
				`(default-forbidden-env of ConfigMap config-defaults)`},
		},
		"EnvOfTask": {
			reason: "A task may set it: the setting is about pod templates.",
			object: &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{{Env: []corev1.EnvVar{{Name: "HTTP_PROXY"}}}}}}},
			limits: validation.Limits{ForbiddenEnv: []string{"HTTP_PROXY"}},
		},
		"EnvOfPipelineRun": {
			reason: "A PipelineRun has templates in two places.",
			object: &v1.PipelineRun{Spec: v1.PipelineRunSpec{
				PipelineRef:     &v1.PipelineRef{Name: "p"},
				TaskRunTemplate: v1.PipelineTaskRunTemplate{PodTemplate: env("HTTP_PROXY")},
				TaskRunSpecs:    []v1.PipelineTaskRunSpec{{}, {PodTemplate: env("NO_PROXY")}},
			}},
			limits: validation.Limits{ForbiddenEnv: []string{"HTTP_PROXY", "NO_PROXY"}},
			want:   []string{"spec.taskRunTemplate.podTemplate.env[0].name: Forbidden", "spec.taskRunSpecs[1].podTemplate.env[0].name: Forbidden"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.limits.MatrixCombinations = validation.DefaultLimits().MatrixCombinations
			object, ok := validation.ObjectOf(tc.object)
			if !ok {
				t.Fatalf("there are no rules for a %T", tc.object)
			}
			errs := validation.Errors(func(r *validation.Report) { object.ReportLimits(r, tc.limits) })
			if len(errs) != len(tc.want) {
				t.Fatalf("%s\nerrors: %v, want %q", tc.reason, errs, tc.want)
			}
			for i, want := range tc.want {
				if !strings.Contains(errs[i].Error(), want) {
					t.Errorf("%s\nerror %q, want %q in it", tc.reason, errs[i], want)
				}
			}
		})
	}
}
