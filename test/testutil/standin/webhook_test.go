package standin_test

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/test/testutil/standin"
)

const (
	running = "status: {conditions: [{type: Succeeded, status: Unknown}]}"
	ended   = "status: {conditions: [{type: Succeeded, status: 'True'}]}"
)

func raw(t *testing.T, text string) runtime.RawExtension {
	t.Helper()
	if text == "" {
		return runtime.RawExtension{}
	}
	data, err := yaml.YAMLToJSONStrict([]byte("apiVersion: tekton.dev/v1\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	return runtime.RawExtension{Raw: data}
}

func TestJudge(t *testing.T) {
	for name, tc := range map[string]struct {
		reason        string
		kind          string
		before, after string
		sub           string
		want          string
	}{
		"Create": {
			reason: "A run with known fields is accepted.",
			after:  "spec: {managedBy: sluice.dev/controller, taskRef: {name: t}}",
		},
		"Unknown in the spec": {
			reason: "Tekton decodes strictly.",
			after:  "spec: {taskRefs: {name: t}}",
			want:   "does not have the fields .spec.taskRefs",
		},
		"Unknown deep in the spec": {
			reason: "Also what its schema leaves open.",
			after:  "spec: {taskSpec: {steps: [{image: a, scripts: b}]}}",
			want:   ".spec.taskSpec.steps[0].scripts",
		},
		"Unknown in the status": {
			reason: "A status of another controller is decoded, too.",
			before: "spec: {}",
			after:  "spec: {}\nstatus: {sluice: x}",
			sub:    "status",
			want:   ".status.sluice",
		},
		"Status": {
			reason: "A status with known fields is accepted.",
			before: "spec: {}\n" + running,
			after:  "spec: {}\n" + ended,
			sub:    "status",
		},
		"Cancel": {
			reason: "A run that has started can be cancelled.",
			before: "spec: {taskRef: {name: t}}\n" + running,
			after:  "spec: {taskRef: {name: t}, status: TaskRunCancelled, statusMessage: enough}\n" + running,
		},
		"Change": {
			reason: "Nothing else can change.",
			before: "spec: {taskRef: {name: t}}\n" + running,
			after:  "spec: {taskRef: {name: u}}\n" + running,
			want:   "only spec.status and spec.statusMessage can change",
		},
		"Change after the end": {
			reason: "After the end a run cannot be cancelled.",
			before: "spec: {}\n" + ended,
			after:  "spec: {status: TaskRunCancelled}\n" + ended,
			want:   "the run has ended",
		},
		"Labels after the end": {
			reason: "Labels can always change.",
			before: "metadata: {labels: {a: b}}\nspec: {}\n" + ended,
			after:  "metadata: {labels: {a: c}}\nspec: {}\n" + ended,
		},
		"Manager": {
			reason: "A run never gets another manager.",
			before: "spec: {managedBy: sluice.dev/controller}",
			after:  "spec: {managedBy: tekton.dev/pipeline}",
			want:   "spec.managedBy cannot change",
		},
		"Manager of a run without one": {
			reason: "Nor a first one.",
			before: "spec: {}",
			after:  "spec: {managedBy: sluice.dev/controller}",
			want:   "spec.managedBy cannot change",
		},
		"Held": {
			reason: "A PipelineRun that is held can change.",
			kind:   "PipelineRun",
			before: "spec: {status: PipelineRunPending, timeouts: {pipeline: 1h}}",
			after:  "spec: {timeouts: {pipeline: 2h}}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			kind := "TaskRun"
			if tc.kind != "" {
				kind = tc.kind
			}
			request := &admissionv1.AdmissionRequest{
				Kind: metav1.GroupVersionKind{Group: "tekton.dev", Version: "v1", Kind: kind}, SubResource: tc.sub,
				Operation: admissionv1.Create, Object: raw(t, tc.after), OldObject: raw(t, tc.before),
			}
			if tc.before != "" {
				request.Operation = admissionv1.Update
			}
			err := standin.Judge(request)
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s got %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
}
