package main

import (
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/convert/review"
	"github.com/sluice-ci/sluice/internal/creation"
	counts "github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/version"
	"github.com/sluice-ci/sluice/internal/webhookcert"
)

// linger is how long the controller serves the webhooks after shutdown begins. Nodes stop routing requests to its pod within
// a second or two. It is part of gracePeriod.
const linger = 3 * time.Second

// addWebhooks serves the webhooks with a certificate that the controller creates and renews: those of config/webhook, or that of
// config/coexist beside Tekton. The settings in store decide what those of config/webhook reject.
func addWebhooks(mgr ctrl.Manager, o *options, store *config.Store, m *monitoring) error {
	if o.webhookPort == 0 {
		ctrl.Log.Info("webhooks are off", "flag", "webhook-port")
		return nil
	}
	names := webhookcert.Options{
		Secret:     types.NamespacedName{Namespace: o.namespace, Name: "sluice-webhook-certificate"},
		Service:    "sluice-webhook",
		Dir:        o.webhookDir,
		Validating: "sluice-validation",
		Mutating:   "sluice-defaults",
		CRDs:       []string{"tasks.tekton.dev", "taskruns.tekton.dev", "pipelines.tekton.dev", "pipelineruns.tekton.dev"},
	}
	if o.coexist { // the CRDs are those of Tekton
		names.Validating, names.Mutating, names.CRDs = "", "sluice-managed-by", nil
	}
	certificate, err := webhookcert.AddToManager(mgr, names)
	if err != nil {
		return err
	}
	server := webhook.NewServer(webhook.Options{Port: o.webhookPort, CertDir: o.webhookDir})
	registerWebhooks(server, o, store, m)
	served := &webhookcert.Server{Server: server, Certificate: certificate, Linger: linger}
	if err := mgr.Add(served); err != nil {
		return fmt.Errorf("cannot add webhooks to manager: %w", err)
	}
	if err := mgr.AddReadyzCheck("webhooks", served.Check); err != nil {
		return fmt.Errorf("cannot serve readyz: %w", err)
	}
	return nil
}

// registerWebhooks registers the webhooks of the mode.
func registerWebhooks(server webhook.Server, o *options, store *config.Store, m *monitoring) {
	if o.coexist {
		marked := counts.NewMarked()
		m.more = append(m.more, marked)
		admission.Marker{Runs: o.runs(), Marked: marked.Mark}.Register(server)
		return
	}
	admission.All(func() validation.Limits {
		settings := store.Load()
		return settings.Limits()
	}, func() creation.Settings {
		return creation.Settings{Defaults: store.Load().Defaults, Release: version.Current().Number}
	}).RegisterWith(server, map[string]http.Handler{review.Path: review.Handler{}})
}
