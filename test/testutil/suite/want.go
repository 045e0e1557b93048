package suite

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/want"
)

// WantSucceeded stops the test unless the run succeeded.
func WantSucceeded(t *testing.T, c *metav1.Condition) {
	t.Helper()
	want.Condition(t, c, metav1.ConditionTrue, v1.TaskRunReasonSucceeded)
}

// WantFailed stops the test unless the run failed with the reason. It fails the test for each of words that the message does
// not contain.
func WantFailed(t *testing.T, c *metav1.Condition, reason string, words ...string) {
	t.Helper()
	want.Condition(t, c, metav1.ConditionFalse, reason, words...)
}
