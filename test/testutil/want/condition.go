// Package want holds comparisons that tests of several packages share.
package want

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Condition stops the test unless got has the status and the reason. It fails the test for each of parts that the message
// does not contain.
func Condition(tb testing.TB, got *metav1.Condition, status metav1.ConditionStatus, reason string, parts ...string) {
	tb.Helper()
	if got == nil {
		tb.Fatalf("want condition %s %s, got none", status, reason)
	}
	if got.Status != status || got.Reason != reason {
		tb.Fatalf("want condition %s %s, got %s %s: %s", status, reason, got.Status, got.Reason, got.Message)
	}
	for _, part := range parts {
		if !strings.Contains(got.Message, part) {
			tb.Errorf("want %q in the message of condition %s %s, got %q", part, status, reason, got.Message)
		}
	}
}
