package request

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestNews: a run with many references is reconciled when its last request is answered, or when one fails, and not for each of
// them.
func TestNews(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := resolutionv1beta1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	owned := func(name string, status metav1.ConditionStatus, data string) *resolutionv1beta1.ResolutionRequest {
		run := &metav1.ObjectMeta{Namespace: "ci", Name: "build", UID: "uid-1"}
		r := &resolutionv1beta1.ResolutionRequest{ObjectMeta: metav1.ObjectMeta{
			Namespace: "ci", Name: name,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(run, v1.GroupVersion.WithKind(v1.KindTaskRun))},
		}}
		if status != "" || data != "" {
			r.Status = &resolutionv1beta1.ResolutionRequestStatus{Data: data}
		}
		if status != "" {
			r.SetSucceeded(status, "Reason", "", metav1.NewTime(epoch()))
		}
		return r
	}
	for name, tc := range map[string]struct {
		reason  string
		changed *resolutionv1beta1.ResolutionRequest
		sibling *resolutionv1beta1.ResolutionRequest
		want    bool
	}{
		"Last": {
			reason:  "all are answered",
			changed: owned("a", metav1.ConditionTrue, "x"),
			sibling: owned("b", "", "x"),
			want:    true,
		},
		"NotLast": {
			reason:  "another one has no answer",
			changed: owned("a", metav1.ConditionTrue, "x"),
			sibling: owned("b", "", ""),
		},
		"Failed": {
			reason:  "one failure ends the run",
			changed: owned("a", metav1.ConditionFalse, ""),
			sibling: owned("b", "", ""),
			want:    true,
		},
		"InProgress": {
			reason:  "a resolver has begun",
			changed: owned("a", metav1.ConditionUnknown, ""),
			sibling: owned("b", metav1.ConditionTrue, "x"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			requests := fake.NewClientBuilder().WithScheme(scheme).WithObjects(tc.changed, tc.sibling).
				WithIndex(&resolutionv1beta1.ResolutionRequest{}, ownerIndex, ownersOf).Build()
			if got := news(t.Context(), requests, tc.changed); got != tc.want {
				t.Errorf("%s: got %t", tc.reason, got)
			}
		})
	}
	if _, ok := runOf(v1.KindPipelineRun, owned("a", "", "")); ok {
		t.Error("the request of a TaskRun wakes no PipelineRun")
	}
	if run, ok := runOf(v1.KindTaskRun, owned("a", "", "")); !ok || run.Name != "build" {
		t.Errorf("got %v, %t", run, ok)
	}
}

// TestTrim: the cache keeps whether there is an answer, and not the answer.
func TestTrim(t *testing.T) {
	r := &resolutionv1beta1.ResolutionRequest{
		Spec: resolutionv1beta1.ResolutionRequestSpec{Params: []v1.Param{{Name: "p"}}},
		Status: &resolutionv1beta1.ResolutionRequestStatus{
			Data: "a whole definition", Source: &v1.RefSource{URI: "x"}, RefSource: &v1.RefSource{URI: "x"},
		},
	}
	Trim(r)
	if !answered(r) || r.Status.Data != cutAnswer || r.Status.Source != nil || r.Status.RefSource != nil || len(r.Spec.Params) != 0 {
		t.Errorf("got %+v of %+v", r.Status, r.Spec)
	}
	if _, err := documentOf(r.Status.Data, v1.KindTask); err == nil {
		t.Error("what is left must not look like an answer")
	}
}

var _ client.IndexerFunc = ownersOf
