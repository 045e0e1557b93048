package load

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/dag"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestPipeline: the webhook accepts the measured pipeline, and it has the shape of its name.
func TestPipeline(t *testing.T) {
	cases := map[string]struct {
		reason string
		shape  Shape
		// waits are the numbers of tasks on which each task depends.
		waits []int
	}{
		"Wide":   {reason: "one, then all, then one", shape: Wide, waits: []int{0, 1, 1, 3}},
		"Chain":  {reason: "one after another", shape: Chain, waits: []int{0, 1, 1, 1}},
		"Custom": {reason: "as Wide", shape: Custom, waits: []int{0, 1, 1, 3}},
		"Nested": {reason: "as Wide", shape: Nested, waits: []int{0, 1, 1, 3}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			run := &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: Pipeline(tc.shape, len(tc.waits))}}
			run.Name = "run"
			validation.DefaultPipelineRun(run)
			if err := validation.PipelineRun(run); len(err) > 0 {
				t.Fatalf("it is refused: %v", err)
			}
			graph, err := dag.Build(run.Spec.PipelineSpec.Tasks)
			if err != nil {
				t.Fatal(err)
			}
			waits := make([]int, 0, len(tc.waits))
			for i := range run.Spec.PipelineSpec.Tasks {
				waits = append(waits, len(graph.Before(i)))
			}
			if diff := cmp.Diff(tc.waits, waits); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
