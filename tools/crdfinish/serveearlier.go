package main

import "maps"

// earlier has the kinds that are also served in an earlier version, with the same schema: the API server then converts between
// both by changing apiVersion.
func earlier() map[string]string { return map[string]string{"StepAction": "v1alpha1"} }

// serveEarlier adds the earlier version of a kind. Objects are stored in the later one.
func serveEarlier(crd map[string]any) {
	kind, _ := at(crd, "spec", "names")["kind"].(string)
	name, ok := earlier()[kind]
	versions := versionsOf(crd)
	if !ok || len(versions) != 1 {
		return
	}
	first, _ := versions[0].(map[string]any)
	second := maps.Clone(first)
	second["name"], second["storage"] = name, false
	at(crd, "spec")["versions"] = []any{second, first}
}
