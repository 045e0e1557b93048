package pipelinerun

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestTrimKeepsEventsThatAreDue: after a restart, the cache must show which ended runs have events that were not sent.
func TestTrimKeepsEventsThatAreDue(t *testing.T) {
	for record, want := range map[string]string{"4 4:failed": "4 4:failed", "4": ""} {
		pr := &v1.PipelineRun{}
		pr.Status.SetCondition(v1.Failed(v1.PipelineRunReasonFailed, "no"), metav1.Now())
		pr.Status.Annotations = map[string]string{v1.AnnotationEvents: record}
		Trim(pr)
		if diff := cmp.Diff(want, pr.Status.Annotations[v1.AnnotationEvents]); diff != "" {
			t.Errorf("the record %q: -want +got:\n%s", record, diff)
		}
	}
}
