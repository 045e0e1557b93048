package admission_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/ownership"
)

// appliedTo applies the patch of a response.
func appliedTo(t interface{ Fatal(args ...any) }, object string, response ctrladmission.Response) string {
	operations, err := json.Marshal(response.Patches)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(operations)
	if err != nil {
		t.Fatal(err)
	}
	after, err := patch.Apply([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	return string(after)
}

func createOf(kind, object string) ctrladmission.Request {
	return ctrladmission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Operation: admissionv1.Create,
		Kind:      metav1.GroupVersionKind{Group: v1.GroupName, Version: "v1", Kind: kind},
		Object:    runtime.RawExtension{Raw: []byte(object)},
	}}
}

func TestMarker(t *testing.T) {
	cases := map[string]struct {
		reason, kind, object string
		change               func(*ctrladmission.Request)
		want                 string
		marked               int
	}{
		"TaskRun": {
			reason: "A run that names no controller is marked.",
			kind:   "TaskRun",
			object: `{"spec":{"taskRef":{"name":"t"}}}`,
			want:   `{"spec":{"managedBy":"sluice.dev/controller","taskRef":{"name":"t"}}}`,
			marked: 1,
		},
		"PipelineRun": {
			reason: "So is a PipelineRun.",
			kind:   "PipelineRun",
			object: `{"spec":{}}`,
			want:   `{"spec":{"managedBy":"sluice.dev/controller"}}`,
			marked: 1,
		},
		"Empty": {
			reason: "To Tekton an empty name is none.",
			kind:   "TaskRun",
			object: `{"spec":{"managedBy":""}}`,
			want:   `{"spec":{"managedBy":"sluice.dev/controller"}}`,
			marked: 1,
		},
		"DryRun": {
			reason: "A dry run shows the mark, and is not counted.",
			kind:   "TaskRun",
			object: `{"spec":{}}`,
			change: func(r *ctrladmission.Request) { r.DryRun = new(true) },
			want:   `{"spec":{"managedBy":"sluice.dev/controller"}}`,
		},
		"Tekton": {
			reason: "A run that names a controller is left alone, also if it names Tekton's.",
			kind:   "TaskRun",
			object: `{"spec":{"managedBy":"tekton.dev/pipeline"}}`,
		},
		"Child": {
			reason: "The controller of a PipelineRun manages the TaskRuns that it creates.",
			kind:   "TaskRun",
			object: `{"metadata":{"ownerReferences":[{"apiVersion":"tekton.dev/v1","kind":"PipelineRun","name":"p","uid":"u"}]},"spec":{}}`,
		},
		"NoSpec": {
			reason: "Tekton's webhook rejects it.",
			kind:   "TaskRun",
			object: `{"metadata":{"name":"a"}}`,
		},
		"NoObject": {
			reason: "What does not decode is for the API server to reject.",
			kind:   "TaskRun",
			object: `{"spec":[]}`,
		},
		"Update": {
			reason: "managedBy never changes.",
			kind:   "TaskRun",
			object: `{"spec":{}}`,
			change: func(r *ctrladmission.Request) { r.Operation = admissionv1.Update },
		},
		"OtherKind": {
			reason: "Only runs have the field.",
			kind:   "Task",
			object: `{"spec":{}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			marked := 0
			m := admission.Marker{Runs: ownership.Only(""), Marked: func(string) { marked++ }}
			request := createOf(tc.kind, tc.object)
			if tc.change != nil {
				tc.change(&request)
			}
			response := admission.Mark(m, request)
			if !response.Allowed {
				t.Fatalf("%s: it must never reject, got %v", tc.reason, response.Result)
			}
			want := tc.object
			if tc.want != "" {
				want = tc.want
			}
			if diff := cmp.Diff(want, appliedTo(t, tc.object, response)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if marked != tc.marked {
				t.Errorf("%s: want %d runs counted, got %d", tc.reason, tc.marked, marked)
			}
		})
	}
}

// TestMarkerChangesNothingElse: whatever the object is, the webhook allows it, and what it changes is spec.managedBy.
func TestMarkerChangesNothingElse(t *testing.T) {
	value := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Int(), func(i int) any { return i }),
		rapid.Map(rapid.MapOf(rapid.SampledFrom([]string{"managedBy", "taskRef", "x"}), rapid.String()),
			func(m map[string]string) any { return m }),
	)
	object := rapid.MapOf(rapid.SampledFrom([]string{"apiVersion", "kind", "metadata", "spec", "status"}), value)
	rapid.Check(t, func(t *rapid.T) {
		before := object.Draw(t, "object")
		raw, err := json.Marshal(before)
		if err != nil {
			t.Fatal(err)
		}
		m := admission.Marker{Runs: ownership.Only("ci.example.com/sluice"), Marked: func(string) {}}
		response := admission.Mark(m, createOf(rapid.SampledFrom([]string{"TaskRun", "PipelineRun", "Task"}).Draw(t, "kind"), string(raw)))
		if !response.Allowed {
			t.Fatalf("it must never reject, got %v", response.Result)
		}
		var after, again map[string]any
		if err := json.Unmarshal([]byte(appliedTo(t, string(raw), response)), &after); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &again); err != nil {
			t.Fatal(err)
		}
		if spec, ok := after["spec"].(map[string]any); ok && len(response.Patches) > 0 {
			if spec["managedBy"] != "ci.example.com/sluice" {
				t.Fatalf("want the name of this controller, got %v", spec["managedBy"])
			}
			delete(spec, "managedBy")
			if spec, ok := again["spec"].(map[string]any); ok {
				delete(spec, "managedBy")
			}
		}
		if diff := cmp.Diff(again, after); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// paths is a webhook server that records the paths that are registered.
type paths struct {
	webhook.Server

	all []string
}

func (p *paths) Register(path string, _ http.Handler) { p.all = append(p.all, path) }

// TestMarkerServesItsPathOnly: beside Tekton, neither defaults nor rules of Sluice are served.
func TestMarkerServesItsPathOnly(t *testing.T) {
	var served paths
	admission.Marker{Runs: ownership.Only(""), Marked: func(string) {}}.Register(&served)
	if diff := cmp.Diff([]string{"/managed-by"}, served.all); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
