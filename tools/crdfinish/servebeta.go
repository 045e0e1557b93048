package main

import (
	"maps"
	"slices"
	"strings"
)

// serveBeta also serves a kind of v1 as v1beta1, which has other fields. A webhook of the controller converts between both, so the
// schema here must have the same names as internal/convert. It has no descriptions: they would double the size of the CRD.
func serveBeta(crd map[string]any) {
	kind, _ := at(crd, "spec", "names")["kind"].(string)
	change, ok := betas()[kind]
	versions := versionsOf(crd)
	if !ok || len(versions) != 1 {
		return
	}
	later, _ := versions[0].(map[string]any)
	older, _ := deepCopy(later).(map[string]any)
	older["name"], older["storage"] = "v1beta1", false
	root := at(older, "schema", "openAPIV3Schema")
	schemas(root, func(schema map[string]any) { delete(schema, "description") })
	root["description"] = "Version v1beta1 of a " + kind + ". It is stored as v1, whose fields have descriptions."
	change(root)
	at(crd, "spec")["versions"] = []any{older, later}
	at(crd, "spec")["conversion"] = map[string]any{
		"strategy": "Webhook",
		"webhook": map[string]any{
			"conversionReviewVersions": []any{"v1"},
			// The controller writes the caBundle here.
			"clientConfig": map[string]any{"service": map[string]any{
				"namespace": "tekton-pipelines", "name": "sluice-webhook", "path": "/convert", "port": int64(443),
			}},
		},
	}
}

// betas has the changes of the schemas of kinds from v1 to v1beta1.
func betas() map[string]func(root map[string]any) {
	spec := func(change func(map[string]any)) func(map[string]any) {
		return func(root map[string]any) { change(property(root, "spec")) }
	}
	return map[string]func(map[string]any){
		"Task":     spec(betaTaskSpec),
		"Pipeline": spec(betaPipelineSpec),
		"TaskRun": func(root map[string]any) {
			betaTaskRunSpec(property(root, "spec"))
			betaTaskRunStatus(property(root, "status"))
		},
		"PipelineRun": func(root map[string]any) {
			betaPipelineRunSpec(property(root, "spec"))
			betaPipelineRunStatus(property(root, "status"))
		},
	}
}

func betaTaskSpec(spec map[string]any) {
	keepField(spec, "resources")
	for _, container := range []map[string]any{element(spec, "steps"), element(spec, "sidecars"), property(spec, "stepTemplate")} {
		rename(container, "computeResources", "resources")
	}
	for _, step := range []map[string]any{element(spec, "steps"), property(spec, "stepTemplate")} {
		keepField(step, "ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "terminationMessagePath",
			"terminationMessagePolicy", "stdin", "stdinOnce", "tty")
	}
	keepField(property(spec, "stepTemplate"), "name")
}

func betaPipelineSpec(spec map[string]any) {
	keepField(spec, "resources")
	for _, task := range []map[string]any{element(spec, "tasks"), element(spec, "finally")} {
		keepField(task, "resources")
		keepField(property(task, "taskRef"), "bundle")
		keepField(property(task, "pipelineRef"), "bundle")
		betaTaskSpec(property(task, "taskSpec"))
		if inner := property(task, "pipelineSpec"); inner != nil {
			betaPipelineSpec(inner)
		}
	}
}

func betaTaskRunSpec(spec map[string]any) {
	keepField(spec, "resources")
	keepField(property(spec, "taskRef"), "bundle")
	betaTaskSpec(property(spec, "taskSpec"))
	betaOverrides(spec)
}

// betaOverrides changes what a run sets for the containers of a task.
func betaOverrides(spec map[string]any) {
	for _, names := range [][2]string{{"stepSpecs", "stepOverrides"}, {"sidecarSpecs", "sidecarOverrides"}} {
		rename(element(spec, names[0]), "computeResources", "resources")
		rename(spec, names[0], names[1])
	}
}

func betaTaskRunStatus(status map[string]any) {
	rename(status, "results", "taskResults")
	keepField(status, "cloudEvents", "resourcesResult")
	keepField(property(status, "provenance"), "configSource")
	keepField(property(element(status, "steps"), "provenance"), "configSource")
	betaTaskSpec(property(status, "taskSpec"))
	if attempt := element(status, "retriesStatus"); attempt != nil {
		betaTaskRunStatus(attempt)
	}
}

func betaPipelineRunSpec(spec map[string]any) {
	keepField(spec, "resources", "timeout")
	keepField(property(spec, "pipelineRef"), "bundle")
	if pipeline := property(spec, "pipelineSpec"); pipeline != nil {
		betaPipelineSpec(pipeline)
	}
	if properties, template := at(spec, "properties"), property(spec, "taskRunTemplate"); template != nil {
		maps.Copy(properties, at(template, "properties"))
		delete(properties, "taskRunTemplate")
	}
	of := element(spec, "taskRunSpecs")
	betaOverrides(of)
	rename(of, "serviceAccountName", "taskServiceAccountName")
	rename(of, "podTemplate", "taskPodTemplate")
}

func betaPipelineRunStatus(status map[string]any) {
	rename(status, "results", "pipelineResults")
	keepField(status, "taskRuns", "runs")
	keepField(property(status, "provenance"), "configSource")
	if pipeline := property(status, "pipelineSpec"); pipeline != nil {
		betaPipelineSpec(pipeline)
	}
}

// property returns the schema of a field of an object; nil if it has no such field.
func property(schema map[string]any, name string) map[string]any {
	return at(schema, "properties", name)
}

// element returns the schema of the elements of a list; nil if there is no such list.
func element(schema map[string]any, name string) map[string]any {
	return at(schema, "properties", name, "items")
}

// rename renames a field, also in the rules of the object.
func rename(schema map[string]any, from, to string) {
	properties := at(schema, "properties")
	value, ok := properties[from]
	if !ok {
		return
	}
	delete(properties, from)
	properties[to] = value
	if required, isList := schema["required"].([]any); isList {
		if i := slices.Index(required, any(from)); i >= 0 {
			required[i] = to
		}
	}
	rules, _ := schema["x-kubernetes-validations"].([]any)
	for _, rule := range rules {
		fields, _ := rule.(map[string]any)
		for _, key := range []string{"rule", "messageExpression"} {
			if text, has := fields[key].(string); has {
				fields[key] = strings.ReplaceAll(text, "self."+from, "self."+to)
			}
		}
		if fields["fieldPath"] == "."+from {
			fields["fieldPath"] = "." + to
		}
	}
}

// keepField admits fields with any value in an object with fields. The webhooks refuse those that a new object must not have.
func keepField(schema map[string]any, names ...string) {
	properties := at(schema, "properties")
	if properties == nil {
		return // it keeps all fields
	}
	for _, name := range names {
		properties[name] = map[string]any{"x-kubernetes-preserve-unknown-fields": true}
	}
}

// deepCopy copies a decoded value.
func deepCopy(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for name, inner := range value {
			copied[name] = deepCopy(inner)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, inner := range value {
			copied[i] = deepCopy(inner)
		}
		return copied
	default:
		return value
	}
}
