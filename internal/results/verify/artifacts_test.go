package verify_test

import (
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/signature"
	"github.com/sluice-ci/sluice/internal/results/verify"
)

// TestJudgeArtifacts: a document of artifacts has the rules of a result. Exactly one step has signed it, and it is what the step
// signed.
func TestJudgeArtifacts(t *testing.T) {
	const name = "step-one.artifacts"
	cases := map[string]struct {
		reason  string
		change  func(w *world)
		want    verify.Reason
		message string
	}{
		"Untouched": {
			reason:  "A document that is as its step signed it is verified.",
			change:  func(*world) {},
			message: "4 results",
		},
		"Changed": {
			reason:  "A changed digest in a document is detected.",
			change:  func(w *world) { w.set.Results[3].Value = []byte(`{"outputs":[]}`) },
			want:    verify.ResultChanged,
			message: name,
		},
		"Removed": {
			reason:  "A document that is taken away is missed.",
			change:  func(w *world) { w.set.Results = w.set.Results[:3] },
			want:    verify.ResultMissing,
			message: name,
		},
		"SignedTwice": {
			reason: "A second step cannot change the document, although it can sign.",
			change: func(w *world) {
				w.statements["step-two"].Results = append(w.statements["step-two"].Results,
					signature.Result{Name: name, Type: results.TypeArtifacts, SHA256: digest("{}")})
				w.sign()
			},
			want:    verify.ResultChanged,
			message: `changed later by step "step-two"`,
		},
		"AsResult": {
			reason:  "A document cannot become a result.",
			change:  func(w *world) { w.set.Results[3].Type = results.TypeString },
			want:    verify.ResultChanged,
			message: "has type string",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.want.Results = append(w.want.Results, results.Declared{Name: "step-one.artifacts", Type: results.TypeArtifacts})
			w.left("step-one", "step-one.artifacts", results.TypeArtifacts, `{"outputs":[{"name":"image"}]}`)
			w.sign()
			tc.change(w)
			if v := w.judge(); v.Reason != tc.want || !strings.Contains(v.Message, tc.message) {
				t.Errorf("%s\ngot %+v, want %q with %q", tc.reason, v, tc.want, tc.message)
			}
		})
	}
}
