package admission

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/creation"
	"github.com/sluice-ci/sluice/internal/validation"
)

// All returns the kinds of the API; config/webhook names their resources. limits and settings return the current ones.
func All(limits func() validation.Limits, settings func() creation.Settings) Kinds {
	return Kinds{
		tekton(v1.KindTask):            Of(validation.TaskRules(), limits),
		tekton(v1.KindTaskRun):         OfRun(validation.TaskRunRules(), limits, taskRuns(settings)),
		tekton(v1.KindPipeline):        Of(validation.PipelineRules(), limits),
		tekton(v1.KindPipelineRun):     OfRun(validation.PipelineRunRules(), limits, pipelineRuns(settings)),
		tekton(v1beta1.KindStepAction): Of(validation.StepActionRules(), limits),
		tekton(v1beta1.KindCustomRun):  Of(validation.CustomRunRules(), limits),

		tekton(v1alpha1.KindVerificationPolicy): Of(validation.VerificationPolicyRules(), limits),

		// The resolvers check requests. Here is only the limit of what they cost the API server.
		{Group: resolutionv1beta1.GroupName, Kind: resolutionv1beta1.KindResolutionRequest}: Of(
			validation.Rules[resolutionv1beta1.ResolutionRequest]{
				Default: func(*resolutionv1beta1.ResolutionRequest) {},
				Report:  func(*validation.Report, *resolutionv1beta1.ResolutionRequest) {},
			}, limits),
	}
}

func taskRuns(settings func() creation.Settings) Completion[v1.TaskRun] {
	return Completion[v1.TaskRun]{
		Meta:   func(r *v1.TaskRun) *metav1.ObjectMeta { return &r.ObjectMeta },
		Create: func(r *v1.TaskRun) { creation.TaskRun(r, settings()) },
		Update: func(r, old *v1.TaskRun) { creation.TaskRunUpdate(r, old, settings()) },
	}
}

func pipelineRuns(settings func() creation.Settings) Completion[v1.PipelineRun] {
	return Completion[v1.PipelineRun]{
		Meta:   func(r *v1.PipelineRun) *metav1.ObjectMeta { return &r.ObjectMeta },
		Create: func(r *v1.PipelineRun) { creation.PipelineRun(r, settings()) },
		Update: func(r, old *v1.PipelineRun) { creation.PipelineRunUpdate(r, old, settings()) },
	}
}

func tekton(kind string) schema.GroupKind { return schema.GroupKind{Group: v1.GroupName, Kind: kind} }
