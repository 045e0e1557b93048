package install_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
)

// TestWebhooksGoFirst: webhooks and policies are applied after the controller and deleted before it, because they reject
// objects while it is down.
func TestWebhooksGoFirst(t *testing.T) {
	set, err := bundle.Build(bundle.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, object := range set.Core {
		kinds = append(kinds, object.GetKind())
	}
	slices.Reverse(kinds) // the order of deletion
	controller := slices.Index(kinds, "Deployment")
	webhooks := 0
	for i, kind := range kinds {
		if strings.HasSuffix(kind, "WebhookConfiguration") {
			webhooks++
			if i > controller {
				t.Errorf("want each %s deleted before the Deployment, got %q", kind, kinds)
			}
		}
	}
	if controller < 0 || webhooks != 2 {
		t.Errorf("want a Deployment and two configurations, got %q", kinds)
	}
}
