package cloudevents

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// received is the data of an event as a receiver sees it.
type received struct {
	TaskRun     *v1.TaskRun        `json:"taskRun"`
	PipelineRun *v1.PipelineRun    `json:"pipelineRun"`
	CustomRun   *v1beta1.CustomRun `json:"customRun"`
	Omitted     []omission         `json:"omitted"`
}

func receive(t interface{ Fatal(args ...any) }, run client.Object) (received, []byte) {
	body, err := encode(run)
	if err != nil {
		t.Fatal(err)
	}
	var r received
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatal(err)
	}
	return r, body
}

func sum(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}

func result(name, value string) v1.TaskRunResult {
	return v1.TaskRunResult{Name: name, Type: v1.TypeString, Value: v1.StringValue(value)}
}

// TestBodyOfEachKind: the run is in the field of its kind, with its kind and version, and without what only the API server uses.
func TestBodyOfEachKind(t *testing.T) {
	meta := metav1.ObjectMeta{
		Namespace: "ci", Name: "build", UID: "uid", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "me"}},
		Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "team": "a"},
	}
	tr := &v1.TaskRun{ObjectMeta: meta, Status: v1.TaskRunStatus{Results: []v1.TaskRunResult{result("digest", "abc")}}}
	got, _ := receive(t, tr)
	if got.TaskRun == nil || got.TaskRun.Kind != "TaskRun" || got.TaskRun.APIVersion != "tekton.dev/v1" || got.TaskRun.ManagedFields != nil ||
		got.TaskRun.Status.Results[0].Value.String != "abc" || len(got.TaskRun.Annotations) != 1 || got.Omitted != nil {
		t.Errorf("got the TaskRun %+v", got)
	}
	if len(tr.Annotations) != 2 || tr.ManagedFields == nil {
		t.Error("the run itself was changed")
	}
	if got, _ := receive(t, &v1.PipelineRun{ObjectMeta: meta}); got.PipelineRun == nil || got.PipelineRun.Kind != "PipelineRun" {
		t.Errorf("got the PipelineRun %+v", got)
	}
	got, _ = receive(t, &v1beta1.CustomRun{ObjectMeta: meta})
	if got.CustomRun == nil || got.CustomRun.Kind != "CustomRun" || got.CustomRun.APIVersion != "tekton.dev/v1beta1" {
		t.Errorf("got the CustomRun %+v", got)
	}
}

// TestLargeValuesAreNamed: a large result is left out whole, and named with its size and digest. A part of it could be taken for the
// result, and an empty one, too.
func TestLargeValuesAreNamed(t *testing.T) {
	large := strings.Repeat("x", maxValue+1)
	atLimit := strings.Repeat("y", maxValue)
	array := v1.Value{Type: v1.TypeArray, Array: []string{large, "b"}}
	encoded, err := json.Marshal(array)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		run    client.Object
		want   []omission
		kept   string
	}{
		"TaskRun": {
			reason: "results of the run and of its steps, and params, which may be results of other tasks",
			run: &v1.TaskRun{
				Spec: v1.TaskRunSpec{Params: []v1.Param{{Name: "input", Value: v1.StringValue(large)}}},
				Status: v1.TaskRunStatus{
					Results: []v1.TaskRunResult{result("limit", atLimit), result("report", large), {Name: "list", Value: array}},
					Steps:   []v1.StepState{{Name: "s", Results: []v1.TaskRunResult{result("report", large)}}},
				},
			},
			want: []omission{
				{Field: "spec.params", Name: "input", Size: maxValue + 1, SHA256: sum(large)},
				{Field: "status.results", Name: "report", Size: maxValue + 1, SHA256: sum(large)},
				{Field: "status.results", Name: "list", Size: maxValue + 2 + len("[0][1]"), SHA256: sum(string(encoded))},
				{Field: "status.steps[s].results", Name: "report", Size: maxValue + 1, SHA256: sum(large)},
			},
			kept: atLimit,
		},
		"PipelineRun": {
			reason: "results of a pipeline",
			run: &v1.PipelineRun{Status: v1.PipelineRunStatus{Results: []v1.PipelineRunResult{
				{Name: "report", Value: v1.StringValue(large)}, {Name: "limit", Value: v1.StringValue(atLimit)},
			}}},
			want: []omission{{Field: "status.results", Name: "report", Size: maxValue + 1, SHA256: sum(large)}},
			kept: atLimit,
		},
		"CustomRun": {
			reason: "results of a custom task",
			run: &v1beta1.CustomRun{Status: v1beta1.CustomRunStatus{Results: []v1beta1.CustomRunResult{
				{Name: "report", Value: large}, {Name: "limit", Value: atLimit},
			}}},
			want: []omission{{Field: "status.results", Name: "report", Size: maxValue + 1, SHA256: sum(large)}},
			kept: atLimit,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, body := receive(t, tc.run)
			if diff := cmp.Diff(tc.want, got.Omitted); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if bytes.Contains(body, []byte(large[:100])) || !bytes.Contains(body, []byte(tc.kept)) {
				t.Errorf("%s: a large value is in the event, or one at the limit is not", tc.reason)
			}
		})
	}
}

// TestLargeRunFits: whatever a run has, its event is at most 60 KiB, says which run it is and how it is doing, and names each field
// that it leaves out.
func TestLargeRunFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) string { return strings.Repeat("z", rapid.IntRange(0, 60000).Draw(t, label)) }
		tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
			Namespace: "ci", Name: "build", UID: "uid", Annotations: map[string]string{"a": text("annotation")},
		}}
		tr.Spec.TaskSpec = &v1.TaskSpec{Description: text("spec")}
		tr.Status.TaskSpec = &v1.TaskSpec{Description: text("status spec")}
		for range rapid.IntRange(0, 100).Draw(t, "results") {
			tr.Status.Results = append(tr.Status.Results, result("r", strings.Repeat("r", rapid.IntRange(0, maxValue+2).Draw(t, "result"))))
		}
		tr.Status.SetCondition(v1.Failed("Failed", "because of "+text("message")), metav1.Now())
		got, body := receive(t, tr)
		if len(body) > maxBody {
			t.Fatalf("the event has %d bytes", len(body))
		}
		c := got.TaskRun.Status.Condition()
		if got.TaskRun.UID != "uid" || got.TaskRun.Name != "build" || c == nil || !strings.HasPrefix(c.Message, "because of") {
			t.Fatalf("the event does not say which run it is about, or how it ended: %.300s", body)
		}
		named := map[string]bool{}
		for _, o := range got.Omitted {
			named[o.Field] = true
		}
		for field, lost := range map[string]bool{
			"status.taskSpec":      got.TaskRun.Status.TaskSpec == nil,
			"spec.taskSpec":        got.TaskRun.Spec.TaskSpec == nil,
			"metadata.annotations": got.TaskRun.Annotations == nil,
			"status.results":       len(got.TaskRun.Status.Results) < len(tr.Status.Results),
		} {
			if lost && !named[field] && len(got.Omitted) <= maxOmitted {
				t.Fatalf("%s is left out and not named: %v", field, got.Omitted)
			}
		}
	})
}
