package admission

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// RegisterPatient serves the webhooks as Register does, for requests that may take longer: tests share the processor.
func RegisterPatient(k Kinds, server webhook.Server, patience time.Duration) {
	gate := newGate()
	gate.patience = patience
	k.register(server, gate)
}
