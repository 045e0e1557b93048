//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestValuesAreReadOnce: a param's value that looks like a variable is not changed, in the pod template and in the workspaces
// of a pipeline as well. It must not become the value of another param.
func TestValuesAreReadOnce(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 4096)
	const branch = "fix-$(params.token)"
	task := embedded("show", v1.TaskSpec{
		Params:     []v1.ParamSpec{{Name: "token", Type: v1.TypeString}},
		Workspaces: []v1.WorkspaceDeclaration{{Name: "w"}},
		Results:    []v1.TaskResult{kube.Result("env", v1.TypeString), kube.Result("token", v1.TypeString)},
		Steps: []v1.Step{kube.Script("show",
			`printf %s "$BRANCH" > $(results.env.path); printf %s "$(params.token)" > $(results.token.path)`)},
	}, v1.Param{Name: "token", Value: v1.StringValue("s3cret")})
	task.Workspaces = []v1.WorkspacePipelineTaskBinding{{Name: "w"}}
	run := n.Pipeline(t, v1.PipelineRunSpec{
		Params: []v1.Param{{Name: "branch", Value: v1.StringValue(branch)}},
		PipelineSpec: &v1.PipelineSpec{
			Params: []v1.ParamSpec{{Name: "branch", Type: v1.TypeString}}, Workspaces: []v1.PipelineWorkspaceDeclaration{{Name: "w"}},
			Tasks: []v1.PipelineTask{task},
		},
		TaskRunTemplate: v1.PipelineTaskRunTemplate{PodTemplate: &v1.PodTemplate{Env: []corev1.EnvVar{envVar("BRANCH", "$(params.branch)")}}},
		Workspaces: []v1.WorkspaceBinding{{
			Name:                  "w",
			SubPath:               "$(params.branch)",
			PersistentVolumeClaim: newClaim(t, n)[0].PersistentVolumeClaim,
		}},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	child := n.Child(t, run, "show")
	want := map[string]v1.Value{"env": v1.StringValue(branch), "token": v1.StringValue("s3cret")}
	if diff := cmp.Diff(want, kube.Values(child)); diff != "" {
		t.Errorf("the values in the step (-want +got):\n%s", diff)
	}
	found := false
	for _, c := range n.Pod(t, child).Spec.Containers {
		for _, m := range c.VolumeMounts {
			found = found || m.SubPath == branch
			if strings.Contains(m.SubPath, "s3cret") {
				t.Errorf("container %q mounts the folder %q of another value", c.Name, m.SubPath)
			}
		}
	}
	if !found {
		t.Errorf("no container mounts the folder %q", branch)
	}
}
