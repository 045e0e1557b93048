package main

// dropCostlyRules removes the validation rules for mounts from the kinds that contain whole pipelines. The API server estimates their
// cost for 1000 tasks of 100 steps with 100 mounts, and would reject the CRD. Tasks and TaskRuns keep the rules, so they also
// apply to the TaskRuns of a pipeline.
func dropCostlyRules(crd map[string]any) {
	kind, _ := at(crd, "spec", "names")["kind"].(string)
	if kind != "Pipeline" && kind != "PipelineRun" {
		return
	}
	for _, version := range versionsOf(crd) {
		schemas(at(version, "schema", "openAPIV3Schema"), func(schema map[string]any) {
			if mount := at(schema, "properties", "volumeMounts", "items"); mount != nil {
				delete(mount, "x-kubernetes-validations")
			}
		})
	}
}
