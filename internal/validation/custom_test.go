package validation

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// TestCustomTasks: what makes a task a custom one is checked; what it needs and produces is not known here.
func TestCustomTasks(t *testing.T) {
	cases := map[string]struct {
		reason string
		tasks  string
		want   []string
	}{
		"KindAlone": {
			reason: "A kind can need no object.",
			tasks:  `[{name: a, taskRef: {apiVersion: example.dev/v1, kind: Wait}}]`,
		},
		"Resolver": {
			reason: "A controller can accept a resolver.",
			tasks:  `[{name: a, taskRef: {apiVersion: example.dev/v1, kind: Wait, resolver: git, params: [{name: p, value: v}]}}]`,
		},
		"Embedded": {
			reason: "Its spec is not checked, nor is text in it that looks like a variable.",
			tasks:  `[{name: a, taskSpec: {apiVersion: example.dev/v1, kind: Loop, spec: {any: ["$(params.none)"]}, metadata: {labels: {a: b}}}}]`,
		},
		"Results": {
			reason: "A custom task declares no results, so that each can exist.",
			tasks: `[{name: a, taskRef: {apiVersion: example.dev/v1, kind: Wait}},
				{name: b, params: [{name: p, value: $(tasks.a.results.any)}], taskRef: {apiVersion: example.dev/v1, kind: Wait},
				when: [{input: $(tasks.a.results.other), operator: in, values: [x]}]}]`,
		},
		"ResultsOfEmbedded": {
			reason: "One that is written out declares none either.",
			tasks: `[{name: a, taskSpec: {apiVersion: example.dev/v1, kind: Loop}},
				{name: b, params: [{name: p, value: $(tasks.a.results.any)}], taskRef: {name: t}}]`,
		},
		"TaskOfAnotherVersion": {
			reason: "A Task of this API is none.",
			tasks:  `[{name: a, taskRef: {apiVersion: tekton.dev/v1beta1, kind: Task, name: t}}]`,
		},
		"KindWithoutAPIVersion": {
			reason: "It is not known which API the kind belongs to.",
			tasks:  `[{name: a, taskRef: {kind: Wait, name: t}}]`,
			want:   []string{`spec.tasks[0].taskRef.kind: Unsupported value: "Wait": supported values: "Task"`},
		},
		"EmbeddedKindAlone": {
			reason: "One of the two fields is missing.",
			tasks:  `[{name: a, taskSpec: {kind: Loop, steps: [{image: i, script: x}]}}]`,
			want:   []string{`spec.tasks[0].taskSpec.apiVersion: Required value: a custom task needs apiVersion and kind`},
		},
		"EmbeddedAPIVersionAlone": {
			reason: "One of the two fields is missing.",
			tasks:  `[{name: a, taskSpec: {apiVersion: example.dev/v1, steps: [{image: i, script: x}]}}]`,
			want:   []string{`spec.tasks[0].taskSpec.kind: Required value: a custom task needs apiVersion and kind`},
		},
		"SpecAlone": {
			reason: "A spec without a kind would be ignored.",
			tasks:  `[{name: a, taskSpec: {spec: {a: b}, steps: [{image: i, script: x}]}}]`,
			want:   []string{`spec.tasks[0].taskSpec.apiVersion: Required value: a custom task needs apiVersion and kind`},
		},
		"ParamsWithoutResolver": {
			reason: "They have no effect.",
			tasks:  `[{name: a, taskRef: {apiVersion: example.dev/v1, kind: Wait, params: [{name: p, value: v}]}}]`,
			want:   []string{`spec.tasks[0].taskRef.resolver: Required value: params are for a resolver; say which`},
		},
		"UnknownTask": {
			reason: "The task must exist.",
			tasks:  `[{name: a, params: [{name: p, value: $(tasks.none.results.r)}], taskRef: {apiVersion: example.dev/v1, kind: Wait}}]`,
			want:   []string{`spec.tasks[0].params[0].value: Invalid value: "$(tasks.none.results.r)": no task "none"; there are: a`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pipeline := decode[v1.Pipeline](t, "spec: {tasks: "+tc.tasks+"}")
			DefaultPipeline(pipeline)
			if diff := cmp.Diff(tc.want, messages(Pipeline(pipeline))); diff != "" {
				t.Errorf("%s\nPipeline(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestCustomRun: a CustomRun names a custom task, and the rest of its spec is as that of a TaskRun.
func TestCustomRun(t *testing.T) {
	cases := map[string]struct {
		reason string
		spec   string
		want   []string
	}{
		"Whole": {
			reason: "Everything that a pipeline writes is permitted.",
			spec: `{customRef: {apiVersion: example.dev/v1, kind: Wait, name: "any: name"}, params: [{name: p, value: [a]}], retries: 2,
				workspaces: [{name: w, emptyDir: {}}], serviceAccountName: sa, timeout: 1h, status: RunCancelled, statusMessage: m}`,
		},
		"Neither": {
			reason: "It must name something to run.",
			spec:   `{}`,
			want:   []string{"spec.customRef: Required value: give customRef or customSpec"},
		},
		"NoKind": {
			reason: "Each controller selects its runs by both fields.",
			spec:   `{customSpec: {spec: {a: b}}}`,
			want: []string{
				"spec.customSpec.apiVersion: Required value: name the API of the custom task, as in example.dev/v1",
				"spec.customSpec.kind: Required value: name the kind of the custom task",
			},
		},
		"Status": {
			reason: "Only a cancellation can be requested.",
			spec:   `{customRef: {apiVersion: example.dev/v1, kind: Wait}, status: Stop}`,
			want:   []string{`spec.status: Unsupported value: "Stop": supported values: "RunCancelled"`},
		},
		"Message": {
			reason: "A message alone has no effect.",
			spec:   `{customRef: {apiVersion: example.dev/v1, kind: Wait}, statusMessage: m}`,
			want:   []string{"spec.statusMessage: Forbidden: it explains spec.status, which is not set"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			run := decode[v1beta1.CustomRun](t, "spec: "+tc.spec)
			if diff := cmp.Diff(tc.want, messages(CustomRun(run))); diff != "" {
				t.Errorf("%s\nCustomRun(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
