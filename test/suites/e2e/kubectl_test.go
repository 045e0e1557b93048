//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// wantLine fails the test unless a line of text matches the pattern.
func wantLine(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile("(?m)" + pattern).MatchString(text) {
		t.Errorf("no line matches %q in:\n%s", pattern, text)
	}
}

// TestKubectlShowsWhatAUserExpects reads runs with kubectl, as a user does.
func TestKubectlShowsWhatAUserExpects(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 4096)
	spec := v1.TaskSpec{
		Params:  []v1.ParamSpec{{Name: "text"}},
		Results: []v1.TaskResult{kube.Result("greeting", v1.TypeString)},
		Steps: []v1.Step{
			kube.Script("hello", `echo "on stdout"; echo "on stderr" >&2; printf hi > $(results.greeting.path)`),
			{Name: "direct", Image: kube.StepImage, Command: []string{"echo"}, Args: []string{"$(params.text)"}},
		},
	}
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{
		embedded("say", spec, v1.Param{Name: "text", Value: v1.StringValue("as it is: $$ $(HOME)")})}}})
	suite.WantSucceeded(t, run.Status.Condition())
	good := n.Child(t, run, "say")
	bad := n.Task(t, v1.TaskSpec{Steps: []v1.Step{kube.Script("broken", "exit 1")}})

	t.Run("get", func(t *testing.T) {
		table := n.MustKubectl(t, "get", "taskruns,pipelineruns")
		wantLine(t, table, `^NAME +SUCCEEDED +REASON +STARTTIME +COMPLETIONTIME$`)
		wantLine(t, table, `^taskrun.tekton.dev/`+good.Name+` +True +Succeeded +\S+ +\S+$`)
		wantLine(t, table, `^taskrun.tekton.dev/`+bad.Name+` +False +Failed +\S+ +\S+$`)
		wantLine(t, table, `^pipelinerun.tekton.dev/`+run.Name+` +True +Succeeded +\S+ +\S+$`)
	})
	t.Run("short names", func(t *testing.T) {
		wantLine(t, n.MustKubectl(t, "get", "tr", good.Name), `^`+good.Name+` +True`)
		wantLine(t, n.MustKubectl(t, "get", "pr", run.Name), `^`+run.Name+` +True`)
		wantLine(t, n.MustKubectl(t, "get", "tekton"), `^taskrun.tekton.dev/`+good.Name)
	})
	t.Run("describe", func(t *testing.T) {
		text := n.MustKubectl(t, "describe", "taskrun", good.Name)
		wantLine(t, text, `^ +Reason: +Succeeded$`)
		wantLine(t, text, `^ +Name: +greeting$`)
		wantLine(t, text, `^ +Value: +hi$`)
		wantLine(t, text, `^ +Normal +Succeeded`)
		wantLine(t, n.MustKubectl(t, "describe", "taskrun", bad.Name), `^ +Message: .*broken`)
		wantLine(t, n.MustKubectl(t, "describe", "taskrun", bad.Name), `^ +Warning +Failed`)
	})
	t.Run("explain", func(t *testing.T) {
		text := n.MustKubectl(t, "explain", "taskrun.spec.taskSpec.results")
		for _, field := range []string{"name", "type", "description", "properties"} {
			wantLine(t, text, `^ +`+field+`\b`)
		}
		wantLine(t, text, `string.*array.*object`)
	})
	t.Run("logs", func(t *testing.T) {
		text := n.MustKubectl(t, "logs", good.Status.PodName, "-c", "step-hello")
		if !strings.Contains(text, "on stdout\n") || !strings.Contains(text, "on stderr\n") {
			t.Errorf("the log of the step: %q", text)
		}
		if text, want := n.MustKubectl(t, "logs", good.Status.PodName, "-c", "step-direct"), "as it is: $$ $(HOME)\n"; text != want {
			t.Errorf("a param arrives in an argument as it was given: got %q, want %q", text, want)
		}
	})
	t.Run("wait", func(t *testing.T) {
		n.MustKubectl(t, "wait", "--for=condition=Succeeded", "--timeout=10s", "taskrun/"+good.Name)
	})
}

// TestExamples runs the examples of the getting-started page.
func TestExamples(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	t.Run("hello-results", func(t *testing.T) {
		n.MustKubectl(t, "apply", "-f", "../../../examples/hello-results/task.yaml")
		name := strings.TrimPrefix(
			strings.TrimSpace(n.MustKubectl(t, "create", "-o", "name", "-f", "../../../examples/hello-results/taskrun.yaml")),
			"taskrun.tekton.dev/",
		)
		run := &v1.TaskRun{}
		run.Namespace, run.Name = n.Name, name
		n.Finish(t, run)
		suite.WantSucceeded(t, run.Status.Condition())
		got := kube.Values(run)
		if want := v1.StringValue("Hello, sluice!"); !got["greeting"].Equal(want) {
			t.Errorf("greeting: got %+v, want %+v", got["greeting"], want)
		}
		if want := v1.ArrayValue("s", "l", "u", "i", "c", "e"); !got["letters"].Equal(want) {
			t.Errorf("letters: got %+v, want %+v", got["letters"], want)
		}
		if want := v1.ObjectValue(map[string]string{"length": "6", "upper": "SLUICE"}); !got["facts"].Equal(want) {
			t.Errorf("facts: got %+v, want %+v", got["facts"], want)
		}
	})
	t.Run("sbom-pipeline", func(t *testing.T) {
		table := filepath.Join(t.TempDir(), "modules.tsv")
		modules, err := exec.CommandContext(t.Context(), "go", "run", "../../../hack/demo/modules", "../../..",
			"../../../localkube", "../../../tools").Output()
		if err != nil {
			t.Fatalf("cannot list modules: %v", err)
		}
		if err := os.WriteFile(table, modules, 0o600); err != nil {
			t.Fatal(err)
		}
		n.MustKubectl(t, "create", "configmap", "sbom-modules", "--from-file="+table)
		for _, file := range []string{"task-make-sbom", "task-check-sbom", "task-report", "pipeline"} {
			n.MustKubectl(t, "apply", "-f", "../../../examples/sbom-pipeline/"+file+".yaml")
		}
		name := strings.TrimSpace(n.MustKubectl(t, "create", "-o", "name", "-f", "../../../examples/sbom-pipeline/pipelinerun.yaml"))
		run := &v1.PipelineRun{}
		run.Namespace, run.Name = n.Name, strings.TrimPrefix(name, "pipelinerun.tekton.dev/")
		n.FinishPipeline(t, run)
		suite.WantSucceeded(t, run.Status.Condition())
		made := kube.Values(n.Child(t, run, "make"))
		sbom, sum := made["sbom"].String, made["summary"].Object["sha256"]
		if content.Digest(sbom) != sum || len(sbom) < 200000 {
			t.Errorf("the document has %d bytes with digest %s, but the step recorded %s", len(sbom), content.Digest(sbom), sum)
		}
		wantPipelineResult(t, run, "sha256", v1.StringValue(sum))
	})
}
