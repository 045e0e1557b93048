//go:build e2e

package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestAcceptedAsInTekton runs what public pipelines write and Tekton Pipelines accepts.
func TestAcceptedAsInTekton(t *testing.T) {
	bothWays(t, named{
		"results in a task that is written out": resultsInEmbeddedTask,
		"text for the task in a param":          textForTheTask,
		"whole array as a param":                wholeArray,
		"a TaskRun that is held":                heldTaskRun,
		"a failure that is ignored":             ignoredFailure,
		"results of a task that failed":         resultsOfAFailedTask,
		"results declared twice":                resultsDeclaredTwice,
	})
}

// hostile is the text of a result that looks like variables of the task that receives it.
const hostile = "a $(workspaces.data.path) $(params.path) $(context.pipelineRun.name) $$(x)"

// producer is a task with a hostile result and an array.
func producer() v1.PipelineTask {
	return embedded("make", v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("text", v1.TypeString), kube.Result("list", v1.TypeArray)},
		// The script has no reference that the controller could read.
		Steps: []v1.Step{kube.Script("make", `d='$'
printf '["one","two"]' > $(results.list.path)
printf '%s' "a ${d}(workspaces.data.path) ${d}(params.path) ${d}(context.pipelineRun.name) ${d}${d}(x)" > $(results.text.path)`)},
	})
}

// printer is a task that returns the text of its environment variable VALUE.
func printer(value string) v1.TaskSpec {
	step := kube.Script("print", `printf '%s' "$VALUE" > $(results.got.path)`)
	step.Env = []corev1.EnvVar{envVar("VALUE", value)}
	return v1.TaskSpec{Results: []v1.TaskResult{kube.Result("got", v1.TypeString)}, Steps: []v1.Step{step}}
}

// wantText fails the test unless the task of the run returned this text.
func wantText(t *testing.T, n *suite.Namespace, run *v1.PipelineRun, task, want string) {
	t.Helper()
	if diff := cmp.Diff(want, kube.Values(n.Child(t, run, task))["got"].String); diff != "" {
		t.Errorf("the text of task %q (-want +got):\n%s", task, diff)
	}
}

// resultsInEmbeddedTask: such a task uses results and contexts without a param, waits for their tasks, and reads them once.
func resultsInEmbeddedTask(t *testing.T, n *suite.Namespace) {
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{
		Tasks: []v1.PipelineTask{
			embedded("use", printer("$(tasks.make.results.text)|$(tasks.make.results.list[1])|$(context.pipelineRun.name)")),
			producer(),
		},
		Finally: []v1.PipelineTask{embedded("last", printer("$(context.pipelineRun.name) $(tasks.make.results.list[0])"))},
	}})
	suite.WantSucceeded(t, run.Status.Condition())
	wantText(t, n, run, "use", hostile+"|two|"+run.Name)
	wantText(t, n, run, "last", run.Name+" one")
}

// textForTheTask: a param has a variable of the task that receives it, beside a result that only looks like one.
func textForTheTask(t *testing.T, n *suite.Namespace) {
	spec := printer("$(params.path)")
	spec.Params = []v1.ParamSpec{{Name: "path", Type: v1.TypeString}}
	spec.Workspaces = []v1.WorkspaceDeclaration{{Name: "data"}}
	use := embedded("use", spec, v1.Param{Name: "path", Value: v1.StringValue("$(workspaces.data.path)/$(tasks.make.results.text)")})
	use.Workspaces = []v1.WorkspacePipelineTaskBinding{{Name: "data", Workspace: "shared"}}
	run := n.Pipeline(t, v1.PipelineRunSpec{
		PipelineSpec: &v1.PipelineSpec{
			Workspaces: []v1.PipelineWorkspaceDeclaration{{Name: "shared"}},
			Tasks:      []v1.PipelineTask{producer(), use},
		},
		Workspaces: []v1.WorkspaceBinding{{Name: "shared", EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	wantText(t, n, run, "use", "/workspace/data/"+hostile)
}

// wholeArray: an array result without [*] is the value of a param of type array.
func wholeArray(t *testing.T, n *suite.Namespace) {
	spec := v1.TaskSpec{
		Params:  []v1.ParamSpec{{Name: "list", Type: v1.TypeArray}},
		Results: []v1.TaskResult{kube.Result("got", v1.TypeString)},
		Steps: []v1.Step{{
			Name:    "print",
			Image:   kube.StepImage,
			Command: []string{"sh", "-c"},
			Args:    []string{`printf '%s,' "$@" > $(results.got.path)`, "sh", "$(params.list[*])"},
		}},
	}
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{
		producer(), embedded("use", spec, v1.Param{Name: "list", Value: v1.StringValue("$(tasks.make.results.list)")}),
	}}})
	suite.WantSucceeded(t, run.Status.Condition())
	wantText(t, n, run, "use", "one,two,")
}

// heldTaskRun: it has no pod and no start time until spec.status is emptied.
func heldTaskRun(t *testing.T, n *suite.Namespace) {
	spec := printer("free")
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &spec, Status: v1.TaskRunSpecStatusPending})
	n.Await(t, run, func(run *v1.TaskRun) bool {
		c := run.Status.Condition()
		return c != nil && c.Status == metav1.ConditionUnknown && c.Reason == v1.TaskRunReasonHeld
	})
	if run.Status.StartTime != nil || run.Status.PodName != "" || len(n.Pods(t, run)) > 0 {
		t.Errorf("a held run has start time %v and pod %q", run.Status.StartTime, run.Status.PodName)
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"status":""}}`))
	if err := n.Client.Patch(t.Context(), run, patch); err != nil {
		t.Fatal(err)
	}
	n.Finish(t, run)
	suite.WantSucceeded(t, run.Status.Condition())
}

// ignoredFailure: the pipeline completes, and the TaskRun says why its failure had no effect.
func ignoredFailure(t *testing.T, n *suite.Namespace) {
	scan := embedded("scan", v1.TaskSpec{Steps: []v1.Step{kube.Script("scan", "exit 3")}})
	scan.OnError = v1.OnErrorContinue
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{scan}}})
	suite.WantSucceeded(t, run.Status.Condition())
	suite.WantFailed(t, n.Child(t, run, "scan").Status.Condition(), v1.TaskRunReasonFailureIgnored, "scan")
}

// resultsOfAFailedTask: a check that writes its report and then fails passes it on to finally and to the results of the run.
func resultsOfAFailedTask(t *testing.T, n *suite.Namespace) {
	scan := embedded("scan", v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("report", v1.TypeString)},
		Steps:   []v1.Step{kube.Script("scan", "printf '3 findings' > $(results.report.path); exit 4")},
	})
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{
		Results: []v1.PipelineResult{{Name: "report", Value: v1.StringValue("$(tasks.scan.results.report)")}},
		Tasks:   []v1.PipelineTask{scan},
		Finally: []v1.PipelineTask{embedded("last", printer("$(tasks.scan.results.report)"))},
	}})
	suite.WantFailed(t, run.Status.Condition(), v1.PipelineRunReasonFailed, "scan")
	wantText(t, n, run, "last", "3 findings")
	if len(run.Status.Results) != 1 || run.Status.Results[0].Value.String != "3 findings" {
		t.Errorf("want the report among the results of the run, got %+v", run.Status.Results)
	}
}

// resultsDeclaredTwice: the last declaration counts, for results of a step, of a task and of a pipeline.
func resultsDeclaredTwice(t *testing.T, n *suite.Namespace) {
	step := kube.Script("make", `printf '["a","b"]' > $(step.results.list.path); printf one > $(results.text.path)`)
	step.Results = []v1.StepResult{{Name: "list"}, {Name: "list", Type: v1.TypeArray}}
	whole := v1.StringValue("$(steps.make.results.list[*])")
	list := v1.TaskResult{Name: "list", Type: v1.TypeArray, Value: &whole}
	twice := embedded("make", v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("text", v1.TypeArray), list, kube.Result("text", v1.TypeString)},
		Steps:   []v1.Step{step},
	})
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{
		Results: []v1.PipelineResult{
			{Name: "r", Value: v1.StringValue("$(tasks.make.results.text)")},
			{Name: "r", Value: v1.StringValue("$(tasks.make.results.list[1])")},
		},
		Tasks: []v1.PipelineTask{twice},
	}})
	suite.WantSucceeded(t, run.Status.Condition())
	want := map[string]v1.Value{"text": v1.StringValue("one"), "list": v1.ArrayValue("a", "b")}
	if diff := cmp.Diff(want, kube.Values(n.Child(t, run, "make"))); diff != "" {
		t.Errorf("the results of the task (-want +got):\n%s", diff)
	}
	if len(run.Status.Results) != 1 || run.Status.Results[0].Value.String != "b" {
		t.Errorf("want the last result of the pipeline, got %+v", run.Status.Results)
	}
}
