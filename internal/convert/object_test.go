package convert

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// conversion is a case of TestConvert: an object in both versions. The objects have the same kind.
type conversion struct {
	reason  string
	kind    string
	v1beta1 string
	v1      string
}

// TestConvert converts objects from v1beta1 to v1, and back.
func TestConvert(t *testing.T) {
	for name, tc := range conversions() {
		t.Run(name, func(t *testing.T) {
			older, newer := whole(t, V1beta1, tc.kind, tc.v1beta1), whole(t, "tekton.dev/v1", tc.kind, tc.v1)
			for _, way := range []struct {
				from, to []byte
				version  string
			}{
				{older, newer, "tekton.dev/v1"},
				{newer, older, V1beta1},
				{older, older, V1beta1},
				{newer, newer, "tekton.dev/v1"},
			} {
				got, err := Object(way.from, way.version)
				if err != nil {
					t.Fatalf("%s: got %v", tc.reason, err)
				}
				if diff := cmp.Diff(string(way.to), string(got)); diff != "" {
					t.Errorf("%s: to %s: -want +got\n%s", tc.reason, way.version, diff)
				}
			}
		})
	}
}

// TestAnnotations converts objects whose annotations are not what the conversion of this object has written.
func TestAnnotations(t *testing.T) {
	cases := map[string]struct {
		reason   string
		from     string
		version  string
		want     string
		kind     string
		original string
	}{
		"Older": {
			reason: "what had no place in v1beta1 stays beside what the object keeps, which comes first",
			kind:   "Task", original: V1beta1, version: "tekton.dev/v1",
			from: `{metadata: {annotations: {sluice.dev/v1beta1: ` +
				`'{"spec":{"sidecars":{"5":{"tty":true}},"steps":{"0":{"stdin":true,"tty":false}}}}'}}, ` +
				"spec: {steps: [{image: a, tty: true}]}}",
			want: `{metadata: {annotations: {sluice.dev/v1beta1: ` +
				`'{"spec":{"sidecars":{"5":{"tty":true}},"steps":{"0":{"stdin":true,"tty":true}}}}'}}, spec: {steps: [{image: a}]}}`,
		},
		"NotJSON": {
			reason: "an annotation that is not JSON stays, and gives the object no field",
			kind:   "TaskRun", original: "tekton.dev/v1", version: V1beta1,
			from: `{metadata: {annotations: {tekton.dev/v1beta1Resources: 'inputs: [', sluice.dev/v1beta1: '{'}}, spec: {}}`,
			want: `{metadata: {annotations: {tekton.dev/v1beta1Resources: 'inputs: [', sluice.dev/v1beta1: '{'}}, spec: {}}`,
		},
		"BundleThatWasEdited": {
			reason: "a reference that is not the converted one any more stays, and so does what was kept",
			kind:   "TaskRun", original: "tekton.dev/v1", version: V1beta1,
			from: `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"taskRef":{"bundle":{"bundle":"b","name":"n"}}}}'}}, ` +
				"spec: {taskRef: {name: other}}}",
			want: `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"taskRef":{"bundle":{"bundle":"b","name":"n"}}}}'}}, ` +
				"spec: {taskRef: {name: other}}}",
		},
		"TimeoutThatWasEdited": {
			reason: "the same is true for a timeout",
			kind:   "PipelineRun", original: "tekton.dev/v1", version: V1beta1,
			from: `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"timeouts":"1h"}}'}}, spec: {timeouts: {pipeline: 2h}}}`,
			want: `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"timeouts":"1h"}}'}}, spec: {timeouts: {pipeline: 2h}}}`,
		},
		"BundleWithAList": {
			reason: "a reference with a field of another type is not moved",
			kind:   "TaskRun", original: V1beta1, version: "tekton.dev/v1",
			from: "{spec: {taskRef: {name: build, bundle: example.com/b, kind: [Task]}}}",
			want: `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"taskRef":{"bundle":"example.com/b"}}}'}}, ` +
				"spec: {taskRef: {name: build, kind: [Task]}}}",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Object(whole(t, tc.original, tc.kind, tc.from), tc.version)
			if err != nil {
				t.Fatalf("%s: got %v", tc.reason, err)
			}
			if diff := cmp.Diff(string(whole(t, tc.version, tc.kind, tc.want)), string(got)); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func conversions() map[string]conversion {
	return map[string]conversion{
		"Resources": {
			reason:  "containers have the field under another name",
			kind:    "Task",
			v1beta1: "{spec: {steps: [{resources: {limits: {cpu: 1}}}], sidecars: [{resources: {}}], stepTemplate: {resources: {}}}}",
			v1: "{spec: {steps: [{computeResources: {limits: {cpu: 1}}}], sidecars: [{computeResources: {}}], " +
				"stepTemplate: {computeResources: {}}}}",
		},
		"WithoutEffect": {
			reason:  "fields of containers without effect are kept by their place",
			kind:    "Task",
			v1beta1: "{metadata: {name: t}, spec: {steps: [{image: a}, {image: b, tty: true}], stepTemplate: {name: x}}}",
			v1: `{metadata: {name: t, annotations: {sluice.dev/v1beta1: '{"spec":{"stepTemplate":{"name":"x"},"steps":{"1":{"tty":true}}}}'}}, ` +
				"spec: {steps: [{image: a}, {image: b}], stepTemplate: {}}}",
		},
		"PipelineResources": {
			reason:  "Tekton keeps them in another annotation",
			kind:    "TaskRun",
			v1beta1: "{spec: {resources: {inputs: []}}, status: {cloudEvents: [], resourcesResult: [1], taskSpec: {resources: {}}}}",
			v1: `{metadata: {annotations: {tekton.dev/v1beta1Resources: '{"inputs":[]}', tekton.dev/v1beta1CloudEvents: '[]', ` +
				`tekton.dev/v1beta1ResourcesResult: '[1]', tekton.dev/v1beta1ResourcesStatus: '{}'}}, ` +
				"spec: {}, status: {taskSpec: {}}}",
		},
		"ResourcesOfATaskInAPipeline": {
			reason:  "Tekton has no annotation for them",
			kind:    "Pipeline",
			v1beta1: "{spec: {tasks: [{name: a, resources: {}}], finally: [{taskSpec: {resources: {}}}]}}",
			v1: `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"finally":{"0":{"taskSpec":{"resources":{}}}},` +
				`"tasks":{"0":{"resources":{}}}}}'}}, spec: {tasks: [{name: a}], finally: [{taskSpec: {}}]}}`,
		},
		"Bundle": {
			reason:  "the resolver bundles finds the same task",
			kind:    "TaskRun",
			v1beta1: "{spec: {taskRef: {name: build, bundle: example.com/b, kind: Task}}}",
			v1: `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"taskRef":{"bundle":` +
				`{"bundle":"example.com/b","kind":"Task","name":"build"}}}}'}}, spec: {taskRef: {resolver: bundles, params: [` +
				"{name: bundle, value: example.com/b}, {name: name, value: build}, {name: kind, value: task}]}}}",
		},
		"BundleOfAPipeline": {
			reason:  "the kind of what is found follows from the place",
			kind:    "PipelineRun",
			v1beta1: "{spec: {pipelineRef: {name: all, bundle: example.com/b}}}",
			v1: `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"pipelineRef":{"bundle":{"bundle":"example.com/b","name":"all"}}}}'}}, ` +
				"spec: {pipelineRef: {resolver: bundles, params: [" +
				"{name: bundle, value: example.com/b}, {name: name, value: all}, {name: kind, value: pipeline}]}}}",
		},
		"BundleWithoutName": {
			reason:  "a reference that finds nothing cannot be moved",
			kind:    "TaskRun",
			v1beta1: "{spec: {taskRef: {bundle: example.com/b}}}",
			v1:      `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"taskRef":{"bundle":"example.com/b"}}}'}}, spec: {taskRef: {}}}`,
		},
		"Overrides": {
			reason:  "a TaskRun has other names for what it sets for containers",
			kind:    "TaskRun",
			v1beta1: "{spec: {stepOverrides: [{name: a, resources: {}}], sidecarOverrides: [{name: b, resources: {}}]}}",
			v1:      "{spec: {stepSpecs: [{name: a, computeResources: {}}], sidecarSpecs: [{name: b, computeResources: {}}]}}",
		},
		"TaskRunTemplate": {
			reason:  "what all tasks of a run have moved into one field",
			kind:    "PipelineRun",
			v1beta1: "{spec: {serviceAccountName: s, podTemplate: {nodeSelector: {a: b}}}}",
			v1:      "{spec: {taskRunTemplate: {serviceAccountName: s, podTemplate: {nodeSelector: {a: b}}}}}",
		},
		"UnknownFieldOfTheTemplate": {
			reason:  "a field that no version knows stays",
			kind:    "PipelineRun",
			v1beta1: "{spec: {serviceAccountName: s, taskRunTemplate: {other: 1}}}",
			v1:      "{spec: {taskRunTemplate: {other: 1, serviceAccountName: s}}}",
		},
		"Timeout": {
			reason:  "the timeout of the whole run is one of three now",
			kind:    "PipelineRun",
			v1beta1: "{spec: {timeout: 1h0m0s}}",
			v1:      `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"timeouts":"1h0m0s"}}'}}, spec: {timeouts: {pipeline: 1h0m0s}}}`,
		},
		"BothTimeouts": {
			reason:  "an object with both is stored as it is",
			kind:    "PipelineRun",
			v1beta1: "{spec: {timeout: 1h0m0s, timeouts: {tasks: 2h0m0s}}}",
			v1:      `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"timeout":"1h0m0s"}}'}}, spec: {timeouts: {tasks: 2h0m0s}}}`,
		},
		"TaskRunSpecs": {
			reason: "a task of a run has other names",
			kind:   "PipelineRun",
			v1beta1: "{spec: {taskRunSpecs: [{pipelineTaskName: a, taskServiceAccountName: s, taskPodTemplate: {}, " +
				"stepOverrides: [{resources: {}}], sidecarOverrides: []}]}}",
			v1: "{spec: {taskRunSpecs: [{pipelineTaskName: a, serviceAccountName: s, podTemplate: {}, " +
				"stepSpecs: [{computeResources: {}}], sidecarSpecs: []}]}}",
		},
		"Results": {
			reason:  "the results of attempts have another name, too",
			kind:    "TaskRun",
			v1beta1: "{status: {taskResults: [{name: a}], retriesStatus: [{taskResults: [], retriesStatus: [{taskResults: [1]}]}]}}",
			v1:      "{status: {results: [{name: a}], retriesStatus: [{results: [], retriesStatus: [{results: [1]}]}]}}",
		},
		"Sources": {
			reason: "the source of a definition has another name; if both are there, the older one is kept",
			kind:   "TaskRun",
			v1beta1: "{status: {provenance: {configSource: {uri: a}}, " +
				"steps: [{provenance: {configSource: {uri: b}, refSource: {uri: c}}}]}}",
			v1: `{metadata: {annotations: {sluice.dev/v1beta1: '{"status":{"provenance":{"refSource":{"uri":"a"}},` +
				`"steps":{"0":{"provenance":{"configSource":{"uri":"b"}}}}}}'}}, ` +
				"status: {provenance: {refSource: {uri: a}}, steps: [{provenance: {refSource: {uri: c}}}]}}",
		},
		"CopiesOfRuns": {
			reason: "a status once had copies of the runs of its tasks; v1 has references",
			kind:   "PipelineRun",
			v1beta1: "{status: {pipelineResults: [{name: r}], runs: {c: {pipelineTaskName: three}}, " +
				"taskRuns: {b: {pipelineTaskName: two, status: {}}, a: {pipelineTaskName: one, whenExpressions: [{input: x}]}}}}",
			v1: `{metadata: {annotations: {sluice.dev/v1beta1: '{"status":{"childReferences":true}}', ` +
				`tekton.dev/v1beta1Runs: '{"c":{"pipelineTaskName":"three"}}', tekton.dev/v1beta1TaskRuns: ` +
				`'{"a":{"pipelineTaskName":"one","whenExpressions":[{"input":"x"}]},"b":{"pipelineTaskName":"two","status":{}}}'}}, ` +
				"status: {results: [{name: r}], childReferences: [" +
				"{apiVersion: tekton.dev/v1, kind: TaskRun, name: a, pipelineTaskName: one, whenExpressions: [{input: x}]}, " +
				"{apiVersion: tekton.dev/v1, kind: TaskRun, name: b, pipelineTaskName: two}, " +
				"{apiVersion: tekton.dev/v1beta1, kind: CustomRun, name: c, pipelineTaskName: three}]}}",
		},
		"OtherTypes": {
			reason:  "values of wrong types stay, so that the rules of v1 name them",
			kind:    "PipelineRun",
			v1beta1: "{spec: {taskRunSpecs: 1, taskRunTemplate: x, serviceAccountName: s, pipelineSpec: {tasks: [1, {taskRef: x}]}}, status: 7}",
			v1:      "{spec: {taskRunSpecs: 1, taskRunTemplate: x, serviceAccountName: s, pipelineSpec: {tasks: [1, {taskRef: x}]}}, status: 7}",
		},
		"Digits": {
			reason:  "a number above 2^53 keeps its digits, also in an annotation",
			kind:    "Task",
			v1beta1: "{spec: {steps: [{securityContext: {runAsUser: 9007199254740993}, ports: [9007199254740993]}]}}",
			v1: `{metadata: {annotations: {sluice.dev/v1beta1: '{"spec":{"steps":{"0":{"ports":[9007199254740993]}}}}'}}, ` +
				"spec: {steps: [{securityContext: {runAsUser: 9007199254740993}}]}}",
		},
	}
}

// whole returns the JSON of an object, with its fields in order and its numbers as they are written.
func whole(t *testing.T, version, kind, fields string) []byte {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(fields))
	if err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&o); err != nil {
		t.Fatal(err)
	}
	o["apiVersion"], o["kind"] = version, kind
	if raw, err = json.Marshal(o); err != nil {
		t.Fatal(err)
	}
	return raw
}
