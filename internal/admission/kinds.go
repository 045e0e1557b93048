package admission

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// All returns the kinds of the API; config/webhook names their resources. limits returns the current limits.
func All(limits func() v1.Limits) Kinds {
	return Kinds{
		tekton(v1.KindTask):        Of[v1.Task](limits),
		tekton(v1.KindTaskRun):     Of[v1.TaskRun](limits),
		tekton(v1.KindPipeline):    Of[v1.Pipeline](limits),
		tekton(v1.KindPipelineRun): Of[v1.PipelineRun](limits),
		tekton("StepAction"):       Of[v1beta1.StepAction](limits),
	}
}

func tekton(kind string) schema.GroupKind { return schema.GroupKind{Group: v1.GroupName, Kind: kind} }
