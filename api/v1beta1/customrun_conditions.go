package v1beta1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Reasons of a CustomRun that did not succeed, which controllers of custom tasks write. Every other reason means that it failed.
const (
	CustomRunReasonCancelled = "CustomRunCancelled"
	CustomRunReasonTimedOut  = "CustomRunTimedOut"
)

// Condition returns the run's Succeeded condition, or nil for a run on which no controller has acted. A time that is none is
// the zero time.
func (s *CustomRunStatus) Condition() *metav1.Condition {
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if c.Type != v1.ConditionSucceeded {
			continue
		}
		out := &metav1.Condition{Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message}
		if at, err := time.Parse(time.RFC3339, c.LastTransitionTime); err == nil {
			out.LastTransitionTime = metav1.NewTime(at)
		}
		return out
	}
	return nil
}

// Done reports whether the run has ended, with success or with failure.
func (s *CustomRunStatus) Done() bool {
	c := s.Condition()
	return c != nil && (c.Status == metav1.ConditionTrue || c.Status == metav1.ConditionFalse)
}
