package v1beta1

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSetSucceeded(t *testing.T) {
	first := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	later := metav1.NewTime(first.Add(time.Minute))
	r := &ResolutionRequest{}
	if c := r.Succeeded(); c.Status != metav1.ConditionUnknown || r.Done() {
		t.Errorf("a request without a status is not done, got %+v", c)
	}
	r.SetSucceeded(metav1.ConditionUnknown, ReasonInProgress, "", first)
	r.SetSucceeded(metav1.ConditionUnknown, ReasonInProgress, "half of it", later)
	if c := r.Succeeded(); !c.LastTransitionTime.Equal(&first) || c.Message != "half of it" || r.Done() {
		t.Errorf("the time must stay while the status stays, got %+v", c)
	}
	r.SetSucceeded(metav1.ConditionFalse, ReasonFailed, "no such file", later)
	if c := r.Succeeded(); !c.LastTransitionTime.Equal(&later) || c.Reason != ReasonFailed || !r.Done() || len(r.Status.Conditions) != 1 {
		t.Errorf("the time must change with the status, got %+v", r.Status.Conditions)
	}
}

// TestStatusHasRequiredFields: the CRD of Tekton requires data, refSource and source in every status, and accepts null.
func TestStatusHasRequiredFields(t *testing.T) {
	raw, err := json.Marshal(ResolutionRequestStatus{Conditions: []Condition{{Type: "Succeeded", Status: metav1.ConditionUnknown}}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"conditions":[{"type":"Succeeded","status":"Unknown"}],"data":"","source":null,"refSource":null}`
	if string(raw) != want {
		t.Errorf("\ngot  %s\nwant %s", raw, want)
	}
}
