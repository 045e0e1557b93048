package fieldset_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/fieldset"
)

func TestMissing(t *testing.T) {
	type step struct {
		corev1.ResourceRequirements `json:",inline"`

		Name  string                       `json:"name,omitempty"`
		When  *corev1.LocalObjectReference `json:"when,omitempty"`
		Other string                       `json:"-"`
	}
	type spec struct {
		Steps  []step          `json:"steps"`
		Labels map[string]step `json:"labels"`
		Any    json.RawMessage `json:"any"`
	}
	cases := map[string]struct {
		reason, schema string
		want           []string
	}{
		"Known": {
			reason: "A type may have more than the schema.",
			schema: `{"properties":{"steps":{"items":{"properties":{"name":{},"limits":{}}}}}}`,
		},
		"Deep": {
			reason: "Elements of lists and maps, and what pointers point to, are compared.",
			schema: `{"properties":{
				"steps":{"items":{"properties":{"a":{},"when":{"properties":{"name":{},"b":{}}}}}},
				"labels":{"additionalProperties":{"properties":{"c":{}}}}, "d":{}}}`,
			want: []string{"d", "labels{}.c", "steps[].a", "steps[].when.b"},
		},
		"Hidden": {
			reason: "A field without a name in JSON is not read.",
			schema: `{"properties":{"steps":{"items":{"properties":{"Other":{}}}}}}`,
			want:   []string{"steps[].Other"},
		},
		"Open": {
			reason: "Where the schema names no fields, or the type decodes itself, nothing is known.",
			schema: `{"properties":{"steps":{"x-kubernetes-preserve-unknown-fields":true},"any":{"properties":{"e":{}}}}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var schema fieldset.Schema
			if err := json.Unmarshal([]byte(tc.schema), &schema); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, fieldset.Missing[spec](&schema)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
