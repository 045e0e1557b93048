// Package injection adds a container to new pods, as a service mesh does: with a mutating webhook, which every version of
// Kubernetes supports.
package injection

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/webhook"
)

// Injector serves the webhook.
type Injector struct{ server *httptest.Server }

// Start serves a webhook on an IP address of this machine that the API server can reach, until Close. It adds the container.
func Start(ip string, container corev1.Container) (*Injector, error) {
	added, err := patch(container)
	if err != nil {
		return nil, err
	}
	server, err := webhook.Serve(ip, func(*admissionv1.AdmissionRequest) admissionv1.AdmissionResponse {
		return admissionv1.AdmissionResponse{Allowed: true, PatchType: new(admissionv1.PatchTypeJSONPatch), Patch: added}
	})
	if err != nil {
		return nil, err
	}
	return &Injector{server: server}, nil
}

// Close stops the webhook. No pod can then be created in the namespaces of its configurations.
func (i *Injector) Close() { i.server.Close() }

// Configuration returns the object that makes the API server ask the webhook about each new pod of a namespace.
func (i *Injector) Configuration(namespace string) *admissionregistrationv1.MutatingWebhookConfiguration {
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "mesh-of-" + namespace},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:              "mesh.example.com",
			ClientConfig:      webhook.ClientConfig(i.server),
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
			FailurePolicy:           new(admissionregistrationv1.Fail),
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
}

// Endless returns a container that runs until it is stopped. Its image is that of the steps.
func Endless(name string) corev1.Container {
	return corev1.Container{Name: name, Image: kube.StepImage, Command: []string{"sh", "-c", "sleep 36000 & wait"}}
}

// patch returns the JSON patch that adds a container at the end of a pod's containers.
func patch(container corev1.Container) ([]byte, error) {
	text, err := json.Marshal([]map[string]any{{"op": "add", "path": "/spec/containers/-", "value": container}})
	if err != nil {
		return nil, fmt.Errorf("cannot encode container %q: %w", container.Name, err)
	}
	return text, nil
}
