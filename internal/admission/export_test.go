package admission

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// RegisterPatient serves the webhooks as Register does, for requests that may take longer: tests share the processor.
func RegisterPatient(k Kinds, server webhook.Server, patience time.Duration) {
	gate := newGate()
	gate.patience = patience
	k.register(server, gate)
}

// Mark is the response of the webhook of a Marker.
func Mark(m Marker, request admission.Request) admission.Response {
	return m.mark(context.Background(), request)
}
