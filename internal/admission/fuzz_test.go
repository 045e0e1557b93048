package admission_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/validation"
)

// FuzzAdmission: any object of any kind is admitted, or rejected with a reason, as a new object and as an update. Defaults are
// complete after one pass. They never make a valid object invalid, or an invalid one valid. Both webhooks refuse unknown fields.
func FuzzAdmission(f *testing.F) {
	f.Add(uint8(0), []byte(`{"spec":{"steps":[{"image":"i","results":[{"name":"r"}]}],"params":[{"name":"p","default":["a"]}]}}`), []byte(nil))
	f.Add(uint8(1), []byte(`{"spec":{"taskSpec":{"steps":[{"image":"$(params.x)"}]},"status":"TaskRunCancelled"}}`),
		[]byte(`{"spec":{"taskRef":{"name":"t"}}}`))
	f.Add(uint8(2),
		[]byte(`{"spec":{"tasks":[{"name":"a","taskRef":{"name":"t"},"matrix":{"params":[{"name":"m","value":["1"]}]}}],"finally":[null]}}`),
		[]byte(`{}`))
	f.Add(uint8(3),
		[]byte(`{"spec":{"pipelineRef":{"name":"p"},"timeouts":{"pipeline":"1h","tasks":"2h"},"taskRunSpecs":[{"pipelineTaskName":"a"}]}}`),
		[]byte(`null`))
	f.Add(uint8(0), []byte(`{"Spec":{"steps":[{"IMAGE":"i","volumemounts":[{"mountpath":"/a","mountPath":"/b"}]}]}}`), []byte(nil))
	f.Add(uint8(3), []byte(`{"spec":{"pipelinespec":{"tasks":[{"x":{"name":1}}]}}}`), []byte(`{"spec":{"y":[{}]}}`))
	f.Add(uint8(4), []byte(`{"spec":{"image":"i","script":"$(params.p[*])","params":[{"name":"p","type":"object"}]}}`), []byte(`{"spec":[]}`))
	kinds := []string{v1.KindTask, v1.KindTaskRun, v1.KindPipeline, v1.KindPipelineRun, "StepAction"}
	hooks := served(f, admission.All(validation.DefaultLimits, settings))
	f.Fuzz(func(t *testing.T, number uint8, object, old []byte) {
		kind := kinds[int(number)%len(kinds)]
		request := ctrladmission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
			Kind:      metav1.GroupVersionKind{Group: v1.GroupName, Version: "v1", Kind: kind},
			Operation: admissionv1.Create,
			Object:    runtime.RawExtension{Raw: object},
		}}
		first := judged(t, hooks, request)
		filled := hooks[admission.DefaultingPath].Handle(t.Context(), request)
		if !filled.Allowed {
			if !strings.Contains(filled.Result.Message, "unknown field") || first.Allowed {
				t.Fatalf("the webhook of defaults refused: %+v", filled.Result)
			}
			return
		}
		if after, ok := patched(t, object, filled); ok {
			request.Object.Raw = after
			if again := hooks[admission.DefaultingPath].Handle(t.Context(), request); len(again.Patches) > 0 {
				t.Errorf("a second pass of defaults changes more: %v", again.Patches)
			}
			if second := judged(t, hooks, request); second.Allowed != first.Allowed {
				t.Errorf("with defaults filled in admitted is %t, without them %t: %+v, %+v",
					second.Allowed, first.Allowed, second.Result, first.Result)
			}
		}
		request.Operation, request.OldObject.Raw = admissionv1.Update, old
		judged(t, hooks, request)
	})
}

// judged returns the response of the validating webhook. A rejection must have a reason.
func judged(t *testing.T, hooks map[string]ctrladmission.Handler, request ctrladmission.Request) ctrladmission.Response {
	t.Helper()
	answer := hooks[admission.ValidatingPath].Handle(t.Context(), request)
	known := answer.Result != nil && answer.Result.Message != "" &&
		(answer.Result.Code == http.StatusBadRequest || answer.Result.Code == http.StatusUnprocessableEntity)
	if !answer.Allowed && !known {
		t.Fatalf("refused without a reason, or as if it were the controller's fault: %+v", answer.Result)
	}
	return answer
}

// patched applies the defaults as the API server does. ok is false if there are none, or if the object has members that the
// API server prunes by the schema before it calls the webhook.
func patched(t *testing.T, object []byte, filled ctrladmission.Response) (after []byte, ok bool) {
	t.Helper()
	text, err := json.Marshal(filled.Patches)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		t.Fatalf("no JSON patch: %v: %s", err, text)
	}
	after, err = patch.Apply(object)
	return after, err == nil && len(filled.Patches) > 0
}
