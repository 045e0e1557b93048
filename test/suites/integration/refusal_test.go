//go:build integration

package integration

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refusal is an object that the API server must refuse.
type refusal struct {
	reason string
	kind   string
	yaml   string
	// webhook is true if the schema admits the object, and the webhook refuses it.
	webhook bool
	// want are parts of the message: the field, and what is wrong with it.
	want []string
}

// TestRefused: the API server refuses invalid objects with a message that names the field: those with an invalid element of a list
// through the webhook, and all others without it.
func TestRefused(t *testing.T) {
	namespaces := map[bool]string{false: newNamespace(t), true: newNamespace(t)}
	admit(t, namespaces[true])
	for name, tc := range refusals() {
		t.Run(name, func(t *testing.T) {
			o := specOf(t, tc.kind, tc.yaml)
			o.SetNamespace(namespaces[tc.webhook])
			err := shared.client.Create(t.Context(), o, client.DryRunAll)
			if !apierrors.IsInvalid(err) {
				t.Fatalf("%s\nwant it refused as invalid, got: %v", tc.reason, err)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s\nwant %q in the message, got: %v", tc.reason, want, err)
				}
			}
		})
	}
}

func refusals() map[string]refusal {
	reserved := "/tekton and what is below it is reserved, except /tekton/home; choose another path"
	duration := "must be a duration such as 1h30m or 90s"
	return map[string]refusal{
		"ReservedSidecar": {
			reason:  "It would take the place of the sidecar that sends the results.",
			kind:    "TaskRun",
			yaml:    `spec: {taskSpec: {steps: [{image: a}], sidecars: [{name: b, image: a}, {name: tekton-log-results, image: a}]}}`,
			webhook: true,
			want:    []string{"spec.taskSpec.sidecars[1].name", `"tekton-log-results"`, "reserved"},
		},
		"ReservedSidecarInPipeline": {
			reason:  "The same in a task of a pipeline.",
			kind:    "PipelineRun",
			yaml:    `spec: {pipelineSpec: {tasks: [{name: t, taskSpec: {steps: [{image: a}], sidecars: [{name: tekton-log-results, image: a}]}}]}}`,
			webhook: true,
			want:    []string{"spec.pipelineSpec.tasks[0].taskSpec.sidecars[0].name", "reserved"},
		},
		"ReservedVolume": {
			reason:  "It could replace a volume that carries the steps' state.",
			kind:    "Task",
			yaml:    `spec: {steps: [{image: a}], volumes: [{name: tekton-internal-run, emptyDir: {}}]}`,
			webhook: true,
			want:    []string{"spec.volumes[0].name", "tekton-internal- are reserved"},
		},
		"ReservedMount": {
			reason: "A step could write another step's state.",
			kind:   "TaskRun",
			yaml: `spec: {taskSpec: {steps: [{image: a, volumeMounts: [{name: v, mountPath: /tekton/run}]}], ` +
				`volumes: [{name: v, emptyDir: {}}]}}`,
			webhook: true,
			want:    []string{"spec.taskSpec.steps[0].volumeMounts[0].mountPath", `"/tekton/run"`, reserved},
		},
		"ReservedMountItself": {
			reason:  "The folder itself is reserved like what is in it.",
			kind:    "Task",
			yaml:    `spec: {steps: [{image: a, volumeMounts: [{name: v, mountPath: /tekton}]}], volumes: [{name: v, emptyDir: {}}]}`,
			webhook: true,
			want:    []string{"spec.steps[0].volumeMounts[0].mountPath", `"/tekton"`, reserved},
		},
		"ReservedMountOfSidecar": {
			reason: "Sidecars are no exception, and /tekton/homes is not /tekton/home.",
			kind:   "Task",
			yaml: `spec: {steps: [{image: a}], sidecars: [{name: s, image: a, volumeMounts: [{name: v, ` +
				`mountPath: /tekton/homes}]}], volumes: [{name: v, emptyDir: {}}]}`,
			webhook: true,
			want:    []string{"spec.sidecars[0].volumeMounts[0].mountPath", `"/tekton/homes"`, reserved},
		},
		"ScriptAndCommand": {
			reason:  "One of them would have to be ignored.",
			kind:    "Task",
			yaml:    `spec: {steps: [{image: a}, {image: a, script: x, command: [make]}]}`,
			webhook: true,
			want:    []string{"spec.steps[1].script", "either command or script"},
		},
		"ScriptAndCommandOfSidecar": {
			reason:  "One of them would have to be ignored.",
			kind:    "Task",
			yaml:    `spec: {steps: [{image: a}], sidecars: [{name: s, image: a, script: x, command: [make]}]}`,
			webhook: true,
			want:    []string{"spec.sidecars[0].script", "either command or script"},
		},
		"SameStep": {
			reason:  "Two containers would have one name.",
			kind:    "TaskRun",
			yaml:    `spec: {taskSpec: {steps: [{name: s, image: a}, {image: a}, {name: s, image: a}]}}`,
			webhook: true,
			want:    []string{"spec.taskSpec.steps[2].name", `Duplicate value: "s"`},
		},
		"TwoSources": {
			reason:  "A workspace is one volume.",
			kind:    "TaskRun",
			yaml:    `spec: {taskRef: {name: t}, workspaces: [{name: w, emptyDir: {}, configMap: {name: c}}]}`,
			webhook: true,
			want:    []string{"spec.workspaces[0]", "give exactly one source, not emptyDir and configMap"},
		},
		"NoSource": {
			reason:  "A workspace without a source cannot be mounted.",
			kind:    "PipelineRun",
			yaml:    `spec: {pipelineRef: {name: p}, workspaces: [{name: w}]}`,
			webhook: true,
			want:    []string{"spec.workspaces[0]", "give one of emptyDir"},
		},
		"UnknownSource": {
			reason:  "A workspace with a source that we do not know cannot be mounted.",
			kind:    "PipelineRun",
			yaml:    `spec: {pipelineRef: {name: p}, workspaces: [{name: w, nfs: {server: s}}]}`,
			webhook: true,
			want:    []string{"spec.workspaces[0].nfs"},
		},
		"RefAndSpec": {
			reason: "Which of them to run would be a guess.",
			kind:   "TaskRun",
			yaml:   `spec: {taskRef: {name: t}, taskSpec: {steps: [{image: a}]}}`,
			want:   []string{"spec", "exactly one of taskRef and taskSpec must be given"},
		},
		"NeitherRefNorSpec": {
			reason: "There would be nothing to run.",
			kind:   "PipelineRun",
			yaml:   `spec: {params: [{name: p, value: a}]}`,
			want:   []string{"spec", "exactly one of pipelineRef and pipelineSpec must be given"},
		},
		"NoSpec": {
			reason: "There would be nothing to run.",
			kind:   "TaskRun",
			yaml:   `{}`,
			want:   []string{"spec: Required value"},
		},
		"NoSteps": {
			reason: "A task without steps does nothing.",
			kind:   "Task",
			yaml:   `spec: {description: d}`,
			want:   []string{"spec.steps: Required value"},
		},
		"EmptySteps": {
			reason: "A task without steps does nothing.",
			kind:   "Task",
			yaml:   `spec: {steps: []}`,
			want:   []string{"spec.steps", "at least 1"},
		},
		"TimeWord": {
			reason: "A word is no duration.",
			kind:   "TaskRun",
			yaml:   `spec: {taskRef: {name: t}, timeout: soon}`,
			want:   []string{"spec.timeout", `"soon"`, duration},
		},
		"TimeNumber": {
			reason: "A number has no unit.",
			kind:   "TaskRun",
			yaml:   `spec: {taskRef: {name: t}, timeout: "60"}`,
			want:   []string{"spec.timeout", `"60"`, duration},
		},
		"TimeBefore": {
			reason: "Time does not run backwards.",
			kind:   "TaskRun",
			yaml:   `spec: {taskRef: {name: t}, timeout: -1h}`,
			want:   []string{"spec.timeout", `"-1h"`, duration},
		},
		"TimeTooLong": {
			reason: "It would not decode, and stop every watch.",
			kind:   "TaskRun",
			yaml:   `spec: {taskRef: {name: t}, timeout: 9999999999999h}`,
			want:   []string{"spec.timeout", duration},
		},
		"ResultName": {
			reason: "The name is also a file's.",
			kind:   "Task",
			yaml:   `spec: {steps: [{image: a}], results: [{name: ../r}]}`,
			want:   []string{"spec.results[0].name", `"../r"`},
		},
		"ResultType": {
			reason: "There are three types.",
			kind:   "Task",
			yaml:   `spec: {steps: [{image: a}], results: [{name: r, type: list}]}`,
			want:   []string{"spec.results[0].type", `"list"`, `"string", "array", "object"`},
		},
		"UnquotedNo": {
			reason: "Written n or no, without quotes, a name is false in YAML.",
			kind:   "Task",
			yaml:   `spec: {steps: [{image: a}], results: [{name: no}]}`,
			want:   []string{"spec.results[0].name", `must be of type string: "boolean"`},
		},
		"QuantityExponent": {
			reason: "It would not decode, and stop every watch.",
			kind:   "Task",
			yaml:   `spec: {steps: [{image: a, computeResources: {requests: {cpu: 1e1.5}}}]}`,
			want:   []string{"spec.steps[0].computeResources.requests.cpu", `"1e1.5"`},
		},
		"QuantityHuge": {
			reason: "It would take for ever to decode.",
			kind:   "TaskRun",
			yaml:   `spec: {taskRef: {name: t}, workspaces: [{name: w, emptyDir: {sizeLimit: 1e2147483648}}]}`,
			want:   []string{"spec.workspaces[0].emptyDir.sizeLimit", `"1e2147483648"`},
		},
		"PortHuge": {
			reason: "It would not decode, and stop every watch.",
			kind:   "Task",
			yaml:   `spec: {steps: [{image: a}], sidecars: [{name: s, image: a, readinessProbe: {httpGet: {port: 99999999999}}}]}`,
			want:   []string{"spec.sidecars[0].readinessProbe.httpGet.port", "99999999999"},
		},
		"Int32": {
			reason: "It would not decode, and stop every watch.",
			kind:   "Task",
			yaml:   `spec: {steps: [{image: a}], sidecars: [{name: s, image: a, ports: [{containerPort: 99999999999}]}]}`,
			want:   []string{"spec.sidecars[0].ports[0].containerPort", "99999999999", "2147483647"},
		},
		"Int64": {
			reason: "It would not decode, either.",
			kind:   "TaskRun",
			yaml:   `spec: {taskSpec: {steps: [{image: a}]}, podTemplate: {securityContext: {runAsUser: 99999999999999999999}}}`,
			want:   []string{"spec.podTemplate.securityContext.runAsUser", "integer"},
		},
	}
}
