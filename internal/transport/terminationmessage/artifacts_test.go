package terminationmessage

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
	"github.com/sluice-ci/sluice/internal/transport"
)

// TestGatherArtifacts: documents of artifacts come with the messages of steps, each as what it is.
func TestGatherArtifacts(t *testing.T) {
	task := &v1.TaskSpec{
		Results: []v1.TaskResult{{Name: "digest", Type: v1.TypeString}},
		Steps:   []v1.Step{{Name: "one", Image: "i", Script: "$(step.artifacts.path)"}, {Name: "two", Image: "i", Script: "$(artifacts.path)"}},
	}
	document := func(name, text string) frame.Result {
		return frame.Result{Name: name, Type: results.TypeArtifacts, Value: []byte(text)}
	}
	digest := frame.Result{Name: "digest", Type: results.TypeString, Value: []byte("d")}
	cases := map[string]struct {
		reason   string
		one, two []frame.Result
		want     []frame.Result
		forged   bool
	}{
		"Both": {
			reason: "A result, the document of a step, and that of the task.",
			one:    []frame.Result{value("digest", "d"), document("step-one.artifacts", "{}")},
			two:    []frame.Result{document("task.artifacts", `{"outputs":[]}`)},
			want:   []frame.Result{digest, document("task.artifacts", `{"outputs":[]}`), document("step-one.artifacts", "{}")},
		},
		"Last": {
			reason: "All steps share the document of the task; the last one counts.",
			one:    []frame.Result{document("task.artifacts", "{}")},
			two:    []frame.Result{document("task.artifacts", `{"outputs":[]}`)},
			want:   []frame.Result{document("task.artifacts", `{"outputs":[]}`)},
		},
		"OfOther": {
			reason: "A step reports its own document only.",
			two:    []frame.Result{document("step-one.artifacts", "{}")},
		},
		"AsResult": {
			reason: "A result under the name of a document was not written by an entrypoint.",
			one:    []frame.Result{value("step-one.artifacts", "{}")},
			forged: true,
		},
		"AsDocument": {
			reason: "Nor was a document under the name of a result.",
			two:    []frame.Result{document("digest", "d")},
			forged: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := runPod(terminated(0, record(t, 0, tc.one...)), terminated(0, record(t, 0, tc.two...)))
			got := Transport{}.Progress(transport.Run{Pod: p, Spec: task})
			if got.GaveUp != tc.forged || errors.Is(got.Err, termination.ErrMalformed) != tc.forged {
				t.Fatalf("%s\ngot %+v", tc.reason, got)
			}
			if tc.forged {
				return
			}
			if diff := cmp.Diff(tc.want, got.Set.Results, cmpopts.IgnoreFields(frame.Result{}, "SHA256")); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
