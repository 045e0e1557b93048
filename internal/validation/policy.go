package validation

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// InlineSpecs are the kinds in which a Task or Pipeline is not to be written out: disable-inline-spec of feature-flags.
type InlineSpecs struct {
	// Pipeline is about taskSpec and pipelineSpec of the tasks of a pipeline, also of one that is written out in a PipelineRun.
	Pipeline bool
	// PipelineRun is about pipelineSpec of a PipelineRun, also of one that another PipelineRun makes for a task.
	PipelineRun bool
	// TaskRun is about taskSpec of a TaskRun, also of one that a PipelineRun makes for a task that is written out.
	TaskRun bool
}

// inlineSetting names the setting in messages.
const inlineSetting = "disable-inline-spec of ConfigMap feature-flags"

// TaskRunPolicy checks what the settings forbid: that the task is written out, and environment variables.
func TaskRunPolicy(r *v1.TaskRun, l Limits) field.ErrorList {
	path := field.NewPath("spec")
	errs := PodTemplateEnv(path.Child("podTemplate"), r.Spec.PodTemplate, l)
	if r.Spec.TaskSpec != nil && l.NoInlineSpec.TaskRun {
		errs = append(errs, field.Forbidden(path.Child("taskSpec"), "the installation does not allow it in a TaskRun ("+
			inlineSetting+"); refer to a Task with taskRef"))
	}
	return errs
}

// ReportTaskRunLimits reports what TaskRunPolicy returns: no other setting bounds a TaskRun.
func ReportTaskRunLimits(report *Report, r *v1.TaskRun, l Limits) { report.Add(TaskRunPolicy(r, l)...) }

// PipelineRunPolicy is like TaskRunPolicy. A pipeline that is written out in the run is checked as well.
func PipelineRunPolicy(r *v1.PipelineRun, l Limits) field.ErrorList {
	path := field.NewPath("spec")
	errs := PodTemplateEnv(path.Child("taskRunTemplate", "podTemplate"), r.Spec.TaskRunTemplate.PodTemplate, l)
	for i := range r.Spec.TaskRunSpecs {
		errs = append(errs, PodTemplateEnv(path.Child("taskRunSpecs").Index(i).Child("podTemplate"), r.Spec.TaskRunSpecs[i].PodTemplate, l)...)
	}
	if r.Spec.PipelineSpec == nil {
		return errs
	}
	path = path.Child("pipelineSpec")
	if l.NoInlineSpec.PipelineRun {
		errs = append(errs, field.Forbidden(path, "the installation does not allow it in a PipelineRun ("+
			inlineSetting+"); refer to a Pipeline with pipelineRef"))
	}
	return append(errs, PipelineSpecPolicy(r.Spec.PipelineSpec, path, l)...)
}

// PipelineSpecPolicy checks that no task of the pipeline is written out, where the settings forbid that. Two errors say it as
// well as thousands.
func PipelineSpecPolicy(s *v1.PipelineSpec, path *field.Path, l Limits) field.ErrorList {
	if !l.NoInlineSpec.Pipeline {
		return nil
	}
	var errs field.ErrorList
	for _, list := range taskLists(s) {
		for i := range list.tasks {
			switch at := path.Child(list.field).Index(i); {
			case list.tasks[i].TaskSpec != nil:
				errs = append(errs, field.Forbidden(at.Child("taskSpec"),
					"the installation does not allow it in a pipeline ("+inlineSetting+"); refer to a Task with taskRef"))
			case list.tasks[i].PipelineSpec != nil:
				errs = append(errs, field.Forbidden(at.Child("pipelineSpec"),
					"the installation does not allow it in a pipeline ("+inlineSetting+"); refer to a Pipeline with pipelineRef"))
			default:
				continue
			}
			break
		}
	}
	return errs
}

// PodTemplateEnv checks that the template of a run does not set an environment variable that the settings reserve
// for the Task. Those of the settings' own template, which a run gets when it is created, are allowed. The template may be nil.
func PodTemplateEnv(path *field.Path, template *v1.PodTemplate, l Limits) field.ErrorList {
	if template == nil || len(l.ForbiddenEnv) == 0 {
		return nil
	}
	forbidden := sets.New(l.ForbiddenEnv...)
	var errs field.ErrorList
	for i := range template.Env {
		if name := template.Env[i].Name; forbidden.Has(name) && !l.isOwn(template.Env[i]) {
			forbidden.Delete(name) // each is named once
			errs = append(errs, field.Forbidden(path.Child("env").Index(i).Child("name"),
				fmt.Sprintf("a pod template must not set %q (default-forbidden-env of ConfigMap config-defaults); "+
					"set it in the steps of the Task, or leave it out", name)))
		}
	}
	return errs
}

// isOwn reports whether a variable is one of the installation's own pod template, with the same value.
func (l Limits) isOwn(variable corev1.EnvVar) bool {
	return slices.ContainsFunc(l.OwnEnv, func(own corev1.EnvVar) bool { return equality.Semantic.DeepEqual(own, variable) })
}
