package reconcile

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestStatus(t *testing.T) {
	now := metav1.NewTime(time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC))
	cases := map[string]struct {
		reason        string
		before, after v1.TaskRunStatus
		want          string
	}{
		"Nothing": {
			reason: "what has not changed is not written",
			before: v1.TaskRunStatus{PodName: "p"},
			after:  v1.TaskRunStatus{PodName: "p"},
		},
		"Emptied": {
			reason: "nil and empty say the same",
			after:  v1.TaskRunStatus{Results: []v1.TaskRunResult{}},
		},
		"First": {
			reason: "there is no status to add to",
			after:  v1.TaskRunStatus{PodName: "p"},
			want:   `[{"op":"replace","path":"/metadata/resourceVersion","value":"7"},{"op":"add","path":"/status","value":{"podName":"p"}}]`,
		},
		"Added": {
			reason: "and nothing else is sent",
			before: v1.TaskRunStatus{PodName: "p"},
			after:  v1.TaskRunStatus{PodName: "p", CompletionTime: &now},
			want: `[{"op":"replace","path":"/metadata/resourceVersion","value":"7"},{"op":"add",` +
				`"path":"/status/completionTime","value":"2026-05-06T07:08:09Z"}]`,
		},
		"Removed": {
			reason: "what goes is named",
			before: v1.TaskRunStatus{PodName: "p", StartTime: &now},
			after:  v1.TaskRunStatus{PodName: "p"},
			want:   `[{"op":"replace","path":"/metadata/resourceVersion","value":"7"},{"op":"remove","path":"/status/startTime"}]`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			patch, err := StatusPatch("7", &tc.before, &tc.after)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, text(t, patch)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func text(t rapid.TB, patch client.Patch) string {
	t.Helper()
	if patch == nil {
		return ""
	}
	data, err := patch.Data(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestStatusLeads: whatever the two are, the patch leads from the one to the other.
func TestStatusLeads(t *testing.T) {
	statuses := rapid.Custom(func(t *rapid.T) v1.PipelineRunStatus {
		s := v1.PipelineRunStatus{ObservedGeneration: rapid.Int64Range(0, 2).Draw(t, "generation")}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3).Draw(t, "children") {
			s.ChildReferences = append(s.ChildReferences, v1.ChildReference{Name: name})
		}
		if rapid.Bool().Draw(t, "spec") {
			s.PipelineSpec = &v1.PipelineSpec{
				DisplayName: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "name"),
				Description: rapid.SampledFrom([]string{"", "z"}).Draw(t, "description"),
			}
		}
		if rapid.Bool().Draw(t, "time") {
			s.StartTime = &metav1.Time{Time: time.Unix(rapid.Int64Range(1, 3).Draw(t, "start"), 0).UTC()}
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := statuses.Draw(t, "before"), statuses.Draw(t, "after")
		patch, err := StatusPatch("1", &before, &after)
		if err != nil {
			t.Fatal(err)
		}
		stored := encoded(t, before)
		if patch != nil {
			decoded, err := jsonpatch.DecodePatch([]byte(text(t, patch)))
			if err != nil {
				t.Fatal(err)
			}
			if stored, err = decoded.Apply(stored); err != nil {
				t.Fatal(err)
			}
		}
		got := &v1.PipelineRun{}
		if err := json.Unmarshal(stored, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(encoded(t, after)), string(encoded(t, got.Status))); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

func encoded(t rapid.TB, status v1.PipelineRunStatus) []byte {
	t.Helper()
	run := &v1.PipelineRun{Status: status}
	run.ResourceVersion = "1"
	data, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
