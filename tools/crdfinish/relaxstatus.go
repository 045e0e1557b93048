package main

// relaxStatus removes the rules from a status. The copy of a spec in it was validated as a spec, and may differ now: the values of a
// when expression may be an empty array. A rule that rejects the copy would block the run. From copies of whole specs, relaxStatus
// removes everything that is not needed to decode a value (types, formats, bounds of numbers and patterns stay), and the
// descriptions, which would double the size of the CRD.
func relaxStatus(crd map[string]any) {
	for _, version := range versionsOf(crd) {
		status := at(version, "schema", "openAPIV3Schema", "properties", "status")
		schemas(status, func(schema map[string]any) { delete(schema, "x-kubernetes-validations") })
		for _, name := range []string{"taskSpec", "pipelineSpec"} {
			if copied := at(status, "properties", name); copied != nil {
				description := copied["description"]
				schemas(copied, relax)
				copied["description"] = description
			}
		}
	}
}

// relax removes from a schema its description, and the rules that reject values which can be decoded.
func relax(schema map[string]any) {
	for _, key := range []string{"description", "x-kubernetes-validations", "minItems", "maxItems", "minLength", "enum"} {
		delete(schema, key)
	}
	if _, has := schema["pattern"]; !has {
		delete(schema, "maxLength")
	}
}

// schemas calls change for a schema and all schemas in it. Unlike each, it does not treat a list of properties, whose keys can
// be any word, as a schema.
func schemas(schema map[string]any, change func(map[string]any)) {
	change(schema)
	properties, _ := schema["properties"].(map[string]any)
	for _, property := range properties {
		if inner, ok := property.(map[string]any); ok {
			schemas(inner, change)
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := schema[key].(map[string]any); ok {
			schemas(inner, change)
		}
	}
}

// at follows keys through objects. It returns nil if a key does not exist.
func at(node any, keys ...string) map[string]any {
	for _, key := range keys {
		object, _ := node.(map[string]any)
		node = object[key]
	}
	object, _ := node.(map[string]any)
	return object
}
