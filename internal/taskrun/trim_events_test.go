package taskrun

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestTrimKeepsEventsThatAreDue: after a restart, the cache must show which ended runs have events that were not sent.
func TestTrimKeepsEventsThatAreDue(t *testing.T) {
	for record, want := range map[string]string{"4 4:failed": "4 4:failed", "4": ""} {
		tr := &v1.TaskRun{}
		tr.Status.SetCondition(v1.Failed(v1.TaskRunReasonFailed, "no"), metav1.Now())
		tr.Status.Annotations = map[string]string{v1.AnnotationEvents: record}
		Trim(tr)
		if diff := cmp.Diff(want, tr.Status.Annotations[v1.AnnotationEvents]); diff != "" {
			t.Errorf("the record %q: -want +got:\n%s", record, diff)
		}
	}
}
