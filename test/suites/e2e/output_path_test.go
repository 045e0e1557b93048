//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// leftOutput is the path of a step's output at which an earlier step has created something.
const leftOutput = "/tekton/results/log"

// TestOutputPathOfAnotherStep: if an earlier step creates something other than a file at the path of a later step's output,
// the run fails and names the path. Nothing outside is written.
func TestOutputPathOfAnotherStep(t *testing.T) {
	cases := map[string]struct {
		reason, leave string
		stderr        bool
	}{
		"a link to a file": {
			reason: "its target would be written",
			leave:  "ln -s $(workspaces.w.path)/kept " + leftOutput,
		},
		"a link to a file, error": {
			reason: "the same holds for the error output",
			leave:  "ln -s $(workspaces.w.path)/kept " + leftOutput,
			stderr: true,
		},
		"a link to nothing": {
			reason: "its target would be created",
			leave:  "ln -s $(workspaces.w.path)/new " + leftOutput,
		},
		"a pipe": {
			reason: "nobody may ever read from it",
			leave:  "mkfifo " + leftOutput,
		},
		"a pipe, error": {
			reason: "the same holds for the error output",
			leave:  "mkfifo " + leftOutput,
			stderr: true,
		},
		"a device": {
			reason: "a device is no file",
			leave:  "mknod -m 666 " + leftOutput + " c 1 5",
		},
	}
	tests := named{}
	for name, tc := range cases {
		tests[name] = func(t *testing.T, n *suite.Namespace) {
			workspace := newClaim(t, n)
			run := n.Run(t, v1.TaskRunSpec{Workspaces: workspace, TaskSpec: leavingOutput(tc.leave, tc.stderr)})
			c := run.Status.Condition()
			if c.Status != metav1.ConditionFalse || c.Reason == v1.TaskRunReasonTimedOut {
				t.Fatalf("%s: the run did not fail for that: %s", tc.reason, kube.Describe(c))
			}
			suite.WantFailed(t, c, c.Reason, "theirs")
			n.AwaitPodEnd(t, run)
			if !strings.Contains(c.Message+n.Log(t.Context(), n.Name, run.Status.PodName, "step-theirs"), leftOutput) {
				t.Errorf("neither the message nor the step's log names %s: %s", leftOutput, c.Message)
			}
			if got := filesOf(t, n, workspace); got != "kept=mine" {
				t.Errorf("%s: the files outside are %q", tc.reason, got)
			}
		}
	}
	bothWays(t, tests)
}

// leavingOutput returns a task whose first step creates something at the path of the second step's output.
func leavingOutput(leave string, stderr bool) *v1.TaskSpec {
	theirs := kube.Script("theirs", "echo theirs; echo theirs >&2")
	if stderr {
		theirs.StderrConfig = &v1.StepOutputConfig{Path: leftOutput}
	} else {
		theirs.StdoutConfig = &v1.StepOutputConfig{Path: leftOutput}
	}
	return &v1.TaskSpec{
		Workspaces: []v1.WorkspaceDeclaration{{Name: "w"}},
		Results:    []v1.TaskResult{kube.Result("log", v1.TypeString)},
		Steps:      []v1.Step{kube.Script("mine", "printf mine > $(workspaces.w.path)/kept\n"+leave), theirs},
	}
}

// newClaim creates a claim, and returns a binding of the workspace "w" to it.
func newClaim(t *testing.T, n *suite.Namespace) []v1.WorkspaceBinding {
	t.Helper()
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{GenerateName: "kept-", Namespace: n.Name}, Spec: claimSpec()}
	if err := n.Client.Create(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	return []v1.WorkspaceBinding{{Name: "w", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}}
}

// filesOf returns the names and contents of all files in a workspace, which a later run reads.
func filesOf(t *testing.T, n *suite.Namespace, workspace []v1.WorkspaceBinding) string {
	t.Helper()
	run := n.Run(t, v1.TaskRunSpec{Workspaces: workspace, TaskSpec: &v1.TaskSpec{
		Workspaces: []v1.WorkspaceDeclaration{{Name: "w"}}, Results: oneResult(),
		Steps: []v1.Step{kube.Script("read",
			`cd $(workspaces.w.path); for f in *; do printf '%s=%s' "$f" "$(cat "$f")"; done > $(results.digest.path)`)},
	}})
	suite.WantSucceeded(t, run.Status.Condition())
	return kube.Values(run)["digest"].String
}

// TestOutputPathLikeAnOption: the path of an output is never parsed as an option of the entrypoint. It is refused by name, or
// the run succeeds with its result whole.
func TestOutputPathLikeAnOption(t *testing.T) {
	tests := named{}
	for _, path := range []string{"--", "-results-from", "-termination-path", "-result=x", "-", "--results-from=other"} {
		for field, set := range map[string]func(*v1.Step, *v1.StepOutputConfig){
			"stdoutConfig": func(s *v1.Step, c *v1.StepOutputConfig) { s.StdoutConfig = c },
			"stderrConfig": func(s *v1.Step, c *v1.StepOutputConfig) { s.StderrConfig = c },
		} {
			tests[fmt.Sprintf("%s %q", field, path)] = func(t *testing.T, n *suite.Namespace) {
				step := kube.Script("write", "printf x > $(results.digest.path)")
				set(&step, &v1.StepOutputConfig{Path: path})
				wantRefusedOrWhole(t, n, v1.TaskSpec{Results: oneResult(), Steps: []v1.Step{step}}, field+".path")
			}
		}
	}
	bothWays(t, tests)
}

func wantRefusedOrWhole(t *testing.T, n *suite.Namespace, task v1.TaskSpec, field string) {
	t.Helper()
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &task}}
	run.Namespace, run.GenerateName = n.Name, "path-"
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	if err := kube.Create(ctx, n.Client, run); err != nil {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("the refusal does not name %s: %v", field, err)
		}
		return
	}
	n.Finish(t, run)
	suite.WantSucceeded(t, run.Status.Condition())
	if got := kube.Values(run)["digest"].String; got != "x" {
		t.Errorf("the result is %q", got)
	}
}
