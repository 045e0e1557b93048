//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
)

// TestApplyAgain: applying everything a second time changes nothing.
func TestApplyAgain(t *testing.T) {
	manifests, err := everything()
	if err != nil {
		t.Fatal(err)
	}
	apply := func() map[string]string {
		stdout, stderr, err := kubectl(t.Context(), manifests, "apply", "--server-side", "-f", "-", "-o", "json")
		if err != nil {
			t.Fatal(err)
		}
		if stderr != "" {
			t.Errorf("applying must not warn, got: %s", stderr)
		}
		return versions(t, stdout)
	}
	first, second := apply(), apply()
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("applying the same again must change nothing: -first +second:\n%s", diff)
	}
	applied := slices.Sorted(maps.Keys(first))
	for _, object := range []string{
		"CustomResourceDefinition/taskruns.tekton.dev",
		"Deployment/sluice-controller",
		"ConfigMap/feature-flags",
	} {
		if !slices.Contains(applied, object) {
			t.Errorf("config/default must have %s, got %v", object, applied)
		}
	}
}

// versions maps each object of a list that kubectl printed to its generation. An object without one has its resource version
// instead. A status may change between two calls, but the applied parts may not.
func versions(t *testing.T, list string) map[string]string {
	t.Helper()
	var objects unstructured.UnstructuredList
	if err := json.Unmarshal([]byte(list), &objects); err != nil {
		t.Fatalf("cannot decode kubectl's list: %v", err)
	}
	versions := map[string]string{}
	for _, o := range objects.Items {
		generation, found, err := unstructured.NestedInt64(o.Object, "metadata", "generation")
		if err != nil {
			t.Fatal(err)
		}
		version := o.GetResourceVersion()
		if found {
			version = fmt.Sprintf("generation %d", generation)
		}
		versions[o.GetKind()+"/"+o.GetName()] = version
	}
	return versions
}

// TestKindsAreServed: discovery returns each kind with its names.
func TestKindsAreServed(t *testing.T) {
	d, err := discovery.NewDiscoveryClientForConfig(shared.config)
	if err != nil {
		t.Fatal(err)
	}
	served, err := d.ServerResourcesForGroupVersion("tekton.dev/v1")
	if err != nil {
		t.Fatalf("cannot discover tekton.dev/v1: %v", err)
	}
	type resource struct {
		Kind       string
		ShortNames []string
		Categories []string
	}
	got := map[string]resource{}
	for _, r := range served.APIResources {
		got[r.Name] = resource{r.Kind, r.ShortNames, r.Categories}
	}
	both := []string{"all", "tekton"}
	want := map[string]resource{
		"tasks":               {Kind: "Task", Categories: both},
		"taskruns":            {Kind: "TaskRun", ShortNames: []string{"tr", "trs"}, Categories: both},
		"taskruns/status":     {Kind: "TaskRun"},
		"pipelines":           {Kind: "Pipeline", Categories: both},
		"pipelineruns":        {Kind: "PipelineRun", ShortNames: []string{"pr", "prs"}, Categories: both},
		"pipelineruns/status": {Kind: "PipelineRun"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what clients discover: -want +got:\n%s", diff)
	}
}

// TestSchemasAreStructural: the API server prunes and defaults by the schemas. It reports those for which it cannot.
func TestSchemasAreStructural(t *testing.T) {
	for _, kind := range []string{"tasks", "taskruns", "pipelines", "pipelineruns"} {
		conditions := mustKubectl(t, "get", "crd", kind+".tekton.dev", "-o",
			`jsonpath={range .status.conditions[*]}{.type}={.status} {end}`)
		if !strings.Contains(conditions, "Established=True") || strings.Contains(conditions, "NonStructuralSchema=True") {
			t.Errorf("%s: got conditions %s", kind, conditions)
		}
	}
}

// TestExplain: kubectl explain prints the descriptions in api/v1.
func TestExplain(t *testing.T) {
	cases := map[string]struct {
		reason string
		path   string
		want   []string
	}{
		"Results": {
			reason: "The description of results, and their fields.",
			path:   "taskrun.spec.taskSpec.results",
			want:   []string{"KIND: TaskRun", "VERSION: v1", "$(results.<name>.path)", "name <string> -required-", "type <string>", "properties"},
		},
		"Value": {
			reason: "A value has several types, and a description.",
			path:   "taskrun.status.results.value",
			want:   []string{"the bytes that the step wrote"},
		},
		"Enum": {
			reason: "The possible types are listed.",
			path:   "task.spec.results.type",
			want:   []string{"ENUM", "array", "object", "string"},
		},
		"Children": {
			reason: "The reference to the TaskRuns that hold the results.",
			path:   "pipelinerun.status.childReferences",
			want:   []string{"pipelineTaskName"},
		},
		"Kubernetes": {
			reason: "Fields of Kubernetes types have a description, too.",
			path:   "pipeline.spec.tasks.taskSpec.steps.volumeMounts",
			want:   []string{"mountPath <string> -required-"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			text := strings.Join(strings.Fields(mustKubectl(t, "explain", tc.path)), " ")
			text = strings.ReplaceAll(text, "\t", " ")
			for _, want := range tc.want {
				if !strings.Contains(text, want) {
					t.Errorf("%s\nkubectl explain %s: want %q in:\n%s", tc.reason, tc.path, want, text)
				}
			}
		})
	}
}
