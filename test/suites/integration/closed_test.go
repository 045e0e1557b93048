//go:build integration

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestWebhookAway: while the webhooks of config/webhook are unavailable, no object is stored that they should check. Requests
// that need no check succeed. There are two ways to bypass the webhooks: for one namespace, or for all.
func TestWebhookAway(t *testing.T) {
	namespace := newNamespace(t)
	before := taskRun(namespace, "before")
	create(t, before)
	label(t, namespace, closedLabel, "yes")
	applyWebhooks(t)
	eventually(t, func(ctx context.Context) error {
		return wantClosed(shared.client.Create(ctx, taskRun(namespace, "new"), client.DryRunAll))
	})
	t.Run("what is there can change, end and go", func(t *testing.T) {
		before.Labels = map[string]string{"team": "release"}
		if err := shared.client.Update(t.Context(), before); err != nil {
			t.Errorf("want labels to change, got: %v", err)
		}
		before.Status.SetCondition(v1.Succeeded("done"), metav1.Now())
		if err := shared.client.Status().Update(t.Context(), before); err != nil {
			t.Errorf("want an outcome to be written, got: %v", err)
		}
		if err := shared.client.Delete(t.Context(), before); err != nil {
			t.Errorf("want it deleted, got: %v", err)
		}
	})
	t.Run("the controller starts what its runs need", func(t *testing.T) {
		c, host := as(t, controller, "system:serviceaccounts", "system:serviceaccounts:"+installation)
		if code := try(t, c, host, "POST /apis/tekton.dev/v1/namespaces/"+namespace+"/taskruns"); code >= 500 {
			t.Errorf("want no webhook asked about the controller's own TaskRuns, got %d", code)
		}
	})
	t.Run("a namespace is let out", func(t *testing.T) {
		mustKubectl(t, "label", "namespace", namespace, "sluice.dev/admission=ignore")
		eventually(t, func(ctx context.Context) error {
			return shared.client.Create(ctx, taskRun(namespace, "out"), client.DryRunAll)
		})
		mustKubectl(t, "label", "namespace", namespace, "sluice.dev/admission-")
		eventually(t, func(ctx context.Context) error {
			return wantClosed(shared.client.Create(ctx, taskRun(namespace, "in"), client.DryRunAll))
		})
	})
	t.Run("the webhooks are taken away", func(t *testing.T) {
		mustKubectl(t, "delete", "validatingwebhookconfiguration/sluice-validation", "mutatingwebhookconfiguration/sluice-defaults")
		eventually(t, func(ctx context.Context) error {
			return shared.client.Create(ctx, taskRun(namespace, "open"), client.DryRunAll)
		})
	})
}

// wantClosed returns an error unless a request was refused because a webhook is unavailable.
func wantClosed(err error) error {
	if err == nil || !strings.Contains(err.Error(), "failed calling webhook") || !strings.Contains(err.Error(), "sluice.dev") {
		return fmt.Errorf("want it refused, since the webhook is away, got: %w", err)
	}
	return nil
}
