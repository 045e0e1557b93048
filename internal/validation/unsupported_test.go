package validation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// A run with an unsupported field is refused, and the error names the field. The object can still be stored, because another
// version may support it. Pipelines as tasks of a pipeline represent all others here.
func TestWhatIsNotSupportedIsRefused(t *testing.T) {
	const spec = `
  tasks:
  - {name: a, pipelineRef: {name: p}}
  - {name: b, pipelineSpec: {tasks: []}}`
	gaps := func(prefix string) []string {
		return []string{
			prefix + `.tasks[0].pipelineRef: Forbidden: not supported yet; leave it out`,
			prefix + `.tasks[1].pipelineSpec: Forbidden: not supported yet; leave it out`,
		}
	}
	pipeline := decode[v1.Pipeline](t, "spec:"+spec)
	if errs := Pipeline(pipeline); len(errs) > 0 {
		t.Errorf("a pipeline can be stored, got: %v", errs)
	}
	if diff := cmp.Diff(gaps("pipeline"), messages(PipelineSpec(&pipeline.Spec, field.NewPath("pipeline")))); diff != "" {
		t.Errorf("a pipeline that is to be run: -want, +got:\n%s", diff)
	}
	run := &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: &pipeline.Spec}}
	if diff := cmp.Diff(gaps("spec.pipelineSpec"), messages(PipelineRun(run))); diff != "" {
		t.Errorf("a pipeline that is written out in a run: -want, +got:\n%s", diff)
	}
}
