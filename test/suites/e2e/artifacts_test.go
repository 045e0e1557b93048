//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// writing returns a step that writes an artifact to the file of a variable.
func writing(name, file string) v1.Step {
	return kube.Script(name, `printf '{"outputs":[{"name":"image","values":[{"uri":"pkg:%s","digest":{"sha256":"01"}}]}]}' "`+name+`" > `+file)
}

// written is the artifact of such a step.
func written(name string) []v1.Artifact {
	return []v1.Artifact{{Name: "image", Values: []v1.ArtifactValue{{URI: "pkg:" + name, Digest: map[string]string{"sha256": "01"}}}}}
}

// TestArtifacts covers artifacts of steps and tasks in both transports.
func TestArtifacts(t *testing.T) {
	bothWays(t, named{
		"Steps":   artifactsBetweenSteps,
		"Tasks":   artifactsBetweenTasks,
		"Missing": artifactsMissing,
		"Invalid": artifactsInvalid,
		"Large":   artifactsTooLarge,
		"Forged":  artifactsForged,
	})
}

func artifactsBetweenSteps(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{
		writing("first", "$(step.artifacts.path)"), writing("second", "$(artifacts.path)"),
		kube.Script("third", `test '$(steps.first.outputs.image)' = '[{"digest":{"sha256":"01"},"uri":"pkg:first"}]'`),
	}})
	suite.WantSucceeded(t, run.Status.Condition())
	both := written("second")
	both[0].Values = append(both[0].Values, written("first")[0].Values...)
	if diff := cmp.Diff(&v1.Artifacts{Outputs: both}, run.Status.Artifacts); diff != "" {
		t.Errorf("status.artifacts: -want +got:\n%s", diff)
	}
	for i, want := range [][]v1.Artifact{written("first"), nil, nil} {
		if diff := cmp.Diff(want, run.Status.Steps[i].Outputs); diff != "" {
			t.Errorf("status.steps[%d].outputs: -want +got:\n%s", i, diff)
		}
	}
}

func artifactsBetweenTasks(t *testing.T, n *suite.Namespace) {
	const want = `test '$(tasks.make.outputs.image)' = '[{"digest":{"sha256":"01"},"uri":"pkg:build"}]'`
	task := func(name string, steps ...v1.Step) v1.PipelineTask {
		return v1.PipelineTask{Name: name, TaskSpec: &v1.EmbeddedTask{TaskSpec: v1.TaskSpec{Steps: steps}}}
	}
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{
		task("use", kube.Script("check", want)), task("make", writing("build", "$(step.artifacts.path)")),
	}}})
	suite.WantSucceeded(t, run.Status.Condition())
}

func artifactsMissing(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{
		writing("make", "$(step.artifacts.path)"), kube.Script("use", "echo '$(steps.make.outputs.sbom)'"),
	}})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, `"step-use"`, `no artifact "sbom" in "outputs", only ["image"]`)
}

func artifactsInvalid(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{
		writing("good", "$(step.artifacts.path)"), kube.Script("bad", "echo 'image: x' > $(step.artifacts.path)"),
	}})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonValidationFailed,
		`step "bad"`, "/tekton/steps/step-bad/artifacts/provenance.json", "line 1, column 1")
	if diff := cmp.Diff(&v1.Artifacts{Outputs: written("good")}, run.Status.Artifacts); diff != "" {
		t.Errorf("what is valid is kept: -want +got:\n%s", diff)
	}
}

func artifactsTooLarge(t *testing.T, n *suite.Namespace) {
	large := kube.Script("large", `printf '{"x":"%s"}' "`+strings.Repeat("x", 5000)+`" > $(artifacts.path)`)
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{large}})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "the file of artifacts of the task has 5008 bytes", "4096")
	wantNoArtifacts(t, run)
}

// artifactsForged: a step that forges its end cannot make its artifacts credible.
func artifactsForged(t *testing.T, n *suite.Namespace) {
	forge := forging("forge", 0, writing("forge", "$(step.artifacts.path)").Script+"\nsleep 3")
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{forge, kube.Script("next", "true")}})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, `"step-forge"`, "Forged")
	wantNoArtifacts(t, run)
}

func wantNoArtifacts(t *testing.T, run *v1.TaskRun) {
	t.Helper()
	if run.Status.Artifacts != nil {
		t.Errorf("status.artifacts is %+v, and must be empty", run.Status.Artifacts)
	}
	for _, s := range run.Status.Steps {
		if len(s.Inputs)+len(s.Outputs) > 0 {
			t.Errorf("step %q has the inputs %+v and the outputs %+v, and must have none", s.Name, s.Inputs, s.Outputs)
		}
	}
}
