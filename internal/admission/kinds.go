package admission

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// All returns the kinds of the API; config/webhook names their resources. limits returns the current limits.
func All(limits func() validation.Limits) Kinds {
	return Kinds{
		tekton(v1.KindTask):        Of(validation.TaskRules(), limits),
		tekton(v1.KindTaskRun):     Of(validation.TaskRunRules(), limits),
		tekton(v1.KindPipeline):    Of(validation.PipelineRules(), limits),
		tekton(v1.KindPipelineRun): Of(validation.PipelineRunRules(), limits),
		tekton("StepAction"):       Of(validation.StepActionRules(), limits),
	}
}

func tekton(kind string) schema.GroupKind { return schema.GroupKind{Group: v1.GroupName, Kind: kind} }
