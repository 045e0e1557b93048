package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Succeeded returns the condition of type Succeeded. If the request has none, the returned condition is Unknown.
func (r *ResolutionRequest) Succeeded() Condition {
	if r.Status != nil {
		for _, c := range r.Status.Conditions {
			if c.Type == v1.ConditionSucceeded {
				return c
			}
		}
	}
	return Condition{Type: v1.ConditionSucceeded, Status: metav1.ConditionUnknown}
}

// Done reports whether the request has its answer: a definition, or the reason why there is none.
func (r *ResolutionRequest) Done() bool { return r.Succeeded().Status != metav1.ConditionUnknown }

// SetSucceeded sets the condition of type Succeeded, and makes it the only one. The time of the last transition changes only if
// the status does.
func (r *ResolutionRequest) SetSucceeded(status metav1.ConditionStatus, reason, message string, now metav1.Time) {
	before := r.Succeeded()
	if before.Status == status && !before.LastTransitionTime.IsZero() {
		now = before.LastTransitionTime
	}
	if r.Status == nil {
		r.Status = &ResolutionRequestStatus{}
	}
	r.Status.Conditions = []Condition{{
		Type: v1.ConditionSucceeded, Status: status, LastTransitionTime: now, Reason: reason, Message: message,
	}}
}
