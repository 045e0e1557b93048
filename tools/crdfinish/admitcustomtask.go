package main

import "slices"

// admitCustomTask makes steps optional in the schema of a task that is embedded in a pipeline. Such a task can be a custom task, which
// has apiVersion, kind and spec, and no steps. Validation requires steps of the others.
func admitCustomTask(schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range []string{"apiVersion", "kind", "spec", "steps"} {
		if _, ok := properties[name]; !ok {
			return
		}
	}
	required, _ := schema["required"].([]any)
	required = slices.DeleteFunc(required, func(name any) bool { return name == "steps" })
	schema["required"] = required
	if len(required) == 0 {
		delete(schema, "required")
	}
}
