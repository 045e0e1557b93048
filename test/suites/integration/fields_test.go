//go:build integration

package integration

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// decoded reads YAML into an object of a namespace.
func decoded(t *testing.T, namespace, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	o.SetNamespace(namespace)
	return o
}

// refuseUnknown shows that no client can store a misspelled field, however it asks the API server to validate: the schemas keep
// unknown fields for the webhooks, and the webhooks refuse them.
func refuseUnknown(t *testing.T, namespace string) {
	t.Helper()
	cases := map[string]struct{ object, want string }{
		"Root": {
			object: `{apiVersion: tekton.dev/v1, kind: Task, metadata: {name: u}, spek: {}, spec: {steps: [{image: i}]}}`,
			want:   `spek: Forbidden: unknown field; did you mean "spec"?`,
		},
		"Step": {
			object: `{apiVersion: tekton.dev/v1, kind: Task, metadata: {name: u}, spec: {steps: [{image: i, scriptt: "true"}]}}`,
			want:   `spec.steps[0].scriptt: Forbidden: unknown field; did you mean "script"?`,
		},
		"TypeOfKubernetes": {
			object: `{apiVersion: tekton.dev/v1, kind: TaskRun, metadata: {name: u},
				spec: {taskRef: {name: t}, podTemplate: {securityContext: {runAsUsr: 1}}}}`,
			want: `spec.podTemplate.securityContext.runAsUsr: Forbidden: unknown field; did you mean "runAsUser"?`,
		},
		"WhatIsRequired": {
			object: `{apiVersion: tekton.dev/v1, kind: TaskRun, metadata: {name: u}, spec: {taskRfe: {name: t}}}`,
			want:   `spec.taskRfe: Forbidden: unknown field; did you mean "taskRef"?`,
		},
		"TaskOfPipelineOfRun": {
			object: `{apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: {name: u},
				spec: {pipelineSpec: {finally: [{name: a, taskSpec: {steps: [{image: i, timout: 1m}]}}], tasks: [{name: b, taskRef: {name: t}}]}}}`,
			want: `spec.pipelineSpec.finally[0].taskSpec.steps[0].timout: Forbidden: unknown field; did you mean "timeout"?`,
		},
		"Pipeline": {
			object: `{apiVersion: tekton.dev/v1, kind: Pipeline, metadata: {name: u}, spec: {tasks: [{name: b, retrys: 1, taskRef: {name: t}}]}}`,
			want:   `spec.tasks[0].retrys: Forbidden: unknown field; did you mean "retries"?`,
		},
		"StepAction": {
			object: `{apiVersion: tekton.dev/v1beta1, kind: StepAction, metadata: {name: u}, spec: {image: i, skript: "true"}}`,
			want:   `spec.skript: Forbidden: unknown field; did you mean "script"?`,
		},
	}
	for name, tc := range cases {
		for _, validation := range []string{metav1.FieldValidationIgnore, metav1.FieldValidationWarn, metav1.FieldValidationStrict} {
			c := client.WithFieldValidation(shared.client, client.FieldValidation(validation))
			err := c.Create(t.Context(), decoded(t, namespace, tc.object))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s, %s: want %q, got: %v", name, validation, tc.want, err)
			}
		}
	}
	stored := decoded(t, namespace, `{apiVersion: tekton.dev/v1, kind: Task, metadata: {name: later}, spec: {steps: [{image: i}]}}`)
	if err := shared.client.Create(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	for _, patch := range []string{`{"spek":{}}`, `{"spec":{"stepz":[]}}`} {
		err := shared.client.Patch(t.Context(), stored.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
		if err == nil || !strings.Contains(err.Error(), "unknown field") {
			t.Errorf("%s: want it refused, got: %v", patch, err)
		}
	}
	if err := shared.client.Patch(t.Context(), stored, client.RawPatch("application/merge-patch+json",
		[]byte(`{"metadata":{"labels":{"a":"b"}}}`))); err != nil {
		t.Errorf("want the label, got: %v", err)
	}
}

// respell shows that the API server stores a field by its name when the case of its letters is wrong.
func respell(t *testing.T, namespace string) {
	t.Helper()
	o := decoded(t, namespace, `{apiVersion: tekton.dev/v1, kind: TaskRun, metadata: {name: cased}, spec: {taskspec: {
		workspaces: [{name: w, mountpath: /data}], steps: [{Image: i, volumeMounts: [{name: v, mountpath: /a}]}],
		volumes: [{name: v, emptyDir: {}}]}, workspaces: [{name: w, emptydir: {}}]}}`)
	if err := shared.client.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	steps, _, err := unstructured.NestedSlice(o.Object, "spec", "taskSpec", "steps")
	if err != nil || len(steps) != 1 {
		t.Fatalf("want taskSpec with its step, got %v: %v", o.Object["spec"], err)
	}
	step, _ := steps[0].(map[string]any)
	mounts, _, _ := unstructured.NestedSlice(step, "volumeMounts")
	mount, _ := mounts[0].(map[string]any)
	if step["image"] != "i" || mount["mountPath"] != "/a" || mount["mountpath"] != nil {
		t.Errorf("want the fields by their names, got %v", step)
	}
	again := decoded(t, namespace, `{apiVersion: tekton.dev/v1, kind: TaskRun, metadata: {name: cased}, spec: {RETRIES: 2}}`)
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"RETRIES":2}}`))
	if err := shared.client.Patch(t.Context(), again, patch); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := unstructured.NestedInt64(again.Object, "spec", "retries"); got != 2 {
		t.Errorf("want an update to give the field its name, too, got %v", again.Object["spec"])
	}
}

// serveAlpha shows that an object of the earlier version of StepAction is the same object in the later one.
func serveAlpha(t *testing.T, namespace string) {
	t.Helper()
	o := decoded(t, namespace, `{apiVersion: tekton.dev/v1alpha1, kind: StepAction, metadata: {name: alpha},
		spec: {image: i, script: "true", params: [{name: p, default: [a]}]}}`)
	if err := shared.client.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := o.GetAPIVersion(); got != "tekton.dev/v1alpha1" {
		t.Errorf("want the version that was asked for, got %s", got)
	}
	later := decoded(t, namespace, `{apiVersion: tekton.dev/v1beta1, kind: StepAction, metadata: {name: alpha}}`)
	if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(o), later); err != nil {
		t.Fatal(err)
	}
	params, _, _ := unstructured.NestedSlice(later.Object, "spec", "params")
	if param, _ := params[0].(map[string]any); param["type"] != "array" {
		t.Errorf("want the defaults in this version, too, got %v", params)
	}
	bad := decoded(t, namespace,
		`{apiVersion: tekton.dev/v1alpha1, kind: StepAction, metadata: {name: bad}, spec: {image: i, skript: "true"}}`)
	if err := shared.client.Create(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "spec.skript: Forbidden: unknown field") {
		t.Errorf("want it refused by name, got: %v", err)
	}
}
