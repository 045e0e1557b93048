package pipelinerun

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// statusPatch returns the patch that changes the status of a run, and nil when there is nothing to change. It is made
// field by field: comparing two whole runs of a thousand tasks as JSON would take longer than everything else in a pass.
func statusPatch(pr *v1.PipelineRun, status v1.PipelineRunStatus) (client.Patch, error) {
	before := pr.Status
	fields := map[string]any{}
	change := func(name string, before, after any) {
		if !equality.Semantic.DeepEqual(before, after) {
			fields[name] = after
		}
	}
	change("observedGeneration", before.ObservedGeneration, status.ObservedGeneration)
	change("conditions", before.Conditions, status.Conditions)
	change("startTime", before.StartTime, status.StartTime)
	change("completionTime", before.CompletionTime, status.CompletionTime)
	change("results", before.Results, status.Results)
	change("childReferences", before.ChildReferences, status.ChildReferences)
	change("skippedTasks", before.SkippedTasks, status.SkippedTasks)
	change("finallyStartTime", before.FinallyStartTime, status.FinallyStartTime)
	if before.PipelineSpec == nil && status.PipelineSpec != nil { // once there, it stays as it is
		fields["pipelineSpec"], fields["provenance"] = status.PipelineSpec, status.Provenance
	}
	if len(fields) == 0 {
		return nil, nil //nolint:nilnil // no patch is what is meant
	}
	data, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": pr.ResourceVersion},
		"status":   fields,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot encode status of PipelineRun %q: %w", pr.Name, err)
	}
	return client.RawPatch(types.MergePatchType, data), nil
}
