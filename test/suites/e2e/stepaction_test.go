//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

const greetAction = `
apiVersion: tekton.dev/v1beta1
kind: StepAction
metadata:
  name: greet
spec:
  params:
  - name: who
  - name: words
    type: array
    default: [hello, "dear $(params.who)"]
  results:
  - name: greeting
  image: ` + kube.StepImage + `
  env:
  - name: WHO
    value: $(params.who)
  args: ["$(params.words[*])"]
  script: |
    #!/bin/sh
    printf '%s;%s;%s' "$WHO" "$1" "$2" > $(step.results.greeting.path)
`

// TestStepAction runs the same StepAction twice in one task: with a param of the task that looks like a variable, and with
// the result of the previous step.
func TestStepAction(t *testing.T) {
	for _, from := range []string{kube.SidecarLogs, kube.TerminationMessage} {
		t.Run(from, func(t *testing.T) {
			n := suite.NewNamespace(t)
			n.UseFlags(t, from, 4096)
			file := filepath.Join(t.TempDir(), "action.yaml")
			if err := os.WriteFile(file, []byte(greetAction), 0o600); err != nil {
				t.Fatal(err)
			}
			n.MustKubectl(t, "apply", "-f", file)
			step := func(name, who string) v1.Step {
				return v1.Step{Name: name, Ref: &v1.StepRef{Name: "greet"}, Params: []v1.Param{{Name: "who", Value: v1.StringValue(who)}}}
			}
			run := n.Run(t, v1.TaskRunSpec{
				Params: []v1.Param{{Name: "name", Value: v1.StringValue("$(steps.first.results.greeting) $$ $(HOME)")}},
				TaskSpec: &v1.TaskSpec{
					Params:  []v1.ParamSpec{{Name: "name"}},
					Results: []v1.TaskResult{{Name: "last", Value: new(v1.StringValue("$(steps.second.results.greeting)"))}},
					Steps:   []v1.Step{step("first", "$(params.name)"), step("second", "<$(steps.first.results.greeting)>")},
				},
			})
			suite.WantSucceeded(t, run.Status.Condition())
			const name = "$(steps.first.results.greeting) $$ $(HOME)"
			first := name + ";hello;dear " + name
			want := "<" + first + ">;hello;dear <" + first + ">"
			if got := kube.Values(run)["last"].String; got != want {
				t.Errorf("every value arrives as it is:\nwant %q\ngot  %q", want, got)
			}
			if got := run.Status.Steps[0].Results; len(got) != 1 || got[0].Value.String != first {
				t.Errorf("the step's own result in the status: got %+v", got)
			}
			if s := run.Status.TaskSpec.Steps[0]; s.Ref != nil || s.Script == "" {
				t.Errorf("the status has the step as it was run: got %+v", s)
			}
		})
	}
}

// TestStepActionThatIsAbsent: the message names the missing StepAction.
func TestStepActionThatIsAbsent(t *testing.T) {
	n := suite.NewNamespace(t)
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{{Name: "s", Ref: &v1.StepRef{Name: "nowhere"}}}})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResolutionFailed, "steps[0].ref", `"nowhere"`)
}
