package validation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestArtifactsOfSteps(t *testing.T) {
	const left = "stays as text: an artifact of another step is referred to as $(steps.<step>.outputs.<artifact>) or " +
		"$(steps.<step>.inputs.<artifact>): its values as JSON, which has no parts here"
	const paths = "stays as text: there is only $(artifacts.path), the file of the artifacts of the task, and in a step " +
		"$(step.artifacts.path), that of the artifacts of the step"
	cases := map[string]struct {
		reason, spec string
		want         []string
	}{
		"Good": {
			reason: "Files of artifacts, and artifacts of earlier steps.",
			spec: `
steps:
- {name: a, image: i, script: "$(step.artifacts.path) $(artifacts.path)"}
- name: b
  image: i
  command: [x, "$(steps.a.outputs.image)"]
  env: [{name: E, value: "$(steps.a.inputs['a.b'])"}]
  when: [{input: "$(steps.a.outputs.image)", operator: in, values: [x]}]
`,
		},
		"Unknown": {
			reason: "An unknown step, and a later one, fail the run.",
			spec: `
steps:
- {name: a, image: i, script: "$(steps.b.outputs.image) $(steps.c.inputs.x)"}
- {name: b, image: i, script: x}
`,
			want: []string{
				`spec.steps[0].script: Invalid value: "$(steps.b.outputs.image)": no earlier step "b"; there are: none`,
				`spec.steps[0].script: Invalid value: "$(steps.c.inputs.x)": no earlier step "c"; there are: none`,
			},
		},
		"TooEarly": {
			reason: "What must be known before the pod exists cannot be an artifact.",
			spec:   `steps: [{name: a, image: i, script: x}, {name: b, image: "$(steps.a.outputs.image)", script: x}]`,
			want: []string{
				`spec.steps[1].image: Invalid value: "$(steps.a.outputs.image)": the result of a step is known only when a later step starts: ` +
					`it can be used in command, args, script, env, params and when of steps`,
			},
		},
		"Parts": {
			reason: "An artifact is used whole.",
			spec: `
steps:
- {name: a, image: i, script: x}
- {name: b, image: i, script: "$(steps.a.outputs) $(steps.a.outputs.image.uri) $(steps.a.outputs.image[0])"}
`,
			want: []string{
				`warning: spec.steps[1].script: "$(steps.a.outputs)": ` + left,
				`warning: spec.steps[1].script: "$(steps.a.outputs.image.uri)": ` + left,
				`warning: spec.steps[1].script: "$(steps.a.outputs.image[0])": ` + left,
			},
		},
		"Paths": {
			reason: "There are two files.",
			spec: `
steps: [{name: a, image: i, script: "$(artifacts.dir) $(step.artifacts.file)"}]
sidecars: [{name: s, image: i, script: "$(step.artifacts.path)"}]
`,
			want: []string{
				`warning: spec.steps[0].script: "$(artifacts.dir)": ` + paths,
				`warning: spec.steps[0].script: "$(step.artifacts.file)": ` + paths,
				`warning: spec.sidecars[0].script: "$(step.artifacts.path)": ` + paths,
			},
		},
		"ResultValue": {
			reason: "A result takes its value from a result.",
			spec: `
results: [{name: r, value: "$(steps.a.outputs.image)"}]
steps: [{name: a, image: i, script: x}]
`,
			want: []string{
				`spec.results[0].value: Invalid value: "$(steps.a.outputs.image)": a result takes its value from one step: ` +
					`$(steps.<step>.results.<result>), with [*] behind it for an array or an object`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := decode[v1.TaskSpec](t, tc.spec)
			found := Check(func(r *Report) { reportTaskSpec(r, spec, field.NewPath("spec")) })
			if diff := cmp.Diff(tc.want, lines(found)); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
