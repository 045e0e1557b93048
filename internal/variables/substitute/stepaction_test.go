package substitute

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

const action = `
params:
- {name: s, default: "of $(params.t)"}
- {name: t, default: tea}
- {name: l, type: array, default: [one, "$(params.t)"]}
- {name: o, properties: {x: {}, z: {}}, default: {x: "$(params.t)", z: zed}}
results: [{name: r}]
image: image
`

// inStep is a plain step of the StepAction above with these fields, as a step of a task with these params becomes.
func inStep(t *testing.T, fields, params string) (*v1.Step, error) {
	t.Helper()
	step := decode[v1.Step](t, "name: runner\nref: {name: action}\nparams: "+params)
	return Step(field.NewPath("steps").Index(1), step, decode[v1beta1.StepActionSpec](t, action+fields))
}

func TestStepAction(t *testing.T) {
	cases := map[string]struct {
		reason, fields, params string
		want                   string // the plain step's fields, in YAML
	}{
		"Defaults": {
			reason: "A default may refer to other params of the StepAction.",
			fields: `script: "$(params.s), 1: $(params.l[1]), x: $(params.o.x)"`,
			params: `[]`,
			want:   `script: "of tea, 1: tea, x: tea"`,
		},
		"Given": {
			reason: "What the step gives wins, and fills an object's default in.",
			fields: `script: "$(params.s), $(params.o.x), $(params.o.z)"`,
			params: `[{name: s, value: mine}, {name: o, value: {z: given}}]`,
			want:   `script: "mine, tea, given"`,
		},
		"TaskVariables": {
			reason: "Variables of the task stay, for the task to substitute.",
			fields: `script: "$(params.s)/$(params.t)"`,
			params: `[{name: s, value: "$(params.image):$(context.taskRun.name)"}]`,
			want:   `script: "$(params.image):$(context.taskRun.name)/tea"`,
		},
		"SameName": {
			reason: "A param of the task with the same name is another one.",
			fields: `script: "$(params.s)"`,
			params: `[{name: s, value: "$(params.s)"}]`,
			want:   `script: "$(params.s)"`,
		},
		"StepResult": {
			reason: "So do results of earlier steps.",
			fields: `env: [{name: X, value: "$(params.s)"}]`,
			params: `[{name: s, value: "$(steps.a.results.b)"}]`,
			want:   `env: [{name: X, value: "$(steps.a.results.b)"}]`,
		},
		"WholeArray": {
			reason: "A whole array of the task is narrowed to what the StepAction uses of it.",
			fields: `args: ["$(params.l[*])", "$(params.l[1])"]`,
			params: `[{name: l, value: "$(steps.a.results.list[*])"}]`,
			want:   `args: ["$(steps.a.results.list[*])", "$(steps.a.results.list[1])"]`,
		},
		"WholeObject": {
			reason: "And so is an object.",
			fields: `args: ["$(params.o.x)"]`,
			params: `[{name: o, value: "$(params.object[*])"}]`,
			want:   `args: ["$(params.object['x'])"]`,
		},
		"Spread": {
			reason: "An array becomes as many elements as it has, and variables of the task in them stay.",
			fields: `args: [-, "$(params.l[*])", -]`,
			params: `[{name: l, value: [a, "$(params.more[*])"]}]`,
			want:   `args: ["-", a, "$(params.more[*])", "-"]`,
		},
		"Dollars": {
			reason: "A value arrives unchanged where the kubelet expands once more.",
			fields: `args: ["$(HOME)/$(params.s)"]`,
			params: `[{name: s, value: "$(HOME)$$ $(params.x)"}]`,
			want:   `args: ["$(HOME)/$$(HOME)$$$$ $(params.x)"]`,
		},
		"DollarBefore": {
			reason: "What stands before a value does not become a variable with it.",
			fields: `args: ["$$(params.s)"]`,
			params: `[{name: s, value: "(HOME)"}]`,
			want:   `args: ["$$(HOME)"]`,
		},
		"Volume": {
			reason: "The task says which volume is mounted.",
			fields: `volumeMounts: [{name: "$(params.s)", mountPath: "/x/$(params.t)"}]`,
			params: `[{name: s, value: "$(params.volume)"}]`,
			want:   `volumeMounts: [{name: "$(params.volume)", mountPath: /x/tea}]`,
		},
		"OwnResult": {
			reason: "Its results are the step's.",
			fields: `script: "echo > $(step.results.r.path)"`,
			params: `[]`,
			want:   `script: "echo > $(step.results.r.path)"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := inStep(t, tc.fields, tc.params)
			if err != nil {
				t.Fatal(err)
			}
			want := decode[v1.Step](t, "name: runner\nimage: image\nresults: [{name: r, type: string}]\n"+tc.want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestStepActionRefusals(t *testing.T) {
	cases := map[string]struct {
		reason, fields, params string
		want                   string
	}{
		"Undeclared": {
			reason: "The StepAction sees its own params only.",
			fields: `script: "$(params.image)"`,
			params: `[]`,
			want:   `"$(params.image)"`,
		},
		"Unknown": {
			reason: "A param that nobody asked for is a mistake.",
			fields: `script: x`,
			params: `[{name: nope, value: x}]`,
			want:   `steps[1].params[0].name: Invalid value: "nope"`,
		},
		"Type": {
			reason: "An array is no string.",
			fields: `script: x`,
			params: `[{name: s, value: [a]}]`,
			want:   `param "s" is of type string, not array`,
		},
		"Keys": {
			reason: "An object must have its keys.",
			fields: `script: x`,
			params: `[{name: o, value: {x: "1"}}]`,
		},
		"Array": {
			reason: "A text takes a string.",
			fields: `script: "all: $(params.l)"`,
			params: `[]`,
			want:   `param "l" is an array`,
		},
		"Index": {
			reason: "An array has as many elements as it has.",
			fields: `args: ["$(params.l[5])"]`,
			params: `[]`,
			want:   "has 2 elements",
		},
		"GrownTogether": {
			reason: "Nobody wrote the variable that a literal and a value would form.",
			fields: `script: "$$(params.s)"`,
			params: `[{name: s, value: "(params.secret)"}]`,
			want:   "form a variable that neither has",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := inStep(t, tc.fields, tc.params)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

func TestStepActionDefaultsInACircle(t *testing.T) {
	spec := decode[v1beta1.StepActionSpec](t,
		`{image: i, script: "$(params.a)", params: [{name: a, default: "$(params.b)"}, {name: b, default: "$(params.a)"}]}`)
	if _, err := Step(nil, decode[v1.Step](t, "ref: {name: x}"), spec); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("want the circle named, got %v", err)
	}
}

// TestStepActionKeepsTheStep: what only the step can say stays, and its own security context wins.
func TestStepActionKeepsTheStep(t *testing.T) {
	step := decode[v1.Step](t,
		`{name: n, ref: {name: x}, onError: continue, timeout: 5m, computeResources: {requests: {cpu: 1m}}, securityContext: {runAsUser: 7}}`)
	got, err := Step(nil, step, decode[v1beta1.StepActionSpec](t,
		`{image: i, script: x, workingDir: /w, securityContext: {runAsUser: 1, runAsGroup: 2}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := decode[v1.Step](t, `{name: n, image: i, script: x, workingDir: /w, onError: continue, timeout: 5m, `+
		`computeResources: {requests: {cpu: 1m}}, securityContext: {runAsUser: 7}}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
