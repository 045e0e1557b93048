package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/trust"
)

// Rules are the defaults and the rules of one kind of object.
type Rules[T any] struct {
	// Default fills in what the object leaves out.
	Default func(object *T)
	// Report reports every rule that the object breaks.
	Report func(r *Report, object *T)
	// ReportLimits reports every broken rule that depends on the settings of the installation. It is nil where no
	// setting bounds the kind.
	ReportLimits func(r *Report, object *T, l Limits)
	// Update returns every rule about changes that the one from old breaks. It is nil where everything may change.
	Update func(object, old *T) field.ErrorList
}

// TaskRules returns the rules of Tasks.
func TaskRules() Rules[v1.Task] {
	return Rules[v1.Task]{Default: DefaultTask, Report: ReportTask}
}

// TaskRunRules returns the rules of TaskRuns.
func TaskRunRules() Rules[v1.TaskRun] {
	return Rules[v1.TaskRun]{
		Default: DefaultTaskRun, Report: ReportTaskRun, ReportLimits: ReportTaskRunLimits, Update: TaskRunUpdate,
	}
}

// PipelineRules returns the rules of Pipelines.
func PipelineRules() Rules[v1.Pipeline] {
	return Rules[v1.Pipeline]{Default: DefaultPipeline, Report: ReportPipeline, ReportLimits: ReportPipelineLimits}
}

// PipelineRunRules returns the rules of PipelineRuns.
func PipelineRunRules() Rules[v1.PipelineRun] {
	return Rules[v1.PipelineRun]{
		Default: DefaultPipelineRun, Report: ReportPipelineRun, ReportLimits: ReportPipelineRunLimits, Update: PipelineRunUpdate,
	}
}

// StepActionRules returns the rules of StepActions.
func StepActionRules() Rules[v1beta1.StepAction] {
	return Rules[v1beta1.StepAction]{Default: DefaultStepAction, Report: ReportStepAction}
}

// VerificationPolicyRules returns the rules of VerificationPolicies. They have no defaults.
func VerificationPolicyRules() Rules[v1alpha1.VerificationPolicy] {
	return Rules[v1alpha1.VerificationPolicy]{
		Default: func(*v1alpha1.VerificationPolicy) {},
		Report:  func(r *Report, p *v1alpha1.VerificationPolicy) { r.Add(trust.CheckPolicy(p)...) },
	}
}

// CustomRunRules returns the rules of CustomRuns.
func CustomRunRules() Rules[v1beta1.CustomRun] {
	return Rules[v1beta1.CustomRun]{Default: DefaultCustomRun, Report: ReportCustomRun}
}

// Object is an object together with the defaults and rules of its kind.
type Object interface {
	// Default fills in what the object leaves out.
	Default()
	// Report reports every rule that the object breaks.
	Report(r *Report)
	// ReportLimits reports every broken rule that depends on the settings of the installation.
	ReportLimits(r *Report, l Limits)
}

// ObjectOf returns a pointer to an object of the API as an Object, and false for anything else.
func ObjectOf(object any) (Object, bool) {
	switch o := object.(type) {
	case *v1.Task:
		return bound[v1.Task]{o, TaskRules()}, true
	case *v1.TaskRun:
		return bound[v1.TaskRun]{o, TaskRunRules()}, true
	case *v1.Pipeline:
		return bound[v1.Pipeline]{o, PipelineRules()}, true
	case *v1.PipelineRun:
		return bound[v1.PipelineRun]{o, PipelineRunRules()}, true
	case *v1beta1.StepAction:
		return bound[v1beta1.StepAction]{o, StepActionRules()}, true
	case *v1alpha1.VerificationPolicy:
		return bound[v1alpha1.VerificationPolicy]{o, VerificationPolicyRules()}, true
	case *v1beta1.CustomRun:
		return bound[v1beta1.CustomRun]{o, CustomRunRules()}, true
	default:
		return nil, false
	}
}

// bound is an object and the rules of its kind.
type bound[T any] struct {
	object *T
	rules  Rules[T]
}

func (b bound[T]) Default() { b.rules.Default(b.object) }

func (b bound[T]) Report(r *Report) { b.rules.Report(r, b.object) }

func (b bound[T]) ReportLimits(r *Report, l Limits) {
	if b.rules.ReportLimits != nil {
		b.rules.ReportLimits(r, b.object, l)
	}
}
