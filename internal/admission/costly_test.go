package admission

import (
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestCostlyObjectsAreRefusedBeforeTheirSchema: the webhook of the defaults, which comes before the schemas, refuses what would occupy the
// API server there. It leaves all other mistakes to the schemas and to the other webhook.
func TestCostlyObjectsAreRefusedBeforeTheirSchema(t *testing.T) {
	list := func(before, element string, n int, after string) string {
		return before + strings.Repeat(element+",", n-1) + element + after
	}
	params := func(element string, n int) string {
		return list(`{"spec":{"pipelineSpec":{"tasks":[{"name":"t","taskRef":{"name":"a"}}]},"params":[`, element, n, `]}}`)
	}
	heavy := params(list(`{"name":"a","value":[`, `""`, 600_000, `]}`), 1)
	cancelled := func(object string) string {
		return strings.Replace(object, `{"spec":{`, `{"spec":{"status":"Cancelled",`, 1)
	}
	quantities := func(n int) string {
		var all strings.Builder
		for i := range n {
			fmt.Fprintf(&all, `,"r%x":1`, i)
		}
		return `{"spec":{"taskRef":{"name":"a"},"computeResources":{"limits":{` + all.String()[1:] + `}}}}`
	}
	cases := map[string]struct {
		reason  string
		kind    string
		object  string
		old     string
		refused string
	}{
		"EmptyParams": {
			reason:  "30 kB of these took the API server 16 s",
			kind:    v1.KindPipelineRun,
			object:  params(`{}`, 10_000),
			refused: "spec.params[0].name: Required value",
		},
		"FewEmptyParams": {
			reason: "the schema names the few mistakes of people",
			kind:   v1.KindPipelineRun,
			object: params(`{}`, 10),
		},
		"OtherTypes": {
			reason:  "what does not decode makes the same errors",
			kind:    v1.KindPipelineRun,
			object:  params(`1`, 10_000),
			refused: `spec.params[0]: Invalid value: "number": it must be of type object`,
		},
		"FewOtherTypes": {
			reason: "the schema names them",
			kind:   v1.KindPipelineRun,
			object: params(`1`, 10),
		},
		"ManyParams": {
			reason:  "each costs the API server as much as a large text",
			kind:    v1.KindPipelineRun,
			object:  params(`{"name":"a","value":"b"}`, 40_000),
			refused: "spec: Forbidden: it has too many small elements: the API server would need more than 400000 steps",
		},
		"DefaultsCount": {
			reason:  "each gets a type, so the stored object would be above the limit",
			kind:    v1.KindPipeline,
			object:  list(`{"spec":{"tasks":[{"name":"t","taskRef":{"name":"a"}}],"params":[`, `{"name":"a"}`, 20_000, `]}}`),
			refused: "spec: Forbidden: it has too many small elements: the API server would need more than 400000 steps",
		},
		"Params": {
			reason: "as many as anybody uses",
			kind:   v1.KindPipelineRun,
			object: params(`{"name":"a","value":"b"}`, 20_000),
		},
		"LargeArray": {
			reason: "a value of a param has no schema",
			kind:   v1.KindPipelineRun,
			object: params(list(`{"name":"a","value":[`, `"ab"`, 250_000, `]}`), 1),
		},
		"Heavy": {
			reason:  "what takes too much memory was left to the schema before",
			kind:    v1.KindPipelineRun,
			object:  heavy,
			refused: "it has too many small elements",
		},
		"Cancel": {
			reason: "a stored run that is as costly can be cancelled",
			kind:   v1.KindPipelineRun,
			object: cancelled(params(`{}`, 10_000)),
			old:    params(`{}`, 10_000),
		},
		"Worse": {
			reason:  "it cannot become worse",
			kind:    v1.KindPipelineRun,
			object:  params(`{}`, 10_001),
			old:     params(`{}`, 10_000),
			refused: "spec.params[0].name: Required value",
		},
		"CancelMany": {
			reason: "the same for the number of elements: a run at the limit has more when it is stored, with its defaults",
			kind:   v1.KindPipelineRun,
			object: cancelled(params(`{"name":"a","value":"b"}`, 40_000)),
			old:    params(`{"name":"a","value":"b"}`, 40_000),
		},
		"Grow": {
			reason:  "it cannot grow by more than a few values",
			kind:    v1.KindPipelineRun,
			object:  params(`{"name":"a","value":"b"}`, 40_010),
			old:     params(`{"name":"a","value":"b"}`, 40_000),
			refused: "it has too many small elements",
		},
		"CancelHeavy": {
			reason: "the same for the memory that it takes",
			kind:   v1.KindPipelineRun,
			object: cancelled(heavy),
			old:    heavy,
		},
		"BecomesHeavy": {
			reason:  "a stored object that takes little memory cannot be replaced by one that takes much",
			kind:    v1.KindPipelineRun,
			object:  heavy,
			old:     params(`{"name":"a","value":"b"}`, 1),
			refused: "it has too many small elements",
		},
		"Quantities": {
			reason:  "the API server tries two schemas for each: 100,000 of them, 1 MB, took it a second",
			kind:    v1.KindTaskRun,
			object:  quantities(100_000),
			refused: "it has too many small elements",
		},
		"FewQuantities": {
			reason: "more than any node has resources",
			kind:   v1.KindTaskRun,
			object: quantities(10_000),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ask := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
				Operation: admissionv1.Create,
				Object:    runtime.RawExtension{Raw: []byte(tc.object)},
			}}
			if tc.old != "" {
				ask.Operation, ask.OldObject.Raw = admissionv1.Update, []byte(tc.old)
			}
			ask.Kind.Group, ask.Kind.Kind = v1.GroupName, tc.kind
			answer := All(validation.DefaultLimits, noSettings).fillIn(t.Context(), ask)
			switch {
			case answer.Allowed != (tc.refused == ""):
				t.Errorf("%s: allowed %t, %.300v", tc.reason, answer.Allowed, answer.Result)
			case !answer.Allowed && !strings.Contains(answer.Result.Message, tc.refused):
				t.Errorf("%s: want %q in %.300q", tc.reason, tc.refused, answer.Result.Message)
			case !answer.Allowed && len(answer.Result.Message) > 20_000:
				t.Errorf("%s: the message has %d bytes", tc.reason, len(answer.Result.Message))
			}
		})
	}
}

// TestCostlyDefinitionsAreRefused: a definition from a resolver goes into a status, whose schema the API server checks in the same way.
func TestCostlyDefinitionsAreRefused(t *testing.T) {
	object := `{"spec":{"steps":[{"image":"a","env":[` + strings.TrimSuffix(strings.Repeat(`{},`, 10_000), ",") + `]}]}}`
	err := All(validation.DefaultLimits, noSettings).Decode(t.Context(), v1.KindTask, []byte(object), &v1.Task{})
	if err == nil || !strings.Contains(err.Error(), "spec.steps[0].env[0].name: Required value") {
		t.Errorf("want the first mistake, got %.300v", err)
	}
}
