// Package injection adds containers to new pods, as a service mesh does: with a mutating webhook, which every version of
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

// Start serves a webhook on an IP address of this machine that the API server can reach, until Close. It adds the container to each pod,
// after its other containers.
func Start(ip string, container corev1.Container) (*Injector, error) {
	return start(ip, func(corev1.PodSpec) []addition { return []addition{{"add", "/spec/containers/-", container}} })
}

// StartBefore is like Start, but it adds an init container, before the other ones, and a volume.
func StartBefore(ip string, container corev1.Container, volume corev1.Volume) (*Injector, error) {
	return start(ip, func(pod corev1.PodSpec) []addition {
		return []addition{
			first("/spec/initContainers", container, len(pod.InitContainers)),
			first("/spec/volumes", volume, len(pod.Volumes)),
		}
	})
}

// first returns the operation that adds a value at the beginning of a list, which does not exist if it has no elements.
func first[T any](list string, value T, elements int) addition {
	if elements == 0 {
		return addition{"add", list, []T{value}}
	}
	return addition{"add", list + "/0", value}
}

// addition is an operation of a JSON patch.
type addition struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

func start(ip string, add func(corev1.PodSpec) []addition) (*Injector, error) {
	server, err := webhook.Serve(ip, func(request *admissionv1.AdmissionRequest) admissionv1.AdmissionResponse {
		pod := corev1.Pod{}
		if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
			return refusal(fmt.Errorf("cannot decode the pod: %w", err))
		}
		patch, err := json.Marshal(add(pod.Spec))
		if err != nil {
			return refusal(fmt.Errorf("cannot encode what is added to the pod: %w", err))
		}
		return admissionv1.AdmissionResponse{Allowed: true, PatchType: new(admissionv1.PatchTypeJSONPatch), Patch: patch}
	})
	if err != nil {
		return nil, err
	}
	return &Injector{server: server}, nil
}

// refusal returns the answer that a pod must not be created.
func refusal(err error) admissionv1.AdmissionResponse {
	return admissionv1.AdmissionResponse{Result: &metav1.Status{Message: err.Error()}}
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
