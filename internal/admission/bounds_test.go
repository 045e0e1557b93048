package admission

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/admission/scan"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestWorkEndsWithItsContext: work stops when the API server closes the connection.
func TestWorkEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	raw := []byte(`{"spec":{"steps":[{"image":"i","script":"$(params.x)"}]}}`)
	kinds := All(validation.DefaultLimits, noSettings)
	ask := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Operation: admissionv1.Update,
		Object:    runtime.RawExtension{Raw: raw},
		OldObject: runtime.RawExtension{Raw: raw},
	}}
	ask.Kind.Group, ask.Kind.Kind = v1.GroupName, v1.KindTask
	for name, answer := range map[string]admission.Response{"defaults": kinds.fillIn(ctx, ask), "rules": kinds.judge(ctx, ask)} {
		if answer.Allowed || answer.Result.Code != http.StatusGatewayTimeout {
			t.Errorf("%s: want no verdict, got %+v", name, answer)
		}
	}
	var task v1.Task
	if err := json.Unmarshal(raw, &task); err != nil {
		t.Fatal(err)
	}
	report := validation.NewReport(ctx, nil)
	if validation.ReportTask(report, &task); len(report.Errors()) > 0 {
		t.Errorf("the references were read after the context had ended: %v", report.Errors())
	}
}

// TestDecodedSizeIsBounded: an object that would take hundreds of megabytes is rejected before it is decoded; usual large
// objects are not.
func TestDecodedSizeIsBounded(t *testing.T) {
	const size = 1_500_000
	list := func(before, element, after string) string {
		return before + strings.Repeat(element+",", (size-len(before)-len(after))/(len(element)+1)-1) + element + after
	}
	cases := map[string]struct {
		reason, kind, object string
		refused              bool
	}{
		"EmptySteps": {
			reason:  "three bytes become a kilobyte",
			kind:    v1.KindTask,
			object:  list(`{"spec":{"steps":[`, `{}`, `]}}`),
			refused: true,
		},
		"NullSteps": {
			reason:  "so does null",
			kind:    v1.KindTask,
			object:  list(`{"spec":{"steps":[`, `null`, `]}}`),
			refused: true,
		},
		"WrongSteps": {
			reason:  "and what is no step at all: the decoder goes on",
			kind:    v1.KindTask,
			object:  list(`{"spec":{"steps":[`, `""`, `]}}`),
			refused: true,
		},
		"OtherCase": {
			reason:  "the decoder does not mind the case of letters",
			kind:    v1.KindTask,
			object:  list(`{"SPEC":{"\u0053teps":[`, `{}`, `]}}`),
			refused: true,
		},
		"LongS": {
			reason:  "nor other forms of a letter",
			kind:    v1.KindTask,
			object:  list(`{"spec":{"ſteps":[`, `{}`, `]}}`),
			refused: true,
		},
		"Sidecars": {
			reason:  "the same for other lists",
			kind:    v1.KindTask,
			object:  list(`{"spec":{"sidecars":[`, `{}`, `]}}`),
			refused: true,
		},
		"Tasks": {
			reason:  "in other kinds",
			kind:    v1.KindPipeline,
			object:  list(`{"spec":{"tasks":[`, `{}`, `]}}`),
			refused: true,
		},
		"InnerSteps": {
			reason:  "at any depth",
			kind:    v1.KindPipelineRun,
			object:  list(`{"spec":{"pipelineSpec":{"tasks":[{"taskSpec":{"steps":[`, `{}`, `]}}]}}}`),
			refused: true,
		},
		"NestedPipeline": {
			reason:  "in a pipeline within a pipeline, which the rules decode",
			kind:    v1.KindPipeline,
			object:  list(`{"spec":{"tasks":[{"pipelineSpec":{"tasks":[{"pipelineSpec":{"tasks":[`, `{}`, `]}}]}}]}}`),
			refused: true,
		},
		"Pointers": {
			reason:  "behind pointers",
			kind:    v1.KindPipeline,
			object:  list(`{"spec":{"tasks":[`, `{"taskSpec":{}}`, `]}}`),
			refused: true,
		},
		"Params": {
			reason: "params with names are what people write",
			kind:   v1.KindTask,
			object: list(`{"spec":{"params":[`, `{"name":"a-param","type":"string"}`, `]}}`),
		},
		"Array": {
			reason: "a large array is a value that a result can have",
			kind:   v1.KindTaskRun,
			object: list(`{"spec":{"params":[{"name":"a","value":[`, `"ab"`, `]}]}}`),
		},
		"Text": {
			reason: "a large text takes what it takes",
			kind:   v1.KindTask,
			object: `{"spec":{"steps":[{"script":"` + strings.Repeat("{},[", size/4) + `"}]}}`,
		},
		"UnknownFields": {
			reason: "the decoder skips what the type does not have",
			kind:   v1.KindTask,
			object: list(`{"other":[`, `{}`, `]}`),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			kind := All(validation.DefaultLimits, noSettings)[tekton(tc.kind)]
			_, err := kind.validated(t.Context(), []byte(tc.object), nil)
			if refused := err != nil && strings.Contains(err.Error(), "too many small elements"); refused != tc.refused {
				t.Errorf("%s: refused %t, %v", tc.reason, refused, err)
			}
		})
	}
}

// TestStoredHeavyObjectCanChange: a stored run above the limit can be cancelled, but cannot grow.
func TestStoredHeavyObjectCanChange(t *testing.T) {
	run := func(steps int, status string) []byte {
		return []byte(`{"spec":{` + status + `"taskSpec":{"steps":[` + strings.Repeat(`{},`, steps-1) + `{}]}}}`)
	}
	const heavy, light = 100_000, 10
	cases := map[string]struct {
		reason  string
		object  []byte
		old     []byte
		refused bool
	}{
		"Cancel": {
			reason: "a change that adds no weight",
			object: run(heavy, `"status":"TaskRunCancelled",`),
			old:    run(heavy, ""),
		},
		"Lighter": {
			reason: "a stored object may be heavier than the limit",
			object: run(light, ""),
			old:    run(heavy, ""),
		},
		"Heavier": {
			reason:  "a heavy object does not become heavier",
			object:  run(heavy+1000, ""),
			old:     run(heavy, ""),
			refused: true,
		},
		"HeavyFromLight": {
			reason:  "a stored object below the limit stays below it",
			object:  run(heavy, ""),
			old:     run(light, ""),
			refused: true,
		},
		"New": {
			reason:  "no such object is created",
			object:  run(heavy, ""),
			refused: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := All(validation.DefaultLimits, noSettings)[tekton(v1.KindTaskRun)].validated(t.Context(), tc.object, tc.old)
			if refused := err != nil && strings.Contains(err.Error(), "too many small elements"); refused != tc.refused {
				t.Errorf("%s: refused %t, %v", tc.reason, refused, err)
			}
		})
	}
}

// FuzzAdditions: the patch between two encodings of one type turns the first into the second, or the function reports that
// additions are not enough. It reads both only once.
func FuzzAdditions(f *testing.F) {
	f.Add([]byte(`{"spec":{"params":[{"name":"a/b~c"},{"name":"p","properties":{"x/y":{}}}],"steps":[{"image":"i"}]}}`))
	f.Add([]byte(`{"spec":{"results":[{"name":"r","value":["a"]}],"sidecars":[{"image":"i"},{"name":"unnamed-0"}]}}`))
	f.Add([]byte(`{"metadata":{"labels":{"a":"\"\\"}},"spec":{"steps":[{"ref":{"params":[{"value":{"\n":"}"}}]}}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var task v1.Task
		if json.Unmarshal(raw, &task) != nil {
			return
		}
		before, err := json.Marshal(&task)
		if err != nil {
			return
		}
		validation.DefaultTask(&task)
		after, err := json.Marshal(&task)
		if err != nil {
			t.Fatal(err)
		}
		operations, err := additions(before, after, maxInside)
		if err != nil {
			t.Fatalf("defaults took something away: %v", err)
		}
		encoded, err := json.Marshal(operations)
		if err != nil {
			t.Fatal(err)
		}
		patch, err := jsonpatch.DecodePatch(encoded)
		if err != nil {
			t.Fatalf("no JSON patch: %v: %s", err, encoded)
		}
		patched, err := patch.Apply(before)
		if err != nil {
			t.Fatalf("cannot apply %s to %s: %v", encoded, before, err)
		}
		var got, want any
		if err := errors.Join(json.Unmarshal(patched, &got), json.Unmarshal(after, &want)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s makes %s of %s, and not %s: %v", encoded, patched, before, after, err)
		}
	})
}

// FuzzWeight: a decoded object takes no more memory than its weight, except for its texts; and weighing ends.
func FuzzWeight(f *testing.F) {
	f.Add([]byte(`{"spec":{"steps":[{},{"env":[{}]},null,""],"params":[{"default":["","{"],"properties":{"a":{}}}]}}`))
	f.Add([]byte(`{"SPEC":{"\u0073teps":[{}]},"spec":{"volumes":[{"csi":{"volumeAttributes":{"a":"b"}}}]}}`))
	f.Add([]byte(`[{"`))
	w := weightOf(reflect.TypeFor[v1.Task](), map[reflect.Type]*weight{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<16 || !json.Valid(raw) {
			return
		}
		s := scale{raw: raw, limit: maxDecoded}
		s.value(scan.Blanks(raw, 0), w)
		var task v1.Task
		_ = json.Unmarshal(raw, &task)
		steps := len(task.Spec.Steps)*int(reflect.TypeFor[v1.Step]().Size()) + len(task.Spec.Params)*int(reflect.TypeFor[v1.ParamSpec]().Size())
		if s.taken < steps {
			t.Errorf("weighed at %d, and its steps and params alone take %d: %s", s.taken, steps, raw)
		}
	})
}
