package main

// settle takes the rules out of a status, which records what was. What it repeats of a spec was judged there, and can look
// otherwise by now: the values of a when expression may be an array without elements. Here no rule may refuse it again, or a
// run would be held up by the record of itself. Of whole specs, everything goes that a value does not need to be decoded
// (types, formats, bounds of numbers, patterns), and the descriptions, which would double the size of the CRD.
func settle(crd map[string]any) {
	spec, _ := crd["spec"].(map[string]any)
	versions, _ := spec["versions"].([]any)
	for _, version := range versions {
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

// relax removes from a schema its description, and what can refuse a value that can be decoded.
func relax(schema map[string]any) {
	for _, key := range []string{"description", "x-kubernetes-validations", "minItems", "maxItems", "minLength", "enum"} {
		delete(schema, key)
	}
	if _, has := schema["pattern"]; !has {
		delete(schema, "maxLength")
	}
}

// schemas calls change for a schema and all those within it. Unlike each, it does not take a list of properties, whose
// keys can be any word, for a schema.
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

// at follows keys through objects; where there is none, it returns nil.
func at(node any, keys ...string) map[string]any {
	for _, key := range keys {
		object, _ := node.(map[string]any)
		node = object[key]
	}
	object, _ := node.(map[string]any)
	return object
}
