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
		"Defaults": {"A default may refer to other params of the StepAction.", `script: "$(params.s), 1: $(params.l[1]), x: $(params.o.x)"`, `[]`,
			`script: "of tea, 1: tea, x: tea"`},
		"Given": {"What the step gives wins, and fills an object's default in.", `script: "$(params.s), $(params.o.x), $(params.o.z)"`, `[{name: s, value: mine}, {name: o, value: {z: given}}]`,
			`script: "mine, tea, given"`},
		"TaskVariables": {"Variables of the task stay, for the task to substitute.", `script: "$(params.s)/$(params.t)"`, `[{name: s, value: "$(params.image):$(context.taskRun.name)"}]`,
			`script: "$(params.image):$(context.taskRun.name)/tea"`},
		"SameName": {"A param of the task with the same name is another one.", `script: "$(params.s)"`, `[{name: s, value: "$(params.s)"}]`,
			`script: "$(params.s)"`},
		"StepResult": {"So do results of earlier steps.", `env: [{name: X, value: "$(params.s)"}]`, `[{name: s, value: "$(steps.a.results.b)"}]`,
			`env: [{name: X, value: "$(steps.a.results.b)"}]`},
		"WholeArray": {"A whole array of the task is narrowed to what the StepAction uses of it.", `args: ["$(params.l[*])", "$(params.l[1])"]`, `[{name: l, value: "$(steps.a.results.list[*])"}]`,
			`args: ["$(steps.a.results.list[*])", "$(steps.a.results.list[1])"]`},
		"WholeObject": {"And so is an object.", `args: ["$(params.o.x)"]`, `[{name: o, value: "$(params.object[*])"}]`,
			`args: ["$(params.object['x'])"]`},
		"Spread": {"An array becomes as many elements as it has, and variables of the task in them stay.", `args: [-, "$(params.l[*])", -]`, `[{name: l, value: [a, "$(params.more[*])"]}]`,
			`args: ["-", a, "$(params.more[*])", "-"]`},
		"Dollars": {"A value arrives unchanged where the kubelet expands once more.", `args: ["$(HOME)/$(params.s)"]`, `[{name: s, value: "$(HOME)$$ $(params.x)"}]`,
			`args: ["$(HOME)/$$(HOME)$$$$ $(params.x)"]`},
		"DollarBefore": {"What stands before a value does not become a variable with it.", `args: ["$$(params.s)"]`, `[{name: s, value: "(HOME)"}]`,
			`args: ["$$(HOME)"]`},
		"Volume": {"The task says which volume is mounted.", `volumeMounts: [{name: "$(params.s)", mountPath: "/x/$(params.t)"}]`, `[{name: s, value: "$(params.volume)"}]`,
			`volumeMounts: [{name: "$(params.volume)", mountPath: /x/tea}]`},
		"OwnResult": {"Its results are the step's.", `script: "echo > $(step.results.r.path)"`, `[]`, `script: "echo > $(step.results.r.path)"`},
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
		"Undeclared": {"The StepAction sees its own params only.", `script: "$(params.image)"`, `[]`, `"$(params.image)"`},
		"Unknown":    {"A param that nobody asked for is a mistake.", `script: x`, `[{name: nope, value: x}]`, `steps[1].params[0].name: Invalid value: "nope"`},
		"Type":       {"An array is no string.", `script: x`, `[{name: s, value: [a]}]`, `param "s" is of type string, not array`},
		"Keys":       {"An object must have its keys.", `script: x`, `[{name: o, value: {x: "1"}}]`, ""},
		"Array":      {"A text takes a string.", `script: "all: $(params.l)"`, `[]`, `param "l" is an array`},
		"Index":      {"An array has as many elements as it has.", `args: ["$(params.l[5])"]`, `[]`, "has 2 elements"},
		"GrownTogether": {"Nobody wrote the variable that a literal and a value would form.", `script: "$$(params.s)"`, `[{name: s, value: "(params.secret)"}]`,
			"form a variable that neither has"},
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
	spec := decode[v1beta1.StepActionSpec](t, `{image: i, script: "$(params.a)", params: [{name: a, default: "$(params.b)"}, {name: b, default: "$(params.a)"}]}`)
	if _, err := Step(nil, decode[v1.Step](t, "ref: {name: x}"), spec); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("want the circle named, got %v", err)
	}
}

// TestStepActionKeepsTheStep: what only the step can say stays, and its own security context wins.
func TestStepActionKeepsTheStep(t *testing.T) {
	step := decode[v1.Step](t, `{name: n, ref: {name: x}, onError: continue, timeout: 5m, computeResources: {requests: {cpu: 1m}}, securityContext: {runAsUser: 7}}`)
	got, err := Step(nil, step, decode[v1beta1.StepActionSpec](t, `{image: i, script: x, workingDir: /w, securityContext: {runAsUser: 1, runAsGroup: 2}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := decode[v1.Step](t, `{name: n, image: i, script: x, workingDir: /w, onError: continue, timeout: 5m, computeResources: {requests: {cpu: 1m}}, securityContext: {runAsUser: 7}}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
