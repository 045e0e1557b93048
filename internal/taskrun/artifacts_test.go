package taskrun

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// withArtifacts is an observation of a task with documents of artifacts that ended with these values and problems.
func withArtifacts(documents map[string]string, problems ...frame.Problem) Observation {
	set := &collect.Set{
		Steps:    []frame.Step{step("step-one", 0, frame.ReasonCompleted), step("step-two", 0, frame.ReasonCompleted)},
		Problems: problems,
	}
	for _, name := range []string{"task.artifacts", "step-one.artifacts"} {
		if text, ok := documents[name]; ok {
			set.Results = append(set.Results, value(name, results.TypeArtifacts, text))
		}
	}
	return observation(withPod(runPod(corev1.PodRunning, terminated(0, ""), terminated(0, ""), running())),
		withEvidence(collect.Progress{Set: set}), func(obs *Observation) {
			obs.Task.Spec.Steps[0].Script = "$(step.artifacts.path)$(artifacts.path)"
		})
}

// TestArtifactsInStatus: the status has the artifacts of the run and of each step, or the run has failed and says why.
func TestArtifactsInStatus(t *testing.T) {
	const source = `{"inputs":[{"name":"source","values":[{"uri":"git"}]}]}`
	const image = `{"outputs":[{"name":"image","values":[{"uri":"oci","digest":{"sha256":"01"}}],"buildOutput":true}]}`
	sources := []v1.Artifact{{Name: "source", Values: []v1.ArtifactValue{{URI: "git"}}}}
	images := []v1.Artifact{{
		Name: "image", BuildOutput: true, Values: []v1.ArtifactValue{{URI: "oci", Digest: map[string]string{"sha256": "01"}}},
	}}
	cases := map[string]struct {
		reason    string
		obs       Observation
		want      string
		message   []string
		artifacts *v1.Artifacts
		inputs    []v1.Artifact
	}{
		"Both": {
			reason:    "The run has the artifacts of the task and of its steps.",
			obs:       withArtifacts(map[string]string{"task.artifacts": image, "step-one.artifacts": source}),
			want:      v1.TaskRunReasonSucceeded,
			artifacts: &v1.Artifacts{Inputs: sources, Outputs: images},
			inputs:    sources,
		},
		"None": {
			reason: "No step must write artifacts.",
			obs:    withArtifacts(nil),
			want:   v1.TaskRunReasonSucceeded,
		},
		"Invalid": {
			reason:    "A file that is no document fails the run; the others are kept.",
			obs:       withArtifacts(map[string]string{"task.artifacts": image, "step-one.artifacts": "{\"inputs\":\n x}"}),
			want:      v1.TaskRunReasonValidationFailed,
			message:   []string{`step "one"`, "/tekton/steps/step-one/artifacts/provenance.json", "line 2, column 2", `{"inputs": [`},
			artifacts: &v1.Artifacts{Outputs: images},
		},
		"TooLarge": {
			reason: "A document above the limit of one result fails the run.",
			obs: withArtifacts(nil, frame.Problem{
				Result: "step-one.artifacts", Kind: frame.TooLarge, Size: 5000, Limit: 4096,
			}),
			want:    v1.TaskRunReasonResultTooLarge,
			message: []string{`the file of artifacts of step "one" has 5000 bytes`, "4096", "max-result-size"},
		},
		"OverBudget": {
			reason: "One that does not fit into the termination message names the limit and the other way.",
			obs: withArtifacts(nil, frame.Problem{
				Result: "task.artifacts", Kind: frame.OverBudget, Size: 5000, Limit: 4096, Detail: "step-one",
			}),
			want:    v1.TaskRunReasonResultTooLarge,
			message: []string{"5000 bytes", "4096", "the file of artifacts of the task takes most", "results-from: sidecar-logs"},
		},
		"Link": {
			reason:  "What is no plain file is named with its path.",
			obs:     withArtifacts(nil, frame.Problem{Result: "task.artifacts", Kind: frame.NotRegular}),
			want:    v1.TaskRunReasonResultUnreadable,
			message: []string{"the file of artifacts of the task cannot be read (NotRegular)", "/tekton/artifacts/provenance.json"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status, oversize := statusFor(taskRun(started), Collected, tc.obs, Plan{}, Effect{})
			c := status.Condition()
			if oversize || c.Reason != tc.want {
				t.Errorf("%s\ngot %+v, want reason %s", tc.reason, c, tc.want)
			}
			for _, part := range tc.message {
				if !strings.Contains(c.Message, part) {
					t.Errorf("%s\nmessage %q, want %q", tc.reason, c.Message, part)
				}
			}
			if diff := cmp.Diff(tc.artifacts, status.Artifacts); diff != "" {
				t.Errorf("%s\nstatus.artifacts: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.inputs, status.Steps[0].Inputs); diff != "" {
				t.Errorf("%s\nstatus.steps[0].inputs: -want +got:\n%s", tc.reason, diff)
			}
			if len(status.Results) != 0 || status.Steps[1].Inputs != nil || status.Steps[1].Outputs != nil {
				t.Errorf("%s\nalso got %+v", tc.reason, status)
			}
		})
	}
}

// TestArtifactsTooLargeForObject: artifacts that one object cannot hold fail the run by name, and are not in its status.
func TestArtifactsTooLargeForObject(t *testing.T) {
	text := `{"outputs":[{"name":"image","values":[{"uri":"` + strings.Repeat("u", objectsize.Limit/2) + `"}]}]}`
	status, oversize := statusFor(taskRun(started), Collected, withArtifacts(map[string]string{"step-one.artifacts": text}), Plan{}, Effect{})
	c := status.Condition()
	if !oversize || c.Reason != v1.TaskRunReasonResultTooLarge || !strings.Contains(c.Message, "one.artifacts") {
		t.Errorf("got %+v", c)
	}
	if status.Artifacts != nil || status.Steps[0].Outputs != nil {
		t.Error("the artifacts are in the status")
	}
}

// TestUnverifiedArtifactsAreDropped: artifacts that are not those that the steps signed are not kept.
func TestUnverifiedArtifactsAreDropped(t *testing.T) {
	obs := withArtifacts(map[string]string{"step-one.artifacts": `{"outputs":[{"name":"image"}]}`})
	signing(config.SigningEnforce)(&obs)
	(&Reconciler{Dependencies: Dependencies{Bundles: authorities{}}}).verify(taskRun(started), &obs)
	outcome := outcomeOf(taskRun(started), Collected, obs, Plan{})
	if outcome.Condition.Status != metav1.ConditionFalse || outcome.Condition.Reason != v1.TaskRunReasonResultsVerificationFailed {
		t.Errorf("got %+v", outcome.Condition)
	}
	if outcome.Artifacts != nil || outcome.StepArtifacts != nil {
		t.Errorf("the artifacts are kept: %+v", outcome)
	}
}
