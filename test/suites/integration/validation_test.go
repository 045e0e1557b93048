//go:build integration

package integration

import (
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// specOf returns an object of a kind with a spec in YAML.
func specOf(t *testing.T, kind, spec string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(spec), &o.Object); err != nil {
		t.Fatalf("cannot decode the test's YAML: %v", err)
	}
	o.SetAPIVersion("tekton.dev/v1")
	o.SetKind(kind)
	o.SetGenerateName("it-")
	return o
}

// TestAdmitted: the API server accepts what existing Tasks use.
func TestAdmitted(t *testing.T) {
	namespace := newNamespace(t)
	cases := map[string]struct {
		reason string
		kind   string
		yaml   string
	}{
		"SameResult": {
			reason: "Of two results with one name, the last one counts, as in Tekton.",
			kind:   "Task",
			yaml:   `spec: {steps: [{image: a}], results: [{name: r}, {name: s}, {name: r, type: array}]}`,
		},
		"PipelineWithoutTasks": {
			reason: "A pipeline can be prepared before it has tasks.",
			kind:   "Pipeline",
			yaml:   `spec: {description: later, tasks: []}`,
		},
		"CustomTask": {
			reason: "A custom task that is embedded has a spec of its kind, and no steps.",
			kind:   "Pipeline",
			yaml:   `spec: {tasks: [{name: wait, taskSpec: {apiVersion: example.dev/v1, kind: Wait, spec: {for: 1s}}}]}`,
		},
		"LongNames": {
			reason: "Names of params have no limit, and those of sidecars are shortened for their containers.",
			kind:   "TaskRun",
			yaml: strings.ReplaceAll(`
spec:
  params: [{name: tasks.LONG.results.LONG, value: x}]
  taskSpec:
    params: [{name: pLONG, default: x}, {name: o, type: object, properties: {kLONG: {}}, default: {kLONG: x}}]
    steps: [{image: i, script: "$(params.pLONG) $(params.o.kLONG)"}]
    sidecars: [{name: sLONG, image: i}]
`, "LONG", strings.Repeat("x", 252)),
		},
		"Task": {
			reason: "A whole task with one of everything.",
			kind:   "Task",
			yaml: `
spec:
  displayName: one of everything
  description: a task
  params:
  - {name: text, type: string, default: x}
  - {name: list, type: array, default: [a, b]}
  - {name: map, type: object, properties: {url: {type: string}, tag: {}}, default: {url: u}}
  - {name: plain, enum: [a, b]}
  results:
  - {name: digest, description: a digest, value: $(steps.own.results.r)}
  - {name: Images_1.list, type: array}
  - {name: both, type: object, properties: {a: {}, b: {type: string}}}
  workspaces:
  - {name: source, description: d, mountPath: /src, readOnly: true, optional: true}
  volumes:
  - {name: cache, emptyDir: {sizeLimit: 1Gi}}
  steps:
  - name: build
    image: $(params.text)
    command: [make]
    args: ["$(params.list[*])"]
    env: [{name: A, value: b}]
    computeResources: {requests: {cpu: 100m, memory: 1Gi}, limits: {cpu: 2}}
    volumeMounts: [{name: cache, mountPath: /tekton/home/.cache}, {name: cache, mountPath: /tektonish}]
    securityContext: {runAsUser: 1000}
  - image: bash
    script: |
      #!/usr/bin/env bash
      echo '$(date) $$' > $(results.digest.path)
    args: [x]
    workingDir: sub
  - name: act
    displayName: An action
    ref: {name: act}
    params: [{name: a, value: $(params.text)}, {name: b, value: ["$(params.list[*])"]}]
    timeout: 1h30m
    onError: continue
    workspaces: [{name: source, mountPath: /here}]
    when: [{input: $(params.text), operator: in, values: [a]}, {cel: "'a' == 'a'"}]
  - name: own
    image: a
    script: echo -n x > $(step.results.r.path)
    imagePullPolicy: $(params.text)
    onError: $(params.text)
    results: [{name: r, description: d}, {name: o, type: object, properties: {k: {}}}]
    stdoutConfig: {path: /tmp/out}
    stderrConfig: {path: /tmp/err}
    volumeDevices: [{name: cache, devicePath: /dev/x}]
  stepTemplate:
    image: a
    env: [{name: A, value: b}]
    volumeMounts: [{name: cache, mountPath: /cache}]
  sidecars:
  - name: db
    image: postgres
    ports: [{containerPort: 5432}]
    readinessProbe: {tcpSocket: {port: 5432}, periodSeconds: 1}
    livenessProbe: {exec: {command: [x]}}
    startupProbe: {httpGet: {path: /, port: http}}
    lifecycle: {preStop: {exec: {command: [x]}}}
    terminationMessagePath: /dev/x
    terminationMessagePolicy: FallbackToLogsOnError
    stdin: true
    stdinOnce: true
    tty: true
    restartPolicy: Always
    workspaces: [{name: source}]
  - {name: tekton-log-results-2, image: a}
  - {image: unnamed}
  - {image: unnamed}`,
		},
		"EmptyCommand": {
			reason: "An empty command beside a script counts as no command.",
			kind:   "Task",
			yaml:   `spec: {steps: [{image: a, script: x, command: []}, {image: a, script: "", command: [x]}]}`,
		},
		"UnnamedSteps": {
			reason: "Several steps may have no name.",
			kind:   "Task",
			yaml:   `spec: {steps: [{image: a}, {image: a, name: ""}, {image: a, name: ""}]}`,
		},
		"TaskRun": {
			reason: "Every field of a run.",
			kind:   "TaskRun",
			yaml: `
spec:
  taskRef: {name: t, kind: Task, apiVersion: tekton.dev/v1}
  params: [{name: text, value: x}, {name: list, value: [a]}, {name: map, value: {a: b}}, {name: none, value: ""}]
  workspaces:
  - {name: a, emptyDir: {}, subPath: x}
  - {name: b, configMap: {name: c}}
  - {name: c, persistentVolumeClaim: {claimName: c}}
  - name: d
    volumeClaimTemplate:
      metadata: {labels: {a: b}}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
  - {name: e, secret: {secretName: s}}
  - {name: f, projected: {sources: [{configMap: {name: c}}, {secret: {name: s}}, {serviceAccountToken: {path: token}}]}}
  - {name: g, csi: {driver: d}}
  serviceAccountName: builder
  timeout: 1h30m
  podTemplate:
    nodeSelector: {a: b}
    env: [{name: A, value: b}]
    tolerations: [{key: a, operator: Exists}]
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}
    securityContext: {runAsNonRoot: true}
    volumes: [{name: v, emptyDir: {}}]
    runtimeClassName: r
    automountServiceAccountToken: false
    dnsPolicy: None
    dnsConfig: {nameservers: [1.1.1.1]}
    enableServiceLinks: false
    priorityClassName: p
    schedulerName: s
    imagePullSecrets: [{name: s}]
    hostAliases: [{ip: 127.0.0.1, hostnames: [a]}]
    hostNetwork: true
    hostUsers: false
    topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]
  retries: 3
  status: TaskRunCancelled
  statusMessage: because
  stepSpecs: [{name: s, computeResources: {limits: {memory: 1Gi}}}]
  sidecarSpecs: [{name: s, computeResources: {limits: {memory: 1Gi}}}]
  debug: {breakpoints: {onFailure: enabled, beforeSteps: [s]}}
  managedBy: example.com/other`,
		},
		"Resolver": {
			reason: "A Task from a resolver.",
			kind:   "TaskRun",
			yaml: `spec: {taskRef: {resolver: cluster, params: [{name: kind, value: task}, {name: pathInRepo, ` +
				`value: x}]}, computeResources: {requests: {cpu: 1}}}`,
		},
		"NoTimeout":  {reason: "Zero means none, with a unit or without.", kind: "TaskRun", yaml: `spec: {taskRef: {name: t}, timeout: "0"}`},
		"ZeroTime":   {reason: "Zero means none, with a unit or without.", kind: "TaskRun", yaml: `spec: {taskRef: {name: t}, timeout: 0s}`},
		"Fractional": {reason: "A fraction of an hour is a duration.", kind: "TaskRun", yaml: `spec: {taskRef: {name: t}, timeout: 1.5h}`},
		"Pipeline": {
			reason: "Tasks by name and embedded, with results passed between them.",
			kind:   "Pipeline",
			yaml: `
spec:
  params: [{name: url, type: string}]
  workspaces: [{name: source}]
  tasks:
  - {name: a, taskRef: {name: t}, params: [{name: u, value: $(params.url)}], workspaces: [{name: w, workspace: source}]}
  - name: b
    runAfter: [a]
    params: [{name: d, value: ["$(tasks.a.results.d[*])"]}]
    taskSpec:
      metadata: {labels: {a: b}}
      params: [{name: d, type: array}]
      steps: [{image: a, script: x}]
  - name: c
    displayName: $(params.url)
    taskRef: {resolver: cluster, params: [{name: name, value: t}]}
    when: [{input: $(tasks.a.results.d), operator: notin, values: ["", b]}]
    matrix: {params: [{name: os, value: [a, b]}], include: [{name: i, params: [{name: os, value: a}, {name: x, value: y}]}]}
    timeout: 90s
    retries: 2
    workspaces: [{name: w, workspace: source, subPath: $(params.url)/x}]
  - {name: d, onError: continue, taskRef: {name: t}}
  finally:
  - {name: e, taskRef: {name: t}, params: [{name: s, value: $(tasks.status)}]}
  results: [{name: d, value: $(tasks.a.results.d)}, {name: e, type: string, value: $(finally.e.results.d)}]`,
		},
		"PipelineRun": {
			reason: "A run of a pipeline by name.",
			kind:   "PipelineRun",
			yaml: `
spec:
  pipelineRef: {name: p}
  params: [{name: url, value: x}]
  workspaces: [{name: source, emptyDir: {}}]
  taskRunTemplate: {serviceAccountName: builder, podTemplate: {nodeSelector: {a: b}}}
  taskRunSpecs:
  - pipelineTaskName: t
    serviceAccountName: s
    podTemplate: {hostUsers: false}
    stepSpecs: [{name: s, computeResources: {limits: {cpu: 1}}}]
    sidecarSpecs: [{name: s, computeResources: {limits: {cpu: 1}}}]
    metadata: {labels: {a: b}}
    computeResources: {requests: {cpu: 1}}
    timeout: 5m
  timeouts: {pipeline: 1h, tasks: 50m, finally: 10m}
  status: PipelineRunPending
  managedBy: tekton.dev/pipeline`,
		},
		"UnknownField": {
			reason: "An unknown field is dropped, as the API server does for every kind; kubectl warns about it.",
			kind:   "TaskRun",
			yaml:   `spec: {taskRef: {name: t}, patience: 1h}`,
		},
		"ManyResults": {
			reason: "300 results of 4096 bytes must be possible.",
			kind:   "Task",
			yaml:   "spec:\n  steps: [{image: a}]\n  results:\n" + numbered(1000, "  - {name: r%}\n"),
		},
		"ManySteps": {
			reason: "As many steps as the bound says.",
			kind:   "Task",
			yaml:   "spec:\n  steps:\n" + numbered(100, "  - {name: s%, image: a}\n"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := specOf(t, tc.kind, tc.yaml)
			o.SetNamespace(namespace)
			if err := shared.client.Create(t.Context(), o, client.DryRunAll); err != nil {
				t.Errorf("%s\ngot: %v", tc.reason, err)
			}
		})
	}
}

// numbered repeats a line, with % replaced by 0, 1, 2 and so on.
func numbered(n int, line string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(line, "%", strconv.Itoa(i)))
	}
	return b.String()
}
