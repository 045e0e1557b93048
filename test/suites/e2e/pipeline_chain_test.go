//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestLargeResultThroughThreeTasks passes 800 kB through a chain. The first task writes them. The second has them in its
// script and returns their digest. The third has both in its script. The test prints the size of each object: a value must be
// stored once in the TaskRun that produces it and once in each TaskRun that uses it, and in no other object.
func TestLargeResultThroughThreeTasks(t *testing.T) {
	const bytes = 800_000
	value := content.Hard(bytes)
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)

	first := embedded("first", v1.TaskSpec{
		Workspaces: []v1.WorkspaceDeclaration{{Name: "in"}},
		Results:    []v1.TaskResult{kube.Result("value", v1.TypeString)},
		Steps:      []v1.Step{kube.Script("copy", `cp $(workspaces.in.path)/value $(results.value.path)`)},
	})
	first.Workspaces = []v1.WorkspacePipelineTaskBinding{{Name: "in"}}
	param := func(name, value string) v1.Param { return v1.Param{Name: name, Value: v1.StringValue(value)} }
	second := embedded("second", consumer(),
		param("value", "$(tasks.first.results.value)"), param("bytes", fmt.Sprint(bytes)))
	third := embedded("third", consumer(),
		param("value", "$(tasks.first.results.value)"), param("bytes", "$(tasks.second.results.bytes)"))
	run := n.Pipeline(t, v1.PipelineRunSpec{
		PipelineSpec: &v1.PipelineSpec{
			Workspaces: []v1.PipelineWorkspaceDeclaration{{Name: "in"}},
			Tasks:      []v1.PipelineTask{first, second, third},
			Results:    []v1.PipelineResult{{Name: "sha256", Value: v1.StringValue("$(tasks.third.results.sha256)")}},
		},
		Workspaces: []v1.WorkspaceBinding{n.Files(t, map[string]string{"value": value})},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	wantPipelineResult(t, run, "sha256", v1.StringValue(content.Digest(value)))

	const around = 20_000 // size of an object without a large value
	wantSize(t, "PipelineRun "+run.Name, run, 0, around)
	for _, task := range []string{"first", "second", "third"} {
		child := n.Child(t, run, task)
		once := objectsize.Encoded(v1.StringValue(value))
		wantSize(t, "TaskRun "+child.Name, child, once, once+around)
		pod := n.Pod(t, child)
		wantSize(t, "Pod "+pod.Name, pod, 0, bytes+around) // its script is compressed
	}
}

// wantSize prints the size of an object as JSON, and fails the test unless it is within bounds.
func wantSize(t *testing.T, name string, object any, least, most int) {
	t.Helper()
	got := objectsize.Encoded(object)
	t.Logf("%9d bytes  %s", got, name)
	if got < least || got > most {
		t.Errorf("%s takes %d bytes: want %d to %d", name, got, least, most)
	}
}
