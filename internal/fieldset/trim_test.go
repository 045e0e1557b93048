package fieldset_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/fieldset"
	"github.com/sluice-ci/sluice/test/testutil/fill"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

// document returns the OpenAPI document of a cluster with Tekton's kinds.
func document(t *testing.T, change func(kind string, schema map[string]any)) fieldset.Document {
	t.Helper()
	schemas := map[string]any{}
	for _, kind := range []string{v1.KindTaskRun, v1.KindPipelineRun} {
		fields, err := tektoncrds.Of(kind, "v1")
		if err != nil {
			t.Fatal(err)
		}
		schema := fields.Schema()
		schema["x-kubernetes-group-version-kind"] = []any{map[string]any{"group": "tekton.dev", "version": "v1", "kind": kind}}
		if change != nil {
			change(kind, schema)
		}
		schemas["dev.tekton.v1."+kind] = schema
	}
	text, err := json.Marshal(map[string]any{"openapi": "3.0.0", "components": map[string]any{"schemas": schemas}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := fieldset.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func taskRuns(d fieldset.Document) *fieldset.Trim[v1.TaskRunStatus] {
	status := d.Status(v1.KindTaskRun)
	return fieldset.Compile[v1.TaskRunStatus](status, map[string]*fieldset.Schema{"retriesStatus": status})
}

// strictly returns the fields of a run with a status that Tekton's types do not have. What a user wrote into a spec is not counted:
// Tekton's webhook has accepted it.
func strictly(t *testing.T, kind string, status any) []string {
	t.Helper()
	object, err := json.Marshal(map[string]any{"apiVersion": "tekton.dev/v1", "kind": kind, "status": status})
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := tektoncrds.Unknown(kind, "v1", object)
	if err != nil {
		t.Fatal(err)
	}
	return unknown
}

// TestEveryFieldOfAStatusIsKnownToTekton: a status in which every field is set decodes strictly as Tekton's type, once the unknown
// fields are left out. Without that it does not.
func TestEveryFieldOfAStatusIsKnownToTekton(t *testing.T) {
	with := fill.With{Value: v1.StringValue("x"), Skip: func(t reflect.Type) bool {
		return t == reflect.TypeFor[v1.PipelineSpec]() // as its user wrote it
	}}
	var taskRun v1.TaskRunStatus
	fill.Everything(reflect.ValueOf(&taskRun).Elem(), fill.Depth, with)
	var pipelineRun v1.PipelineRunStatus
	fill.Everything(reflect.ValueOf(&pipelineRun).Elem(), fill.Depth, with)
	d := document(t, nil)
	if len(strictly(t, v1.KindTaskRun, taskRun)) == 0 {
		t.Error("want fields in the status of a TaskRun that only Sluice has; else this test shows nothing")
	}
	if unknown := strictly(t, v1.KindTaskRun, taskRuns(d).Apply(taskRun)); len(unknown) > 0 {
		t.Errorf("Tekton's webhook would reject the status of a TaskRun for %q", unknown)
	}
	ofPipelineRuns := fieldset.Compile[v1.PipelineRunStatus](d.Status(v1.KindPipelineRun), nil)
	if unknown := strictly(t, v1.KindPipelineRun, ofPipelineRuns.Apply(pipelineRun)); len(unknown) > 0 {
		t.Errorf("Tekton's webhook would reject the status of a PipelineRun for %q", unknown)
	}
}

// TestWhatIsLeftOut names the fields, so that a new field of Sluice that Tekton does not have is noticed: what a reconcile needs of
// it must be kept elsewhere.
func TestWhatIsLeftOut(t *testing.T) {
	d := document(t, nil)
	var left []string
	for _, path := range taskRuns(d).Unknown {
		if len(path) < len("taskSpec.") || path[:len("taskSpec.")] != "taskSpec." { // newer fields of Kubernetes
			left = append(left, path)
		}
	}
	want := []string{
		"conditions[].observedGeneration",
		"provenance.featureFlags.signedResultsIdentity",
		"provenance.featureFlags.signedResultsPolicy",
		"retriesStatus[].conditions[].observedGeneration",
		"retriesStatus[].steps[].provenance.featureFlags.signedResultsIdentity",
		"retriesStatus[].steps[].provenance.featureFlags.signedResultsPolicy",
		"steps[].provenance.featureFlags.signedResultsIdentity",
		"steps[].provenance.featureFlags.signedResultsPolicy",
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	ofPipelineRuns := fieldset.Compile[v1.PipelineRunStatus](d.Status(v1.KindPipelineRun), nil)
	want = []string{
		"conditions[].observedGeneration",
		"provenance.featureFlags.signedResultsIdentity",
		"provenance.featureFlags.signedResultsPolicy",
	}
	if diff := cmp.Diff(want, ofPipelineRuns.Unknown); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestApplyDoesNotChangeItsArgument: a status shares memory with the cache.
func TestApplyDoesNotChangeItsArgument(t *testing.T) {
	trim := taskRuns(document(t, nil))
	status := func() v1.TaskRunStatus {
		return v1.TaskRunStatus{
			PodName:       "p",
			Conditions:    []metav1.Condition{{Type: "A"}, {Type: "B", ObservedGeneration: 3}},
			Provenance:    &v1.Provenance{FeatureFlags: &v1.FeatureFlags{MaxResultSize: 1, SignedResultsPolicy: "enforce"}},
			RetriesStatus: []v1.TaskRunAttempt{{PodName: "q", Conditions: []metav1.Condition{{ObservedGeneration: 1}}}},
		}
	}
	want := status()
	want.Conditions[1].ObservedGeneration = 0
	want.Provenance.FeatureFlags.SignedResultsPolicy = ""
	want.RetriesStatus[0].Conditions[0].ObservedGeneration = 0
	given := status()
	if diff := cmp.Diff(want, trim.Apply(given)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(status(), given); diff != "" {
		t.Errorf("the argument has changed: -want +got:\n%s", diff)
	}
}

// TestOpenSchemasLeaveOutNothing: older versions of Tekton keep every field and name none.
func TestOpenSchemasLeaveOutNothing(t *testing.T) {
	d := document(t, func(_ string, schema map[string]any) {
		delete(schema, "properties")
		schema["x-kubernetes-preserve-unknown-fields"] = true
	})
	if d.Status(v1.KindTaskRun) != nil {
		t.Error("want no schema of the status")
	}
	if has, ok := d.Has(v1.KindTaskRun, "spec", "managedBy"); has || ok {
		t.Errorf("want it to be unknown whether there is a field, got %t, %t", has, ok)
	}
	trim := taskRuns(d)
	status := v1.TaskRunStatus{Provenance: &v1.Provenance{FeatureFlags: &v1.FeatureFlags{SignedResultsPolicy: "warn"}}}
	if diff := cmp.Diff(status, trim.Apply(status)); diff != "" || len(trim.Unknown) > 0 {
		t.Errorf("left out %q: -want +got:\n%s", trim.Unknown, diff)
	}
}

// TestOlderTekton: a field that an older version lacks is left out, also in lists and in attempts.
func TestOlderTekton(t *testing.T) {
	d := document(t, func(kind string, schema map[string]any) {
		if kind == v1.KindTaskRun {
			status := schema["properties"].(map[string]any)["status"].(map[string]any)["properties"].(map[string]any)
			delete(status["steps"].(map[string]any)["items"].(map[string]any)["properties"].(map[string]any), "terminationReason")
			delete(schema["properties"].(map[string]any)["spec"].(map[string]any)["properties"].(map[string]any), "managedBy")
		}
	})
	if has, ok := d.Has(v1.KindTaskRun, "spec", "managedBy"); has || !ok {
		t.Errorf("want it to be known that there is no field, got %t, %t", has, ok)
	}
	trim := taskRuns(d)
	if !slices.Contains(trim.Unknown, "steps[].terminationReason") {
		t.Errorf("want the field among those left out, got %q", trim.Unknown)
	}
	got := trim.Apply(v1.TaskRunStatus{
		Steps:         []v1.StepState{{Name: "a", TerminationReason: "Error"}},
		RetriesStatus: []v1.TaskRunAttempt{{Steps: []v1.StepState{{Name: "b", TerminationReason: "Error"}}}},
	})
	want := v1.TaskRunStatus{
		Steps: []v1.StepState{{Name: "a"}}, RetriesStatus: []v1.TaskRunAttempt{{Steps: []v1.StepState{{Name: "b"}}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
