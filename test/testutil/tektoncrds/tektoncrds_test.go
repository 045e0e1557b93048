package tektoncrds_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

func TestUnknown(t *testing.T) {
	cases := map[string]struct {
		reason, kind, object string
		want                 []string
	}{
		"Known": {
			reason: "All fields are Tekton's.",
			kind:   "TaskRun",
			object: `{spec: {managedBy: x}, status: {conditions: [{type: Succeeded, status: "True", severity: Info}], annotations: {a: b}}}`,
		},
		"Status": {
			reason: "A field that only Sluice has.",
			kind:   "TaskRun",
			object: `{status: {provenance: {featureFlags: {maxResultSize: 1, signedResultsPolicy: enforce}}}}`,
			want:   []string{".status.provenance.featureFlags.signedResultsPolicy"},
		},
		"Attempts": {
			reason: "The schema leaves the attempts open, the type does not: an attempt is a status.",
			kind:   "TaskRun",
			object: `{status: {retriesStatus: [{podName: p, other: 1}]}}`,
			want:   []string{".status.retriesStatus[0].other"},
		},
		"Open": {
			reason: "A value may be anything.",
			kind:   "TaskRun",
			object: `{status: {results: [{name: a, value: {b: {c: d}}}]}}`,
		},
		"Embedded": {
			reason: "A step of a task in the pipeline of a run, which the schema leaves open.",
			kind:   "PipelineRun",
			object: `{status: {pipelineSpec: {tasks: [{name: a, taskSpec: {metadata: {labels: {l: v}}, steps: [{image: i, imag: j}]}}]}}}`,
			want:   []string{".status.pipelineSpec.tasks[0].taskSpec.steps[0].imag"},
		},
		"Labels": {
			reason: "Keys of a map are not fields.",
			kind:   "PipelineRun",
			object: `{metadata: {anything: 1}, status: {taskRuns: 1}}`,
			want:   []string{".status.taskRuns"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			object, err := yaml.YAMLToJSON([]byte(tc.object))
			if err != nil {
				t.Fatal(err)
			}
			got, err := tektoncrds.Unknown(tc.kind, "v1", object)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			checked := tektoncrds.Check(tc.kind, "v1", object)
			if (checked != nil) != (len(tc.want) > 0) {
				t.Errorf("%s: want an error for unknown fields only, got %v", tc.reason, checked)
			}
		})
	}
}

// TestCRDsHaveTheFields: the definitions for test clusters have the fields of the lists, and keep what Tekton's keep.
func TestCRDsHaveTheFields(t *testing.T) {
	crds, err := tektoncrds.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, crd := range crds {
		names[crd.GetName()] = true
		versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
		if err != nil || len(versions) != 1 {
			t.Fatalf("%s: want one version, got %d, %v", crd.GetName(), len(versions), err)
		}
		at := func(path ...string) (any, bool) {
			found, ok, err := unstructured.NestedFieldNoCopy(versions[0].(map[string]any), append([]string{"schema", "openAPIV3Schema"}, path...)...)
			if err != nil {
				t.Fatalf("%s: %v", crd.GetName(), err)
			}
			return found, ok
		}
		if _, ok := at("properties", "metadata"); ok {
			t.Errorf("%s: the API server refuses a schema with fields of metadata", crd.GetName())
		}
		if crd.GetName() != "taskruns.tekton.dev" {
			continue
		}
		found, _ := at("properties", "status", "properties", "retriesStatus", "x-kubernetes-preserve-unknown-fields")
		if keeps, _ := found.(bool); !keeps {
			t.Error("want status.retriesStatus to keep unknown fields")
		}
		flags := []string{"properties", "status", "properties", "provenance", "properties", "featureFlags", "properties"}
		if _, ok := at(append(flags, "signedResultsPolicy")...); ok {
			t.Error("want no flag that only Sluice has")
		}
		if _, ok := at(append(flags, "maxResultSize", "type")...); !ok {
			t.Error("want the flags of Tekton")
		}
	}
	for _, want := range []string{
		"tasks.tekton.dev", "taskruns.tekton.dev", "pipelines.tekton.dev", "pipelineruns.tekton.dev", "stepactions.tekton.dev",
		"customruns.tekton.dev", "resolutionrequests.resolution.tekton.dev",
	} {
		if !names[want] {
			t.Errorf("want a definition of %s, got %v", want, names)
		}
	}
}
