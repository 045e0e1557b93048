package substitute

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

func decode[T any](t *testing.T, text string) *T {
	t.Helper()
	out := new(T)
	if err := yaml.Unmarshal([]byte(text), out); err != nil {
		t.Fatalf("cannot decode %q: %v", text, err)
	}
	return out
}

func taskContext() TaskRunContext {
	return TaskRunContext{
		Name: "run", Namespace: "ns", UID: "uid", Task: "task", Retry: 2,
		Workspaces: map[string]Workspace{"bound": {Volume: "ws-bound", Claim: "pvc"}},
	}
}

// substituted substitutes in a task that has no references to results of steps.
func substituted(spec *v1.TaskSpec, vars Variables) (*v1.TaskSpec, error) {
	task, err := TaskSpec(spec, vars, "mark")
	return task.Spec, err
}

const declarations = `
params:
- {name: s, default: "default of $(context.taskRun.name) $(params.l[0])"}
- {name: a.b}
- {name: l, type: array}
- {name: o, properties: {x: {}, y: {}}, default: {x: "1", y: "2"}}
results: [{name: r.1}]
workspaces: [{name: bound, mountPath: /data}, {name: unbound, optional: true}]
`

func given() []v1.Param {
	return []v1.Param{
		{Name: "a.b", Value: v1.StringValue("dotted")},
		{Name: "l", Value: v1.ArrayValue("zero", "$(params.s)", "")},
		{Name: "o", Value: v1.ObjectValue(map[string]string{"y": "$(params.o.x)"})},
		{Name: "extra", Value: v1.StringValue("propagated")},
	}
}

func TestVariablesOfATask(t *testing.T) {
	cases := map[string]struct{ reason, text, want string }{
		"DottedWithout": {
			reason: "A name with dots needs no brackets where nothing else is meant.",
			text:   "$(params.a.b) $(results.r.1.path)",
			want:   "dotted /tekton/results/r.1",
		},
		"Default": {
			reason: "A default may refer to the run, and to other params.",
			text:   "$(params.s)",
			want:   "default of run zero",
		},
		"Dotted": {
			reason: "A name with dots stands in brackets.",
			text:   `$(params["a.b"])$(params['a.b'])`,
			want:   "dotteddotted",
		},
		"Legacy": {
			reason: "Old Tasks say inputs.params.",
			text:   "$(inputs.params.extra)",
			want:   "propagated",
		},
		"Undeclared": {
			reason: "A param that only the run has can be used.",
			text:   "$(params.extra)",
			want:   "propagated",
		},
		"Element": {
			reason: "An element of an array is what it is.",
			text:   "$(params.l[0])$(params.l[1])",
			want:   "zero$(params.s)",
		},
		"Key": {
			reason: "An object's default fills in what is not given.",
			text:   "$(params.o.x)/$(params.o.y)",
			want:   "1/$(params.o.x)",
		},
		"Result": {
			reason: "A result's path is its file.",
			text:   "$(results['r.1'].path)",
			want:   "/tekton/results/r.1",
		},
		"Bound": {
			reason: "A bound workspace has a path, a volume, and perhaps a claim.",
			text:   "$(workspaces.bound.path) $(workspaces.bound.bound) $(workspaces.bound.volume) $(workspaces.bound.claim)",
			want:   "/data true ws-bound pvc",
		},
		"Unbound": {
			reason: "One that is not bound has none.",
			text:   "<$(workspaces.unbound.path)> $(workspaces.unbound.bound) <$(workspaces.unbound.volume)>",
			want:   "<> false <>",
		},
		"Context": {
			reason: "The run and the task tell of themselves.",
			text:   "$(context.taskRun.name) $(context.taskRun.namespace) $(context.taskRun.uid) $(context.task.name) $(context.task.retry-count)",
			want:   "run ns uid task 2",
		},
		"NotOurs": {
			reason: "Everything else stays.",
			text:   "$(date) $$ ${s} $(HOME) $((1)) $(params",
			want:   "$(date) $$ ${s} $(HOME) $((1)) $(params",
		},
		"WithinShell": {
			reason: "A variable within the shell's own substitution is one.",
			text:   "$(echo $(params.extra))",
			want:   "$(echo propagated)",
		},
		"Twice": {
			reason: "A variable can stand there more than once.",
			text:   "$(params.extra)$(params.extra)",
			want:   "propagatedpropagated",
		},
		"EmptyElement": {
			reason: "An empty value leaves nothing.",
			text:   "<$(params.l[2])>",
			want:   "<>",
		},
		"MultibyteAround": {
			reason: "Bytes around variables are kept.",
			text:   "é$(params.extra)日",
			want:   "épropagated日",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := decode[v1.TaskSpec](t, declarations)
			validation.DefaultTaskSpec(spec)
			spec.Steps = []v1.Step{{Image: "i", Script: tc.text}}
			out, err := substituted(spec, ForTaskRun(spec, given(), taskContext()))
			if err != nil {
				t.Fatal(err)
			}
			if got := out.Steps[0].Script; got != tc.want {
				t.Errorf("\n%s\n%q: want %q, got %q", tc.reason, tc.text, tc.want, got)
			}
		})
	}
}

// TestTextThatStays: what looks like a variable and is none here stays as text, in every kind of text, and what stands beside it
// is substituted.
func TestTextThatStays(t *testing.T) {
	for name, text := range map[string]string{
		"Param":           "$(params.nope)",
		"ParamInBrackets": "$(params['x.y'])",
		"Result":          "$(results.nope.path)",
		"ResultWithout":   "$(results.nope)",
		"Workspace":       "$(workspaces.nope.bound)",
		"PipelineRun":     "$(context.pipelineRun.name)",
		"Context":         "$(context.other)",
		"Tasks":           "$(tasks.t.results.r)",
		"Status":          "$(tasks.status)",
		"Malformed":       "$(params.s[)",
		"Step":            "$(steps.nope.exitCode.path)",
		"Credentials":     "$(credentials.file)",
		"NoKey":           "$(params.o.z)",
		"ArrayInText":     "x$(params.l[*])",
		"BareArray":       "x$(params.l)",
		"Object":          "$(params.o[*])",
		"Indexed":         "$(params.extra[0])",
		"KeyOfArray":      "$(params.l.x)",
		"ElementOf":       "$(params.o[0])",
		"Command":         "$(hostname)",
		"Arithmetic":      "$((1 + 2))",
	} {
		t.Run(name, func(t *testing.T) {
			spec := decode[v1.TaskSpec](t, declarations)
			validation.DefaultTaskSpec(spec)
			spec.Steps = []v1.Step{{
				Image: "i", Script: "a " + text + " $(params.extra)", Args: []string{text, "b" + text}, WorkingDir: "/" + text,
				Env: []corev1.EnvVar{{Name: "E", Value: text}},
			}}
			got, err := substituted(spec, ForTaskRun(spec, given(), taskContext()))
			if err != nil {
				t.Fatal(err)
			}
			want := spec.Steps[0]
			want.Script = "a " + text + " propagated"
			if diff := cmp.Diff(want, got.Steps[0]); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
}

func TestUnresolvable(t *testing.T) {
	cases := map[string]struct{ reason, text, problem string }{
		"OutOfRange": {
			reason:  "Arrays are only as long as they are.",
			text:    "$(params.l[3])",
			problem: `param "l" has 3 elements, counted from 0`,
		},
		"StepResult": {
			reason:  "A whole array of a step stands alone.",
			text:    "x$(steps.unnamed-0.results.r[*])",
			problem: "a whole array can only be used as a separate element",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := decode[v1.TaskSpec](t, declarations)
			validation.DefaultTaskSpec(spec)
			spec.Steps = []v1.Step{{Image: "i", Script: "true"}, {Image: "i", Script: "text " + tc.text}}
			_, err := substituted(spec, ForTaskRun(spec, given(), taskContext()))
			var unresolved *UnresolvedError
			if !errors.As(err, &unresolved) {
				t.Fatalf("\n%s\n%q: want an *UnresolvedError, got %v", tc.reason, tc.text, err)
			}
			want := UnresolvedError{Field: "steps[1].script", Variable: strings.TrimPrefix(tc.text, "x"), Problem: tc.problem}
			if diff := cmp.Diff(want, *unresolved); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// Every place where the API allows variables holds one here, and no other does.
func TestEveryPlace(t *testing.T) {
	const container = `
  image: i-$(params.x)
  imagePullPolicy: $(params.policy)
  command: ["c-$(params.x)", "$(params.l[*])"]
  args: ["$(params.l[*])", "$(params.l)", "a-$(params.x)", "$(params.none[*])"]
  script: s-$(params.x)
  workingDir: /w-$(params.x)
  envFrom: [{prefix: "p-$(params.x)", configMapRef: {name: "c-$(params.x)"}}, {secretRef: {name: "s-$(params.x)"}}]
  env:
  - {name: plain, value: "v-$(params.x)"}
  - {name: map, valueFrom: {configMapKeyRef: {name: "n-$(params.x)", key: "k-$(params.x)"}}}
  - {name: secret, valueFrom: {secretKeyRef: {name: "n-$(params.x)", key: "k-$(params.x)"}}}
  volumeMounts:
  - {name: "v-$(params.x)", mountPath: "/m-$(params.x)", subPath: "s-$(params.x)"}
  - {name: w, mountPath: /e, subPathExpr: "e-$(params.x)"}
`
	const text = `
description: $(params.x)
params: [{name: x}, {name: l, type: array}, {name: policy}, {name: none, type: array}]
workspaces: [{name: ws, mountPath: "/ws-$(params.x)"}]
volumes:
- name: v-$(params.x)
  configMap: {name: "c-$(params.x)", items: [{key: "k-$(params.x)", path: "p-$(params.x)"}]}
- {name: w, secret: {secretName: "s-$(params.x)", items: [{key: "k-$(params.x)", path: "p-$(params.x)"}]}}
- {name: pvc, persistentVolumeClaim: {claimName: "c-$(params.x)"}}
- name: projected
  projected:
    sources:
    - {configMap: {name: "c-$(params.x)", items: [{key: "k-$(params.x)", path: "p-$(params.x)"}]}}
    - {secret: {name: "s-$(params.x)", items: [{key: "k-$(params.x)", path: "p-$(params.x)"}]}}
    - {serviceAccountToken: {audience: "a-$(params.x)", path: t}}
- {name: csi, csi: {driver: d, nodePublishSecretRef: {name: "n-$(params.x)"}, volumeAttributes: {k: "v-$(params.x)"}}}
steps:
- name: one` + container + `
sidecars:
- name: two` + container
	spec := decode[v1.TaskSpec](t, text)
	before := spec.DeepCopy()
	out, err := substituted(spec, ForTaskRun(spec, []v1.Param{
		{Name: "x", Value: v1.StringValue("value")}, {Name: "policy", Value: v1.StringValue("Always")},
		{Name: "l", Value: v1.ArrayValue("ONE", "$TWO")}, {Name: "none", Value: v1.ArrayValue()},
	}, TaskRunContext{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, spec); diff != "" {
		t.Errorf("the task itself was changed:\n%s", diff)
	}
	substituted := strings.NewReplacer(
		`"$(params.l[*])", "$(params.l)", "a-$(params.x)", "$(params.none[*])"`, `ONE, "$$TWO", ONE, "$$TWO", "a-value"`,
		`"$(params.l[*])"`, `ONE, "$$TWO"`, "$(params.x)", "value", "$(params.policy)", "Always",
	).Replace(text)
	want := decode[v1.TaskSpec](t, substituted)
	want.Description = "$(params.x)" // for people, and not substituted
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("substituted: -want, +got:\n%s", diff)
	}
}

func TestMountsAreCheckedOnceTheyAreKnown(t *testing.T) {
	spec := &v1.TaskSpec{
		Volumes: []corev1.Volume{{Name: "v"}},
		Steps:   []v1.Step{{Image: "i", VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/data/$(params.p)"}}}},
	}
	_, err := substituted(spec, ForTaskRun(spec, []v1.Param{{Name: "p", Value: v1.StringValue("../tekton/run")}}, TaskRunContext{}))
	const want = `steps[0].volumeMounts[0].mountPath: Invalid value: "/data/../tekton/run": /tekton and what is ` +
		`below it is reserved, except /tekton/home; choose another path`
	if err == nil || err.Error() != want {
		t.Errorf("a param leads to a reserved path:\nwant %s\n got %v", want, err)
	}
}

// A task that repeats a large param must not fill the controller's memory.
func TestTextsAreBounded(t *testing.T) {
	value := []v1.Param{
		{Name: "x", Value: v1.StringValue(strings.Repeat("x", 1_000_000))},
		{Name: "l", Value: v1.ArrayValue(strings.Repeat("$", 900_000), "")},
	}
	cases := map[string]struct {
		reason string
		step   v1.Step
		field  string
	}{
		"OneText": {
			reason: "In one text.",
			step:   v1.Step{Script: strings.Repeat("$(params.x)", 100_000)},
			field:  "steps[0].script",
		},
		"ManyTexts": {
			reason: "In many texts.",
			step:   v1.Step{Args: slices.Repeat([]string{"$(params.x)"}, 9)},
			field:  "steps[0].args[8]",
		},
		"ManyArrays": {
			reason: "In many arrays, whose dollars take two bytes.",
			step:   v1.Step{Args: slices.Repeat([]string{"$(params.l[*])"}, 9)},
			field:  "steps[0].args[4]",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.step.Image = "i"
			spec := &v1.TaskSpec{Steps: []v1.Step{tc.step}}
			_, err := substituted(spec, ForTaskRun(spec, value, TaskRunContext{}))
			var long *TooLongError
			if !errors.As(err, &long) || long.Field != tc.field || long.Size <= MaxBytes {
				t.Errorf("\n%s\nwant a *TooLongError for %s, got %v", tc.reason, tc.field, err)
			}
		})
	}
}
