package admission

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/sluice-ci/sluice/internal/convert"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestRemovedFields: a new object of v1beta1 must not have a field that does not exist any more. What is stored can be changed, and an
// annotation of an object of v1 has no effect.
func TestRemovedFields(t *testing.T) {
	older := func(spec string) []byte {
		raw, err := convert.Object([]byte(`{"apiVersion":"tekton.dev/v1beta1","kind":"TaskRun","metadata":{"name":"a"},"spec":`+spec+`}`),
			"tekton.dev/v1")
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	valid := older(`{"taskRef":{"name":"a"}}`)
	withBundle := older(`{"taskRef":{"name":"a","bundle":"example.com/a"}}`)
	withBoth := older(`{"taskRef":{"name":"a","bundle":"example.com/a"},"resources":{"inputs":[]}}`)
	const bundle, resources = "spec.taskRef.bundle: Forbidden: it was replaced by the resolver bundles",
		"spec.resources: Forbidden: PipelineResources do not exist any more"
	cases := map[string]struct {
		reason  string
		version string
		object  []byte
		old     []byte
		want    []string
		not     string
	}{
		"Valid": {
			reason:  "fields that have another name now are valid",
			version: "v1beta1",
			object:  valid,
		},
		"New": {
			reason:  "each removed field is named with what to write instead",
			version: "v1beta1",
			object:  withBoth,
			want:    []string{bundle, resources},
		},
		"Stored": {
			reason:  "only what the update adds is refused",
			version: "v1beta1",
			object:  withBoth,
			old:     withBundle,
			want:    []string{resources},
			not:     bundle,
		},
		"Unchanged": {
			reason:  "a stored object can be changed elsewhere",
			version: "v1beta1",
			object:  withBoth,
			old:     withBoth,
		},
		"Later": {
			reason:  "an object of v1 can have the annotations: it was read as v1",
			version: "v1",
			object:  withBoth,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			request := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
				Kind:        metav1.GroupVersionKind{Group: "tekton.dev", Version: "v1", Kind: "TaskRun"},
				RequestKind: &metav1.GroupVersionKind{Group: "tekton.dev", Version: tc.version, Kind: "TaskRun"},
				Operation:   admissionv1.Create,
				Object:      runtime.RawExtension{Raw: tc.object},
			}}
			if tc.old != nil {
				request.Operation, request.OldObject.Raw = admissionv1.Update, tc.old
			}
			kinds := All(validation.DefaultLimits, noSettings)
			for webhook, respond := range map[string]admission.HandlerFunc{"default": kinds.fillIn, "validate": kinds.judge} {
				response := respond(t.Context(), request)
				message := ""
				if response.Result != nil {
					message = response.Result.Message
				}
				if response.Allowed != (len(tc.want) == 0) {
					t.Fatalf("%s: %s: got allowed %v: %s", tc.reason, webhook, response.Allowed, message)
				}
				for _, want := range tc.want {
					if !strings.Contains(message, want) {
						t.Errorf("%s: %s: want %q, got %q", tc.reason, webhook, want, message)
					}
				}
				if tc.not != "" && strings.Contains(message, tc.not) {
					t.Errorf("%s: %s: want nothing about %q, got %q", tc.reason, webhook, tc.not, message)
				}
			}
		})
	}
}
