package convert

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// TestToV1 compares converted definitions with what they mean in v1.
func TestToV1(t *testing.T) {
	cases := map[string]struct {
		reason string
		kind   string
		spec   string
		want   string
	}{
		"Unchanged": {
			reason: "most fields are the same, also those that this package does not know",
			kind:   "Task",
			spec:   "{params: [{name: a, default: [x]}], results: [{name: r}], volumes: [{name: v, emptyDir: {}}], other: 1}",
			want:   "{params: [{name: a, default: [x]}], results: [{name: r}], volumes: [{name: v, emptyDir: {}}], other: 1}",
		},
		"Resources": {
			reason: "containers have the field under another name",
			kind:   "Task",
			spec: "{steps: [{resources: {limits: {cpu: 1}}}, {image: b}], stepTemplate: {resources: {}}, " +
				"sidecars: [{resources: {requests: {memory: 1Gi}}}]}",
			want: "{steps: [{computeResources: {limits: {cpu: 1}}}, {image: b}], stepTemplate: {computeResources: {}}, " +
				"sidecars: [{computeResources: {requests: {memory: 1Gi}}}]}",
		},
		"WithoutEffect": {
			reason: "steps have fields of containers that never had an effect; in sidecars they have one",
			kind:   "Task",
			spec: "{steps: [{ports: [], livenessProbe: {}, readinessProbe: {}, startupProbe: {}, lifecycle: {}, stdin: true, stdinOnce: true, " +
				"tty: true, terminationMessagePath: /a, terminationMessagePolicy: File, image: b}], stepTemplate: {name: n, tty: true}, " +
				"sidecars: [{name: s, ports: [], readinessProbe: {}}]}",
			want: "{steps: [{image: b}], stepTemplate: {}, sidecars: [{name: s, ports: [], readinessProbe: {}}]}",
		},
		"Embedded": {
			reason: "a pipeline has tasks and pipelines in it, at each depth",
			kind:   "Pipeline",
			spec: "{tasks: [{taskSpec: {steps: [{resources: {}}]}}], finally: [{taskSpec: {sidecars: [{resources: {}}]}}, " +
				"{pipelineSpec: {tasks: [{taskSpec: {stepTemplate: {resources: {}}}}]}}]}",
			want: "{tasks: [{taskSpec: {steps: [{computeResources: {}}]}}], finally: [{taskSpec: {sidecars: [{computeResources: {}}]}}, " +
				"{pipelineSpec: {tasks: [{taskSpec: {stepTemplate: {computeResources: {}}}}]}}]}",
		},
		"CustomTask": {
			reason: "the spec of a custom task belongs to its own controller",
			kind:   "Pipeline",
			spec:   "{tasks: [{taskSpec: {apiVersion: a/v1, kind: K, spec: {resources: {}, steps: [{resources: {}}]}}}]}",
			want:   "{tasks: [{taskSpec: {apiVersion: a/v1, kind: K, spec: {resources: {}, steps: [{resources: {}}]}}}]}",
		},
		"OtherTypes": {
			reason: "values of wrong types stay, so that the rules of v1 name them",
			kind:   "Task",
			spec:   "{steps: [1, {resources: 2}], stepTemplate: x, sidecars: {}}",
			want:   "{steps: [1, {computeResources: 2}], stepTemplate: x, sidecars: {}}",
		},
		"Digits": {
			reason: "a number above 2^53 keeps its digits",
			kind:   "Task",
			spec:   "{steps: [{securityContext: {runAsUser: 9007199254740993}}]}",
			want:   "{steps: [{securityContext: {runAsUser: 9007199254740993}}]}",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ToV1(object(t, V1beta1, tc.kind, tc.spec))
			if err != nil {
				t.Fatalf("%s: got %v", tc.reason, err)
			}
			if diff := cmp.Diff(string(object(t, "tekton.dev/v1", tc.kind, tc.want)), string(got)); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

// TestToV1Refuses: what v1 cannot express is refused with its path, and with what to write instead.
func TestToV1Refuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		kind   string
		spec   string
		want   string
	}{
		"TaskResources": {
			reason: "PipelineResources were removed",
			kind:   "Task",
			spec:   "{resources: {inputs: []}}",
			want:   "spec.resources: PipelineResources do not exist any more; use params and workspaces",
		},
		"PipelineResources": {
			reason: "PipelineResources were removed",
			kind:   "Pipeline",
			spec:   "{resources: []}",
			want:   "spec.resources: PipelineResources",
		},
		"PipelineTaskResources": {
			reason: "PipelineResources were removed",
			kind:   "Pipeline",
			spec:   "{tasks: [{name: a}, {resources: {}}]}",
			want:   "spec.tasks[1].resources: PipelineResources",
		},
		"EmbeddedResources": {
			reason: "PipelineResources were removed",
			kind:   "Pipeline",
			spec:   "{finally: [{taskSpec: {resources: {}}}]}",
			want:   "spec.finally[0].taskSpec.resources: PipelineResources",
		},
		"Bundle": {
			reason: "the resolver bundles replaces the field",
			kind:   "Pipeline",
			spec:   "{tasks: [{taskRef: {name: a, bundle: registry.example.com/a}}]}",
			want:   "spec.tasks[0].taskRef.bundle: it was replaced by the resolver bundles; write resolver: bundles",
		},
		"BundleOfAPipeline": {
			reason: "the resolver bundles replaces the field",
			kind:   "Pipeline",
			spec:   "{tasks: [{pipelineRef: {bundle: registry.example.com/a}}]}",
			want:   "spec.tasks[0].pipelineRef.bundle: it was replaced",
		},
		"ComputeResources": {
			reason: "v1beta1 does not have the field: in Tekton it is unknown",
			kind:   "Task",
			spec:   "{steps: [{resources: {}, computeResources: {}}]}",
			want:   "spec.steps[0].computeResources: v1beta1 has this field under the name resources",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ToV1(object(t, V1beta1, tc.kind, tc.spec))
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
	for _, other := range []string{
		"tekton.dev/v1 Task", "tekton.dev/v1beta1 StepAction", "tekton.dev/v1beta1 TaskRun", "example.com/v1beta1 Task",
	} {
		version, kind, _ := strings.Cut(other, " ")
		if _, err := ToV1(object(t, version, kind, "{}")); err == nil || !strings.Contains(err.Error(), "want a Task or a Pipeline") {
			t.Errorf("%s: want a refusal, got %v", other, err)
		}
	}
}

// TestLongPathIsCut: pipelines within pipelines must not make a message of any length.
func TestLongPathIsCut(t *testing.T) {
	spec := "{resources: {}}"
	for range 40 {
		spec = "{tasks: [{pipelineSpec: " + spec + "}]}"
	}
	_, err := ToV1(object(t, V1beta1, "Pipeline", spec))
	if err == nil || len(err.Error()) > 2*maxPath || !strings.HasPrefix(err.Error(), "spec.tasks[0].pipelineSpec.tasks[0]") {
		t.Errorf("want a message of at most %d bytes, got %d: %v", 2*maxPath, len(err.Error()), err)
	}
}

// TestConversionChangesNothingElse: a task without fields that differ has only another version.
func TestConversionChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SampledFrom([]string{"a", "b", "script", "params", "value", "z"})
		value := rapid.Custom(func(t *rapid.T) any {
			return rapid.MapOf(names, rapid.OneOf(
				rapid.Map(rapid.String(), func(s string) any { return s }),
				rapid.Map(rapid.Int64(), func(i int64) any { return i }),
				rapid.Map(rapid.SliceOf(rapid.Bool()), func(b []bool) any { return b }),
			)).Draw(t, "object")
		})
		spec := map[string]any{"steps": rapid.SliceOf(value).Draw(t, "steps"), "sidecars": rapid.SliceOf(value).Draw(t, "sidecars")}
		encode := func(version string) string {
			raw, err := json.Marshal(map[string]any{"apiVersion": version, "kind": "Task", "spec": spec})
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		}
		got, err := ToV1([]byte(encode(V1beta1)))
		if err != nil {
			t.Fatal(err)
		}
		if want := encode("tekton.dev/v1"); string(got) != want {
			t.Errorf("want %s\ngot %s", want, got)
		}
	})
}

// FuzzToV1: no text makes the conversion panic, and what it returns is an object of v1.
func FuzzToV1(f *testing.F) {
	for _, spec := range []string{"{}", `{"steps":[{"resources":{}}]}`, `{"tasks":[{"taskRef":{"bundle":"a"}}]}`} {
		f.Add(`{"apiVersion":"tekton.dev/v1beta1","kind":"Pipeline","spec":` + spec + `}`)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ToV1([]byte(text))
		if err != nil {
			return
		}
		var header struct {
			APIVersion string `json:"apiVersion"`
		}
		if err := json.Unmarshal(got, &header); err != nil || header.APIVersion != "tekton.dev/v1" {
			t.Errorf("%q became %q: %v", text, got, err)
		}
	})
}

func object(t *testing.T, version, kind, spec string) []byte {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte("apiVersion: " + version + "\nkind: " + kind + "\nspec: " + spec + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
