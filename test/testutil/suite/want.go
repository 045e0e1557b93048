package suite

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// WantSucceeded fails the test unless the run ended well.
func WantSucceeded(t *testing.T, c *metav1.Condition) {
	t.Helper()
	if c == nil || c.Status != metav1.ConditionTrue || c.Reason != v1.TaskRunReasonSucceeded {
		t.Fatalf("the run did not succeed: %s", kube.Describe(c))
	}
}

// WantFailed fails the test unless the run failed with the reason and a message that holds every one of words.
func WantFailed(t *testing.T, c *metav1.Condition, reason string, words ...string) {
	t.Helper()
	if c == nil || c.Status != metav1.ConditionFalse || c.Reason != reason {
		t.Fatalf("the run did not fail with reason %s: %s", reason, kube.Describe(c))
	}
	for _, word := range words {
		if !strings.Contains(c.Message, word) {
			t.Errorf("the message does not name %q: %q", word, c.Message)
		}
	}
}
