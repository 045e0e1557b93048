package main

// keepUnknown lets the API server keep unknown fields of a kind, except in its metadata and status, so that the webhooks see them. An
// API server that prunes them stores a misspelled field of most clients in silence. The webhooks refuse each of them by name.
// Kinds of other groups have no webhook, so the API server prunes their unknown fields and warns.
func keepUnknown(crd map[string]any) {
	if at(crd, "spec")["group"] != "tekton.dev" {
		return
	}
	for _, version := range versionsOf(crd) {
		root := at(version, "schema", "openAPIV3Schema")
		keepHere(root)
		schemas(at(root, "properties", "spec"), keepHere)
	}
}

// keepHere changes a schema of an object with fields. Maps have no unknown fields.
func keepHere(schema map[string]any) {
	if _, has := schema["properties"]; has {
		schema["x-kubernetes-preserve-unknown-fields"] = true
	}
}

// versionsOf returns the versions of a CRD.
func versionsOf(crd map[string]any) []any {
	spec, _ := crd["spec"].(map[string]any)
	versions, _ := spec["versions"].([]any)
	return versions
}
