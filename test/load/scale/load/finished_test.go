package load

import (
	"encoding/json"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestSample: the webhook accepts the TaskRun that is copied.
func TestSample(t *testing.T) {
	tr := Sample("ci")
	validation.DefaultTaskRun(tr)
	if err := validation.TaskRun(tr); len(err) > 0 {
		t.Errorf("it is refused: %v", err)
	}
}

// TestCopyOf: each copy has its own name, UID and key, and nothing else of it differs.
func TestCopyOf(t *testing.T) {
	finished := Sample("ci")
	finished.UID, finished.Status.PodName = "0b2c", original+"-pod"
	encoded, err := json.Marshal(finished)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for i := range 3 {
		pair := copyOf(encoded, "ci", "0b2c", i)
		got := &v1.TaskRun{}
		if err := json.Unmarshal(pair.Value, got); err != nil {
			t.Fatal(err)
		}
		name := CopyName(i)
		if want := "/registry/tekton.dev/taskruns/ci/" + name; string(pair.Key) != want || got.Name != name {
			t.Errorf("want %s, got %s with the name %s", want, pair.Key, got.Name)
		}
		if got.UID == finished.UID || got.Status.PodName != name+"-pod" || len(got.Spec.TaskSpec.Steps) != len(finished.Spec.TaskSpec.Steps) {
			t.Errorf("want a copy with its own UID and pod, got UID %s, pod %s", got.UID, got.Status.PodName)
		}
		keys[string(pair.Key)+string(got.UID)] = true
	}
	if len(keys) != 3 {
		t.Errorf("want 3 different copies, got %v", keys)
	}
}
