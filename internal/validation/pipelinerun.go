package validation

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// PipelineRun checks a run that is about to start; see ReportPipelineRun.
func PipelineRun(r *v1.PipelineRun) field.ErrorList {
	return Errors(func(report *Report) {
		report.starting = true
		ReportPipelineRun(report, r)
	})
}

// ReportPipelineRun checks the run alone, with its embedded pipeline.
func ReportPipelineRun(report *Report, r *v1.PipelineRun) {
	report.ofTemplate()
	path := field.NewPath("spec")
	spec := &r.Spec
	report.Add(checkOneOf(path, "pipelineRef", "pipelineSpec", spec.PipelineRef != nil, spec.PipelineSpec != nil)...)
	if spec.PipelineRef != nil {
		validatePipelineRef(report, spec.PipelineRef, path.Child("pipelineRef"))
	}
	if spec.PipelineSpec != nil {
		outer := newScope(report)
		outer.open = true
		outer.addGiven(spec.Params)
		outer.addBound(spec.Workspaces)
		validatePipelineSpec(spec.PipelineSpec, path.Child("pipelineSpec"), outer)
	}
	validateGiven(report, spec.Params, path.Child("params"))
	validateBindings(report, spec.Workspaces, path.Child("workspaces"))
	template := path.Child("taskRunTemplate")
	report.Add(checkServiceAccount(template.Child("serviceAccountName"), spec.TaskRunTemplate.ServiceAccountName)...)
	validatePodTemplate(report, spec.TaskRunTemplate.PodTemplate, template.Child("podTemplate"))
	validateTaskRunSpecs(report, spec, path.Child("taskRunSpecs"))
	report.Add(validateTimeouts(spec.Timeouts, path.Child("timeouts"))...)
	report.Add(checkFinal(path.Child("status"), string(spec.Status), v1.PipelineRunSpecStatuses())...)
	report.Add(checkManagedBy(path.Child("managedBy"), spec.ManagedBy)...)
}

func validateTaskRunSpecs(r *Report, s *v1.PipelineRunSpec, path *field.Path) {
	tasks := newNames[*v1.PipelineTask](nil)
	if s.PipelineSpec != nil {
		for _, list := range taskLists(s.PipelineSpec) {
			for i := range list.tasks {
				tasks.add(list.tasks[i].Name, &list.tasks[i])
			}
		}
	}
	unique := newUniqueNames()
	for i := range r.each(len(s.TaskRunSpecs)) {
		t, path := &s.TaskRunSpecs[i], path.Index(i)
		name := path.Child("pipelineTaskName")
		twice := unique.add(name, t.PipelineTaskName)
		r.Add(twice...)
		if s.PipelineSpec != nil {
			if problem := tasks.unknown("task of the pipeline", t.PipelineTaskName); problem != "" {
				r.Add(field.Invalid(name, shown(t.PipelineTaskName), problem))
			}
		}
		task, _ := tasks.get(t.PipelineTaskName)
		r.Add(NestedOverride(path, task, t)...)
		r.Add(checkServiceAccount(path.Child("serviceAccountName"), t.ServiceAccountName)...)
		validatePodTemplate(r, t.PodTemplate, path.Child("podTemplate"))
		r.Add(checkTimeout(path.Child("timeout"), t.Timeout)...)
		o := overrides{t.ComputeResources, t.StepSpecs, t.SidecarSpecs}
		// The names of a task's containers are gathered for one entry only, or the work would grow with the product of both.
		if task != nil && task.Embedded() != nil && len(twice) == 0 {
			o.validate(r, path, stepNames(task.TaskSpec.Steps), sidecarNames(task.TaskSpec.Sidecars))
			continue
		}
		o.validate(r, path, nil, nil)
	}
}

// validateTimeouts checks that the parts fit into the whole. A timeout of 0 means none.
func validateTimeouts(t *v1.Timeouts, path *field.Path) field.ErrorList {
	if t == nil {
		return nil
	}
	errs := checkTimeout(path.Child("pipeline"), t.Pipeline)
	errs = append(errs, checkTimeout(path.Child("tasks"), t.Tasks)...)
	errs = append(errs, checkTimeout(path.Child("finally"), t.Finally)...)
	if len(errs) > 0 || t.Pipeline == nil || t.Pipeline.Duration == 0 {
		return errs
	}
	whole := t.Pipeline.Duration
	within := func(part string, d *metav1.Duration) time.Duration {
		switch {
		case d == nil:
			return 0
		case d.Duration == 0:
			errs = append(errs, field.Invalid(path.Child(part), d.Duration.String(), "cannot be without limit while the whole run is limited to "+
				whole.String()))
		case d.Duration > whole:
			errs = append(errs, field.Invalid(path.Child(part), d.Duration.String(), "cannot be longer than the whole run, which is limited to "+
				whole.String()))
		}
		return d.Duration
	}
	tasks, finally := within("tasks", t.Tasks), within("finally", t.Finally)
	if len(errs) == 0 && tasks+finally > whole {
		errs = append(errs, field.Invalid(path, (tasks+finally).String(),
			"tasks and finally together cannot be longer than the whole run, which is limited to "+whole.String()))
	}
	return errs
}
