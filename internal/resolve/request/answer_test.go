package request

import (
	"encoding/base64"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/config"
)

const (
	taskYAML = `apiVersion: tekton.dev/v1
kind: Task
metadata: {name: hello}
spec:
  steps: [{name: say, image: busybox, script: echo hello}]
`
	actionYAML = `apiVersion: tekton.dev/v1alpha1
kind: StepAction
metadata: {name: hello}
spec: {image: busybox, script: echo hello}
`
)

func TestDocument(t *testing.T) {
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	cases := map[string]struct {
		reason string
		data   string
		kind   string
		want   string // a part of the error; empty if there is none
	}{
		"Task": {
			reason: "a definition of the wanted kind is accepted",
			data:   encode(taskYAML),
			kind:   v1.KindTask,
		},
		"Comments": {
			reason: "documents with comments only do not count",
			data:   encode("# a comment\n---\n" + taskYAML + "---\n# the end\n"),
			kind:   v1.KindTask,
		},
		"StepAction": {
			reason: "both versions of a StepAction have the same fields",
			data:   encode(actionYAML),
			kind:   v1beta1.KindStepAction,
		},
		"Empty": {
			reason: "an answer without content is not a definition",
			kind:   v1.KindTask,
			want:   "it is empty",
		},
		"OnlyComments": {
			reason: "neither are comments",
			data:   encode("# nothing\n"),
			kind:   v1.KindTask,
			want:   "it is empty",
		},
		"NotBase64": {
			reason: "a resolver that does not encode its answer",
			data:   "apiVersion: tekton.dev/v1",
			kind:   v1.KindTask,
			want:   "it is not base64",
		},
		"NotText": {
			reason: "the API cannot hold such texts unchanged",
			data:   encode("a: \xff"),
			kind:   v1.KindTask,
			want:   "it is not UTF-8",
		},
		"NotYAML": {
			reason: "for example the HTML of a login page",
			data:   encode("<html>: <body>: x: ["),
			kind:   v1.KindTask,
			want:   "it is not YAML",
		},
		"Scalar": {
			reason: "YAML that is not an object",
			data:   encode("404: Not Found"[5:]),
			kind:   v1.KindTask,
			want:   "it is not an object of the API, want a Task",
		},
		"TwoDocuments": {
			reason: "it is unknown which one is meant",
			data:   encode(taskYAML + "---\n" + taskYAML),
			kind:   v1.KindTask,
			want:   "more than one YAML document",
		},
		"DuplicateKey": {
			reason: "decoders differ in which one counts",
			data:   encode(taskYAML + "kind: Task\n"),
			kind:   v1.KindTask,
			want:   `"kind" already set`,
		},
		"OtherKind": {
			reason: "a Pipeline in place of a Task",
			data:   encode(strings.Replace(taskYAML, "Task", "Pipeline", 1)),
			kind:   v1.KindTask,
			want:   `kind: "Pipeline", want Task`,
		},
		"OtherVersion": {
			reason: "there is no conversion from versions before v1beta1",
			data:   encode(strings.Replace(taskYAML, "/v1", "/v1alpha1", 1)),
			kind:   v1.KindTask,
			want:   `apiVersion: "tekton.dev/v1alpha1" is not supported for a Task; convert it to tekton.dev/v1 or tekton.dev/v1beta1`,
		},
		"Convertible": {
			reason: "a Task of v1beta1 is converted",
			data:   encode(strings.Replace(taskYAML, "/v1", "/v1beta1", 1)),
			kind:   v1.KindTask,
		},
		"RemovedField": {
			reason: "a field that v1 does not have is refused by name, with what to write instead",
			data:   encode(strings.Replace(taskYAML, "/v1", "/v1beta1", 1) + "  resources: {inputs: [{name: source, type: git}]}\n"),
			kind:   v1.KindTask,
			want:   "cannot convert the Task from tekton.dev/v1beta1: spec.resources: PipelineResources do not exist any more",
		},
		"TooLarge": {
			reason: "the size has a limit even where etcd has another one",
			data:   strings.Repeat("A", 2<<20+1024),
			kind:   v1.KindTask,
			want:   "more than the limit of 2097152",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := documentOf(tc.data, tc.kind)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("%s: got %v", tc.reason, err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// TestDefinitionIsCheckedAsAtAdmission: what the API server and the webhooks would refuse is refused, by name.
func TestDefinitionIsCheckedAsAtAdmission(t *testing.T) {
	kinds := New(Options{Config: config.NewStore(config.Default())}).kinds
	for name, tc := range map[string]struct {
		reason string
		old    string
		new    string
		want   string
	}{
		"UnknownField": {
			reason: "a misspelled field must not be ignored",
			old:    "script: echo",
			new:    "scrpit: echo",
			want:   "spec.steps[0].scrpit",
		},
		"BrokenRule": {
			reason: "script and command exclude each other",
			old:    "script: echo hello",
			new:    `script: echo hello, command: ["true"]`,
			want:   "spec.steps[0]",
		},
		"ReservedMount": {
			reason: "a mount over the files of the system",
			old:    "script: echo hello",
			new:    "script: echo hello, volumeMounts: [{name: v, mountPath: /tekton/results}]",
			want:   "/tekton",
		},
		"WrongType": {
			reason: "a value that does not decode",
			old:    "image: busybox",
			new:    "image: [busybox]",
			want:   "cannot unmarshal array",
		},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := documentOf(base64.StdEncoding.EncodeToString([]byte(strings.Replace(taskYAML, tc.old, tc.new, 1))), v1.KindTask)
			if err != nil {
				t.Fatal(err)
			}
			err = kinds.Decode(t.Context(), v1.KindTask, raw, &v1.Task{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
	raw, err := documentOf(base64.StdEncoding.EncodeToString([]byte(taskYAML)), v1.KindTask)
	if err != nil {
		t.Fatal(err)
	}
	task := &v1.Task{}
	if err := kinds.Decode(t.Context(), v1.KindTask, raw, task); err != nil || task.Name != "hello" || len(task.Spec.Steps) != 1 {
		t.Errorf("a valid definition: got %+v, %v", task, err)
	}
}

// TestEarlierDefinitionIsConverted: a Task of v1beta1 becomes the Task of v1 that it means, and its steps keep their resources.
func TestEarlierDefinitionIsConverted(t *testing.T) {
	const earlier = `apiVersion: tekton.dev/v1beta1
kind: Task
metadata: {name: hello}
spec:
  stepTemplate: {name: unused, resources: {requests: {cpu: 250m}}}
  steps: [{name: say, image: busybox, script: echo hello, resources: {limits: {memory: 64Mi}}, tty: true}]
`
	raw, err := documentOf(base64.StdEncoding.EncodeToString([]byte(earlier)), v1.KindTask)
	if err != nil {
		t.Fatal(err)
	}
	task := &v1.Task{}
	kinds := New(Options{Config: config.NewStore(config.Default())}).kinds
	if err := kinds.Decode(t.Context(), v1.KindTask, raw, task); err != nil {
		t.Fatal(err)
	}
	if got := task.Spec.Steps[0].ComputeResources.Limits.Memory().String(); got != "64Mi" || task.APIVersion != "tekton.dev/v1" {
		t.Errorf("want a Task of tekton.dev/v1 whose step has 64Mi, got apiVersion %q with %q", task.APIVersion, got)
	}
	if got := task.Spec.StepTemplate.ComputeResources.Requests.Cpu().String(); got != "250m" {
		t.Errorf("want a stepTemplate with 250m, got %q", got)
	}
}

// FuzzDocument: no answer makes the controller panic, and what is accepted is one object of the wanted kind.
func FuzzDocument(f *testing.F) {
	for _, text := range []string{taskYAML, actionYAML, "---\n", "a: &a [*a]", "{}"} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(text)))
	}
	kinds := New(Options{Config: config.NewStore(config.Default())}).kinds
	f.Fuzz(func(t *testing.T, data string) {
		raw, err := documentOf(data, v1.KindTask)
		if err != nil {
			return
		}
		task := &v1.Task{}
		if err := kinds.Decode(t.Context(), v1.KindTask, raw, task); err == nil && task.Kind != v1.KindTask {
			t.Errorf("accepted %q of kind %q", raw, task.Kind)
		}
	})
}
