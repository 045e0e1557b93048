package pipelinerun

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// The finalizers that Chains sets when it sees a run, and removes when it has signed the run.
const (
	finalizerOfPipelineRun = "chains.tekton.dev/pipelinerun"
	finalizerOfTaskRun     = "chains.tekton.dev/taskrun"
)

// provable returns the objects of a run that builds an image: its Pipeline comes from a resolver.
func provable() (pr *v1.PipelineRun, others []client.Object) {
	pipeline := &v1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Name: "release", Namespace: "other", UID: "pipeline-uid", Labels: map[string]string{"team": "release"}},
		Spec: v1.PipelineSpec{
			Params: []v1.ParamSpec{{Name: "image", Type: v1.TypeString}},
			Tasks: []v1.PipelineTask{{
				Name: "build", TaskRef: &v1.TaskRef{Name: "image"}, Params: []v1.Param{param("image", "$(params.image)")},
			}},
			Results: []v1.PipelineResult{
				{Name: "IMAGE_URL", Value: v1.StringValue("$(tasks.build.results.IMAGE_URL)")},
				{Name: "IMAGE_DIGEST", Value: v1.StringValue("$(tasks.build.results.IMAGE_DIGEST)")},
			},
		},
	}
	task := &v1.Task{
		ObjectMeta: metav1.ObjectMeta{Name: "image", Namespace: "ns", UID: "task-uid"},
		Spec: v1.TaskSpec{
			Params:  []v1.ParamSpec{{Name: "image", Type: v1.TypeString}},
			Results: []v1.TaskResult{{Name: "IMAGE_URL"}, {Name: "IMAGE_DIGEST"}},
			Steps:   []v1.Step{{Image: "busybox:1", Script: "build $(params.image)"}},
		},
	}
	pr = run()
	pr.Finalizers = []string{finalizerOfPipelineRun}
	pr.Labels = nil
	pr.Spec = v1.PipelineRunSpec{
		PipelineRef: &v1.PipelineRef{ResolverRef: v1.ResolverRef{Resolver: "cluster", Params: []v1.Param{
			param("kind", "pipeline"), param("name", "release"), param("namespace", "other"),
		}}},
		Params:          []v1.Param{param("image", "registry.example.com/app")},
		TaskRunTemplate: v1.PipelineTaskRunTemplate{ServiceAccountName: "builder"},
	}
	return pr, []client.Object{pipeline, task}
}

// readByChains are the paths that Chains reads of a PipelineRun, as docs/compatibility.md lists them. It finds the TaskRuns by
// status.childReferences.
func readByChains() map[string][]string {
	return map[string][]string{
		"the identity":          {"metadata", "uid"},
		"the label of the name": {"metadata", "labels", v1.LabelPipeline},
		"the labels":            {"metadata", "labels", "team"},
		"the finalizer":         {"metadata", "finalizers"},
		"the params":            {"spec", "params"},
		"the service account":   {"spec", "taskRunTemplate", "serviceAccountName"},
		"the reference":         {"spec", "pipelineRef", "resolver"},
		"the start":             {"status", "startTime"},
		"the end":               {"status", "completionTime"},
		"the outcome":           {"status", "conditions"},
		"the results":           {"status", "results"},
		"the TaskRuns":          {"status", "childReferences"},
		"the tasks":             {"status", "pipelineSpec", "tasks"},
		"the declared results":  {"status", "pipelineSpec", "results"},
		"the source":            {"status", "provenance", "refSource", "uri"},
		"the flags of the run":  {"status", "provenance", "featureFlags", "resultExtractionMethod"},
	}
}

// TestProvenanceOfPipelineRun holds the whole object that Chains reads, and that no part of it is missing. The finalizers of Chains
// stay on the run and on its TaskRun.
func TestProvenanceOfPipelineRun(t *testing.T) {
	pr, others := provable()
	c := newCluster(t, interceptor.Funcs{}, append(others, pr)...)
	pr = c.settle(t, pr)
	child := c.child(t, pr, "build", -1)
	child.Finalizers = []string{finalizerOfTaskRun}
	if err := c.Update(t.Context(), child); err != nil {
		t.Fatal(err)
	}
	c.end(t, pr, "build", done(), text("IMAGE_URL", "registry.example.com/app"), text("IMAGE_DIGEST", "sha256:01"))
	pr = c.settle(t, pr)
	if condition := pr.Status.Condition(); condition == nil || condition.Status != metav1.ConditionTrue {
		t.Fatalf("want a run that has succeeded, got %+v", condition)
	}
	child = c.child(t, pr, "build", -1)
	if diff := cmp.Diff([]string{finalizerOfTaskRun}, child.Finalizers); diff != "" {
		t.Errorf("finalizers of the TaskRun: -want +got:\n%s", diff)
	}
	task, owner := child.Labels[v1.LabelPipelineTask], metav1.GetControllerOf(child)
	if task != "build" || owner == nil || owner.UID != pr.UID {
		t.Errorf("want a TaskRun of task build that belongs to the run, got %q of %+v", task, owner)
	}
	pr.ResourceVersion = ""
	pr.SetGroupVersionKind(v1.GroupVersion.WithKind(v1.KindPipelineRun))
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pr)
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
