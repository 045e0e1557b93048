// Package standin has stand-ins for parts of Tekton in tests: a webhook that refuses what Tekton's refuses of the writes of
// another controller, and an engine that acts on the runs on which Tekton's controller acts.
package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"sync"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
	"github.com/sluice-ci/sluice/test/testutil/webhook"
)

// Webhook is a strict validating webhook. It refuses objects and statuses with fields that Tekton's types do not have, and
// changes of a run that Tekton refuses.
type Webhook struct {
	server *httptest.Server

	mu      sync.Mutex
	refused []string
	seen    map[string]int
	later   []string
}

// NewWebhook serves a webhook on a loopback address, until Close.
func NewWebhook() *Webhook {
	w := &Webhook{seen: map[string]int{}}
	w.server = httptest.NewTLSServer(webhook.Handler(w.answer))
	return w
}

// NewWebhookOn starts the webhook on the given IP address of this machine. An API server in another network namespace cannot reach
// the loopback address that NewWebhook uses.
func NewWebhookOn(ip string) (*Webhook, error) {
	w := &Webhook{seen: map[string]int{}}
	server, err := webhook.Serve(ip, w.answer)
	if err != nil {
		return nil, err
	}
	w.server = server
	return w, nil
}

// Close stops the webhook.
func (w *Webhook) Close() { w.server.Close() }

// Refused returns what the webhook has refused, and why.
func (w *Webhook) Refused() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.refused)
}

// Seen returns how many requests for a resource the webhook has judged, for example "taskruns/status".
func (w *Webhook) Seen(resource string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[resource]
}

// Upgrade makes the webhook one of a later version of Tekton, which has more fields, by their paths, such as ".spec.next". Without
// paths it is the first version again.
func (w *Webhook) Upgrade(later ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.later = later
}

func (w *Webhook) upgrades() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.later)
}

// Configuration returns the object that makes the API server ask the webhook about every write, also of a status. As with
// Tekton, a write fails if the webhook does not respond.
func (w *Webhook) Configuration() *admissionregistrationv1.ValidatingWebhookConfiguration {
	kinds := []string{"tasks", "taskruns", "pipelines", "pipelineruns", "stepactions"}
	resources := slices.Concat(kinds, []string{"taskruns/status", "pipelineruns/status"})
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "validation.stand-in"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:         "validation.stand-in.example.com",
			ClientConfig: webhook.ClientConfig(w.server),
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{v1.GroupName}, APIVersions: []string{"v1", "v1beta1"}, Resources: resources,
				},
			}},
			FailurePolicy:           new(admissionregistrationv1.Fail),
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
}

// answer responds to a review.
func (w *Webhook) answer(request *admissionv1.AdmissionRequest) admissionv1.AdmissionResponse {
	judged := Judge(request, w.upgrades()...)
	w.note(request, judged)
	if judged != nil {
		return admissionv1.AdmissionResponse{Result: &metav1.Status{Code: http.StatusBadRequest, Message: judged.Error()}}
	}
	return admissionv1.AdmissionResponse{Allowed: true}
}

func (w *Webhook) note(request *admissionv1.AdmissionRequest, judged error) {
	resource := request.Resource.Resource
	if request.SubResource != "" {
		resource += "/" + request.SubResource
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[resource]++
	if judged != nil {
		w.refused = append(w.refused, fmt.Sprintf("%s %s %q of %s: %v",
			request.Operation, resource, request.Name, request.UserInfo.Username, judged))
	}
}

// object has the parts of a run on which the rules for changes depend.
type object struct {
	Spec   map[string]any `json:"spec"`
	Status struct {
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

// done reports whether the run has ended.
func (o object) done() bool {
	for _, c := range o.Status.Conditions {
		if c.Type == v1.ConditionSucceeded {
			return c.Status != string(metav1.ConditionUnknown)
		}
	}
	return false
}

// Judge returns why Tekton's webhook refuses a request; nil if it does not. later are paths of fields that a later version has.
func Judge(request *admissionv1.AdmissionRequest, later ...string) error {
	if err := tektoncrds.Check(request.Kind.Kind, request.Kind.Version, request.Object.Raw, later...); err != nil {
		return err
	}
	isRun := slices.Contains([]string{v1.KindTaskRun, v1.KindPipelineRun}, request.Kind.Kind)
	if request.Operation != admissionv1.Update || request.SubResource != "" || !isRun {
		return nil
	}
	var before, after object
	if err := errors.Join(json.Unmarshal(request.OldObject.Raw, &before), json.Unmarshal(request.Object.Raw, &after)); err != nil {
		return fmt.Errorf("cannot decode the run: %w", err)
	}
	return judgeChange(before, after)
}

// judgeChange applies the rules for changes of a run: managedBy never changes, nothing changes after the end, and before that
// only the request to cancel. A PipelineRun that is held may change.
func judgeChange(before, after object) error {
	switch {
	case reflect.DeepEqual(before.Spec, after.Spec):
		return nil
	case before.Spec["managedBy"] != after.Spec["managedBy"]:
		return errors.New("spec.managedBy cannot change")
	case before.done():
		return errors.New("the run has ended, so its spec cannot change")
	case before.Spec["status"] == string(v1.PipelineRunSpecStatusPending):
		return nil
	}
	for _, open := range []string{"status", "statusMessage"} {
		delete(before.Spec, open)
		delete(after.Spec, open)
	}
	if !reflect.DeepEqual(before.Spec, after.Spec) {
		return errors.New("the run has started, so only spec.status and spec.statusMessage can change")
	}
	return nil
}
