//go:build integration

package beside

import (
	"slices"
	"strings"
	"testing"
)

// TestSluiceWritesItsOwn: whatever the other tests have done, Sluice has written nothing in the namespace of Tekton, and no object of
// the cluster except its own webhook configuration. The file has this name so that the test is the last one.
func TestSluiceWritesItsOwn(t *testing.T) {
	ours := by(allWrites(t), sluiceUser)
	if len(ours) == 0 {
		t.Fatal("the audit log has no write of Sluice")
	}
	for _, w := range ours {
		reviews := []string{"tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews"}
		switch {
		case w.namespace == ofSluice, strings.HasPrefix(w.namespace, namespacePrefix):
		case w.namespace == "" && slices.Contains(reviews, w.resource):
		case w.namespace == "" && w.resource == "mutatingwebhookconfigurations" && w.name == webhookName:
		default:
			t.Errorf("Sluice wrote what is not its own: %v", w)
		}
	}
}
