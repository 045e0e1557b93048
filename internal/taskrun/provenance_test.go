package taskrun

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/results"
)

// finalizerOfChains is set by Chains when it sees a run, and removed when it has signed the run.
const finalizerOfChains = "chains.tekton.dev/taskrun"

// found returns the params of a reference for the resolver "cluster".
func found(name string) v1.ResolverRef {
	return v1.ResolverRef{Resolver: "cluster", Params: []v1.Param{
		{Name: "name", Value: v1.StringValue(name)}, {Name: "namespace", Value: v1.StringValue("other")},
	}}
}

// provable returns the objects of a run that builds an image: its Task and the StepAction of a step come from a resolver.
func provable() []client.Object {
	action := &v1beta1.StepAction{
		ObjectMeta: metav1.ObjectMeta{Name: "push", Namespace: "other", UID: "action-uid"},
		Spec:       v1beta1.StepActionSpec{Image: "busybox:1", Script: "echo push"},
	}
	task := &v1.Task{
		ObjectMeta: metav1.ObjectMeta{Name: "image", Namespace: "other", UID: "task-uid", Labels: map[string]string{"team": "release"}},
		Spec: v1.TaskSpec{
			Params: []v1.ParamSpec{{Name: "image", Type: v1.TypeString}},
			Results: []v1.TaskResult{
				{Name: "IMAGE_URL"}, {Name: "IMAGE_DIGEST"},
				{Name: "app-ARTIFACT_OUTPUTS", Type: v1.TypeObject, Properties: map[string]v1.PropertySpec{
					"uri": {Type: v1.TypeString}, "digest": {Type: v1.TypeString}, "isBuildArtifact": {Type: v1.TypeString},
				}},
			},
			Steps: []v1.Step{
				{Name: "one", Image: "busybox:1", Script: "build $(params.image) >$(step.artifacts.path)"},
				{Name: "two", Ref: &v1.StepRef{ResolverRef: found("push")}},
			},
		},
	}
	tr := taskRun(func(tr *v1.TaskRun) {
		tr.Finalizers = []string{finalizerOfChains}
		tr.Labels = map[string]string{v1.LabelPipelineTask: "build-image", v1.LabelMemberOf: "tasks"}
		tr.Spec = v1.TaskRunSpec{
			TaskRef:            &v1.TaskRef{ResolverRef: found("image")},
			Params:             []v1.Param{{Name: "image", Value: v1.StringValue("registry.example.com/app")}},
			ServiceAccountName: "builder",
		}
	})
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "builder", Namespace: "ci"}}
	return []client.Object{action, task, tr, account}
}

// built plays a run of provable until it has ended.
func built(t *testing.T, w *world) *v1.TaskRun {
	t.Helper()
	const artifacts = `{"inputs":[{"name":"source","values":[{"uri":"git+https://example.com/app","digest":{"sha1":"ab"}}]}]}`
	const output = `{"digest":"sha256:02","isBuildArtifact":"true","uri":"pkg:oci/app"}`
	w.pass(t)
	w.play(t, corev1.PodRunning, running(), running())
	w.pass(t)
	w.play(t, corev1.PodSucceeded,
		terminated(0, record(0, value("step-one.artifacts", results.TypeArtifacts, artifacts))),
		terminated(0, record(0, value("IMAGE_URL", "string", "registry.example.com/app"), value("IMAGE_DIGEST", "string", "sha256:01"),
			value("app-ARTIFACT_OUTPUTS", "object", output))))
	return w.pass(t)
}

// readByChains are the paths that Chains reads of a TaskRun, as docs/compatibility.md lists them.
func readByChains() map[string][]string {
	return map[string][]string{
		"the identity":           {"metadata", "uid"},
		"the labels":             {"metadata", "labels", v1.LabelPipelineTask},
		"the label of the Task":  {"metadata", "labels", v1.LabelTask},
		"the finalizer":          {"metadata", "finalizers"},
		"the params":             {"spec", "params"},
		"the service account":    {"spec", "serviceAccountName"},
		"the start":              {"status", "startTime"},
		"the end":                {"status", "completionTime"},
		"the outcome":            {"status", "conditions"},
		"the pod":                {"status", "podName"},
		"the results":            {"status", "results"},
		"the artifacts":          {"status", "artifacts", "inputs"},
		"the steps":              {"status", "steps"},
		"the task":               {"status", "taskSpec", "steps"},
		"the declared results":   {"status", "taskSpec", "results"},
		"the source of the task": {"status", "provenance", "refSource", "uri"},
		"the flags of the run":   {"status", "provenance", "featureFlags", "resultExtractionMethod"},
	}
}

// TestProvenanceOfTaskRun holds the whole object that Chains reads, and that no part of it is missing.
func TestProvenanceOfTaskRun(t *testing.T) {
	w := newWorld(t, provable(), interceptor.Funcs{})
	tr := built(t, w)
	wantCondition(t, tr, "True Succeeded")
	tr.ResourceVersion = ""
	tr.SetGroupVersionKind(v1.GroupVersion.WithKind(v1.KindTaskRun))
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(tr)
	if err != nil {
		t.Fatal(err)
	}
	for what, path := range readByChains() {
		if v, ok, err := unstructured.NestedFieldNoCopy(object, path...); err != nil || !ok || v == nil {
			t.Errorf("%s: %v has no value: %v", what, path, err)
		}
	}
	got, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "provenance.yaml")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestFinalizersOfOthersStay: a run that is deleted before Chains has signed it keeps the finalizer, and ends.
func TestFinalizersOfOthersStay(t *testing.T) {
	w := newWorld(t, provable(), interceptor.Funcs{})
	tr := built(t, w)
	if err := w.client.Delete(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		tr = w.pass(t)
	}
	if diff := cmp.Diff([]string{finalizerOfChains}, tr.Finalizers); diff != "" || tr.DeletionTimestamp == nil || !tr.Status.Done() {
		t.Errorf("want a finished run that waits for Chains: -want +got:\n%s", diff)
	}
	tr.Finalizers = nil
	if err := w.client.Update(t.Context(), tr); err != nil {
		t.Errorf("Chains must be able to remove its finalizer: %v", err)
	}
}
