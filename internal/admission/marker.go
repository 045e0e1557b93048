package admission

import (
	"context"
	"encoding/json"

	jsonpatch "gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/ownership"
)

// MarkingPath is the path of the webhook of config/coexist.
const MarkingPath = "/managed-by"

// Marker sets spec.managedBy of new runs that name no controller and that no other run owns. It never rejects an object and
// changes nothing else: beside Tekton, everything else is the task of Tekton's webhooks. config/coexist calls it for the
// namespaces of Sluice only.
type Marker struct {
	// Runs has the name to set.
	Runs ownership.Rule
	// Marked counts a run of a kind.
	Marked func(kind string)
}

// Register serves the webhook. It handles a limited number of requests at the same time.
func (m Marker) Register(server webhook.Server) {
	server.Register(MarkingPath, &gated{&admission.Webhook{Handler: admission.HandlerFunc(m.mark)}, newGate()})
}

// mark responds with the change of a run.
func (m Marker) mark(_ context.Context, request admission.Request) admission.Response {
	kind := request.Kind.Kind
	if request.Operation != admissionv1.Create || request.Kind.Group != v1.GroupName || kind != v1.KindTaskRun && kind != v1.KindPipelineRun {
		return admission.Allowed("")
	}
	var run struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     *struct {
			ManagedBy *string `json:"managedBy"`
		} `json:"spec"`
	}
	// An object that does not decode, or that has no spec, is for Tekton's webhook to reject.
	if json.Unmarshal(request.Object.Raw, &run) != nil || run.Spec == nil {
		return admission.Allowed("")
	}
	if !ownership.Unnamed(run.Spec.ManagedBy) || ownership.Child(&run.Metadata) {
		return admission.Allowed("")
	}
	if request.DryRun == nil || !*request.DryRun {
		m.Marked(kind)
	}
	return admission.Patched("", jsonpatch.NewOperation("add", "/spec/managedBy", m.Runs.Name()))
}
