package main

// afford takes the rules about single mounts out of the kinds that hold whole pipelines: over 1000 tasks of 100 steps with
// 100 mounts, the API server finds their worst cost too high and would refuse the CRD. Tasks and TaskRuns have them, and so
// have the TaskRuns that a pipeline makes.
func afford(crd map[string]any) {
	kind, _ := at(crd, "spec", "names")["kind"].(string)
	if kind != "Pipeline" && kind != "PipelineRun" {
		return
	}
	spec, _ := crd["spec"].(map[string]any)
	versions, _ := spec["versions"].([]any)
	for _, version := range versions {
		schemas(at(version, "schema", "openAPIV3Schema"), func(schema map[string]any) {
			if mount := at(schema, "properties", "volumeMounts", "items"); mount != nil {
				delete(mount, "x-kubernetes-validations")
			}
		})
	}
}
