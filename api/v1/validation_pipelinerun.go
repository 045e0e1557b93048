package v1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate checks the run by itself, and the pipeline that is written out in it. Fields that the controller does not act
// on yet are errors, too.
func (r *PipelineRun) Validate() field.ErrorList {
	path := field.NewPath("spec")
	spec := &r.Spec
	errs := checkOneOf(path, "pipelineRef", "pipelineSpec", spec.PipelineRef != nil, spec.PipelineSpec != nil)
	if spec.PipelineRef != nil {
		errs = append(errs, spec.PipelineRef.validate(path.Child("pipelineRef"))...)
	}
	if spec.PipelineSpec != nil {
		outer := newScope()
		outer.addGiven(spec.Params)
		outer.addBound(spec.Workspaces)
		errs = append(errs, spec.PipelineSpec.validate(path.Child("pipelineSpec"), outer)...)
	}
	errs = append(errs, validateGiven(spec.Params, path.Child("params"))...)
	errs = append(errs, validateBindings(spec.Workspaces, path.Child("workspaces"))...)
	template := path.Child("taskRunTemplate")
	errs = append(errs, checkServiceAccount(template.Child("serviceAccountName"), spec.TaskRunTemplate.ServiceAccountName)...)
	errs = append(errs, spec.TaskRunTemplate.PodTemplate.validate(template.Child("podTemplate"))...)
	errs = append(errs, spec.validateTaskRunSpecs(path.Child("taskRunSpecs"))...)
	errs = append(errs, spec.Timeouts.validate(path.Child("timeouts"))...)
	errs = append(errs, checkFinal(path.Child("status"), string(spec.Status), PipelineRunSpecStatuses())...)
	errs = append(errs, checkManagedBy(path.Child("managedBy"), spec.ManagedBy)...)
	return append(errs, r.Unsupported()...)
}

func (s *PipelineRunSpec) validateTaskRunSpecs(path *field.Path) field.ErrorList {
	var tasks map[string]*PipelineTask
	if s.PipelineSpec != nil {
		tasks = s.PipelineSpec.byName()
	}
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range s.TaskRunSpecs {
		t, path := &s.TaskRunSpecs[i], path.Index(i)
		name := path.Child("pipelineTaskName")
		errs = append(errs, unique.add(name, t.PipelineTaskName)...)
		if tasks != nil {
			if problem := unknown("task of the pipeline", t.PipelineTaskName, sets.KeySet(tasks)); problem != "" {
				errs = append(errs, field.Invalid(name, shown(t.PipelineTaskName), problem))
			}
		}
		errs = append(errs, checkServiceAccount(path.Child("serviceAccountName"), t.ServiceAccountName)...)
		errs = append(errs, t.PodTemplate.validate(path.Child("podTemplate"))...)
		errs = append(errs, checkTimeout(path.Child("timeout"), t.Timeout)...)
		o := overrides{t.ComputeResources, t.StepSpecs, t.SidecarSpecs}
		if task := tasks[t.PipelineTaskName]; task != nil && task.TaskSpec != nil {
			errs = append(errs, o.validate(path, stepNames(task.TaskSpec.Steps), sidecarNames(task.TaskSpec.Sidecars))...)
			continue
		}
		errs = append(errs, o.validate(path, nil, nil)...)
	}
	return errs
}

// validate checks that the parts fit into the whole. A timeout of 0 means none.
func (t *Timeouts) validate(path *field.Path) field.ErrorList {
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
			errs = append(errs, field.Invalid(path.Child(part), d.Duration.String(), "cannot be without limit while the whole run is limited to "+whole.String()))
		case d.Duration > whole:
			errs = append(errs, field.Invalid(path.Child(part), d.Duration.String(), "cannot be longer than the whole run, which is limited to "+whole.String()))
		}
		return d.Duration
	}
	tasks, finally := within("tasks", t.Tasks), within("finally", t.Finally)
	if len(errs) == 0 && tasks+finally > whole {
		errs = append(errs, field.Invalid(path, (tasks+finally).String(), "tasks and finally together cannot be longer than the whole run, which is limited to "+whole.String()))
	}
	return errs
}
