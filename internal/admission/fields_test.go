package admission_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/creation"
	"github.com/sluice-ci/sluice/internal/validation"
)

// ask sends an object to a webhook of the API. old is empty for a new object.
func ask(t *testing.T, path, kind, object, old string) ctrladmission.Response {
	t.Helper()
	r := request(kind, object, old)
	r.Kind = metav1.GroupVersionKind{Group: v1.GroupName, Version: "v1", Kind: kind}
	none := func() creation.Settings { return creation.Settings{} }
	handler := served(t, admission.All(validation.DefaultLimits, none))[path]
	return handler.Handle(t.Context(), ctrladmission.Request{AdmissionRequest: r})
}

// TestUnknownFields: both webhooks refuse fields that a type does not have, at every depth, with their path. They leave out the
// metadata and the status, and what the stored object already has.
func TestUnknownFields(t *testing.T) {
	const task = `{"spec":{"steps":[{"image":"i","scriptt":"true"}]}}`
	cases := map[string]struct {
		kind    string
		object  string
		old     string
		message string
	}{
		"Step": {
			kind:    "Task",
			object:  task,
			message: `spec.steps[0].scriptt: Forbidden: unknown field; did you mean "script"?`,
		},
		"Root": {
			kind:    "Task",
			object:  `{"spec":{"steps":[{"image":"i"}]},"spek":{}}`,
			message: `spek: Forbidden: unknown field; did you mean "spec"?`,
		},
		"NestedPipeline": {
			kind:    "Pipeline",
			object:  `{"spec":{"tasks":[{"name":"a","pipelineSpec":{"tasks":[{"name":"b","taskReff":{"name":"t"}}]}}]}}`,
			message: `spec.tasks[0].pipelineSpec.tasks[0].taskReff: Forbidden: unknown field; did you mean "taskRef"?`,
		},
		"NothingNear": {
			kind:    "Task",
			object:  `{"spec":{"steps":[{"image":"i"}],"inputs":null}}`,
			message: `spec.inputs: Forbidden: unknown field`,
		},
		"TypeOfKubernetes": {
			kind:    "Task",
			object:  `{"spec":{"steps":[{"image":"i","env":[{"name":"a","valueFrom":{"secretKeyRef":{"nam":"s","key":"k"}}}]}]}}`,
			message: `spec.steps[0].env[0].valueFrom.secretKeyRef.nam: Forbidden: unknown field; did you mean "name"?`,
		},
		"Map": {
			kind:    "Task",
			object:  `{"spec":{"params":[{"name":"p","type":"object","properties":{"a.b":{"tipe":"string"}}}],"steps":[{"image":"i"}]}}`,
			message: `spec.params[0].properties[a.b].tipe: Forbidden: unknown field; did you mean "type"?`,
		},
		"TaskOfPipelineOfRun": {
			kind:    "PipelineRun",
			object:  `{"spec":{"pipelineSpec":{"tasks":[{"name":"a","taskSpec":{"steps":[{"image":"i","timout":"1m"}]}}]}}}`,
			message: `spec.pipelineSpec.tasks[0].taskSpec.steps[0].timout: Forbidden: unknown field; did you mean "timeout"?`,
		},
		"TypoOfWhatIsRequired": {
			kind:    "TaskRun",
			object:  `{"spec":{"taskRfe":{"name":"t"}}}`,
			message: `spec.taskRfe: Forbidden: unknown field; did you mean "taskRef"?`,
		},
		"StepAction": {
			kind:    "StepAction",
			object:  `{"spec":{"image":"i","onError":"continue"}}`,
			message: `spec.onError: Forbidden: unknown field`,
		},
		"Update": {
			kind:    "Task",
			object:  task,
			old:     `{"spec":{"steps":[{"image":"i"}]}}`,
			message: `spec.steps[0].scriptt: Forbidden: unknown field`,
		},
		"StoredBefore": {
			kind:   "Task",
			object: `{"spec":{"steps":[{"image":"other","scriptt":"true"}]}}`,
			old:    task,
		},
		"AnotherOneThanStored": {
			kind:    "Task",
			object:  `{"spec":{"steps":[{"image":"i","scriptt":"true"}],"stepz":[]}}`,
			old:     task,
			message: `spec.stepz: Forbidden: unknown field; did you mean "steps"?`,
		},
		"MetadataAndStatus": {
			kind:   "TaskRun",
			object: `{"metadata":{"x":1},"spec":{"taskRef":{"name":"t"}},"status":{"x":1,"taskSpec":{"x":1}}}`,
		},
		"Values": {
			kind:   "TaskRun",
			object: `{"spec":{"taskRef":{"name":"t"},"params":[{"name":"p","value":{"anyKey":"x"}}]}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{admission.DefaultingPath, admission.ValidatingPath} {
				got := ask(t, path, tc.kind, tc.object, tc.old)
				switch {
				case tc.message == "" && !got.Allowed:
					t.Errorf("%s: want it admitted, got %+v", path, got.Result)
				case tc.message != "" && (got.Allowed || got.Result.Code != http.StatusUnprocessableEntity ||
					!strings.Contains(got.Result.Message, tc.message)):
					t.Errorf("%s: want it refused with %q, got %t, %+v", path, tc.message, got.Allowed, got.Result)
				}
			}
		})
	}
}

// TestManyUnknownFields: a refusal names a limited number of fields, and a long name is shortened.
func TestManyUnknownFields(t *testing.T) {
	var fields []string
	for i := range 10_000 {
		fields = append(fields, fmt.Sprintf(`"unknown%d%s":1`, i, strings.Repeat("x", 1_000)))
	}
	object := `{"spec":{"steps":[{"image":"i"}],` + strings.Join(fields, ",") + `}}`
	for _, path := range []string{admission.DefaultingPath, admission.ValidatingPath} {
		got := ask(t, path, v1.KindTask, object, "")
		if got.Allowed || !strings.Contains(got.Result.Message, "there are more errors") || len(got.Result.Message) > 100_000 {
			t.Errorf("%s: want a limited list, got %t with %d bytes", path, got.Allowed, len(got.Result.Message))
		}
	}
}

// TestFieldCase: a field whose name differs only in case has the meaning that a JSON decoder gives it. The patch gives it its name,
// so that the schema and the controller see it, and a warning names it.
func TestFieldCase(t *testing.T) {
	cases := map[string]struct {
		kind     string
		object   string
		want     string
		warnings []string
	}{
		"Mount": {
			kind:     "Task",
			object:   `{"spec":{"steps":[{"image":"i","volumeMounts":[{"name":"v","mountpath":"/a"}]}]}}`,
			want:     `{"spec":{"steps":[{"image":"i","volumeMounts":[{"name":"v","mountPath":"/a"}]}]}}`,
			warnings: []string{`spec.steps[0].volumeMounts[0].mountpath: the field is read as "mountPath"; write it so`},
		},
		"OneInAnother": {
			kind:   "Task",
			object: `{"spec":{"STEPS":[{"Image":"i","command":["a"],"onerror":"continue"},{"image":"j"}],"sidecars":[]}}`,
			want:   `{"spec":{"steps":[{"image":"i","command":["a"],"onError":"continue"},{"image":"j"}],"sidecars":[]}}`,
			warnings: []string{
				`spec.STEPS: the field is read as "steps"; write it so`,
				`spec.STEPS[0].Image: the field is read as "image"; write it so`,
				`spec.STEPS[0].onerror: the field is read as "onError"; write it so`,
			},
		},
		"Root": {
			kind:   "Task",
			object: `{"Spec":{"steps":[{"Image":"i"}]}}`,
			want:   `{"spec":{"steps":[{"image":"i"}]}}`,
			warnings: []string{
				`Spec.steps[0].Image: the field is read as "image"; write it so`,
				`Spec: the field is read as "spec"; write it so`,
			},
		},
		"WithDefaults": {
			kind:     "Task",
			object:   `{"spec":{"PARAMS":[{"name":"p","default":["x"]}],"steps":[{"image":"i"}]}}`,
			want:     `{"spec":{"params":[{"name":"p","default":["x"],"type":"array"}],"steps":[{"image":"i"}]}}`,
			warnings: []string{`spec.PARAMS: the field is read as "params"; write it so`},
		},
		"Both": {
			kind:     "Task",
			object:   `{"spec":{"description":"a","DESCRIPTION":"b","steps":[{"image":"i"}]}}`,
			want:     `{"spec":{"description":"b","steps":[{"image":"i"}]}}`,
			warnings: []string{`spec.DESCRIPTION: the field is read as "description"; write it so`},
		},
		"KeysOfMaps": {
			kind:   "Task",
			object: `{"spec":{"params":[{"name":"p","type":"object","properties":{"TYPE":{"type":"string"}}}],"steps":[{"image":"i"}]}}`,
			want:   `{"spec":{"params":[{"name":"p","type":"object","properties":{"TYPE":{"type":"string"}}}],"steps":[{"image":"i"}]}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := ask(t, admission.DefaultingPath, tc.kind, tc.object, "")
			if !got.Allowed {
				t.Fatalf("refused: %+v", got.Result)
			}
			after := apply(t, tc.object, got)
			if !jsonpatch.Equal(after, []byte(tc.want)) {
				t.Errorf("got  %s\nwant %s", after, tc.want)
			}
			if strings.Join(got.Warnings, "\n") != strings.Join(tc.warnings, "\n") {
				t.Errorf("warnings: got %q\nwant %q", got.Warnings, tc.warnings)
			}
		})
	}
}

// apply returns the object after the patches of an answer.
func apply(t *testing.T, object string, answer ctrladmission.Response) []byte {
	t.Helper()
	if len(answer.Patches) == 0 {
		return []byte(object)
	}
	text, err := json.Marshal(answer.Patches)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		t.Fatal(err)
	}
	after, err := patch.Apply([]byte(object))
	if err != nil {
		t.Fatalf("cannot apply %s: %v", text, err)
	}
	return after
}

// TestFieldsAreLinear: the work to find unknown fields and fields in another case grows with the size of the object, and it is a
// small number of allocations for an object whose names are exact.
func TestFieldsAreLinear(t *testing.T) {
	cases := map[string]func(n int) string{
		"Exact": func(n int) string {
			return `{"spec":{"steps":[` + strings.Repeat(`{"image":"i","script":"x"},`, n) + `{"image":"i"}]}}`
		},
		"OtherCase": func(n int) string {
			return `{"spec":{"steps":[` + strings.Repeat(`{"IMAGE":"i","scripT":"x"},`, n) + `{"image":"i"}]}}`
		},
		"Unknown": func(n int) string {
			return `{"spec":{"steps":[` + strings.Repeat(`{"image":"i","x":"x"},`, n) + `{"image":"i"}]}}`
		},
		"Deep": func(n int) string {
			return `{"spec":{"x":` + strings.Repeat(`{"x":`, n/10) + `1` + strings.Repeat(`}`, n/10) + `,"steps":[{"image":"i"}]}}`
		},
	}
	measure := func(object string) work {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ask(t, admission.DefaultingPath, v1.KindTask, object, object)
		runtime.ReadMemStats(&after)
		return work{allocations: after.Mallocs - before.Mallocs, bytes: after.TotalAlloc - before.TotalAlloc}
	}
	for name, object := range cases {
		t.Run(name, func(t *testing.T) {
			measure(object(10))
			measure(object(8_000)).within(t, name, measure(object(2_000)))
		})
	}
}
