//go:build e2e

package e2e

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/test/testutil/customtask"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestCustomTasks runs pipelines with custom tasks between tasks with pods, in both transports.
func TestCustomTasks(t *testing.T) {
	bothWays(t, named{
		"Results":   customTaskPassesResults,
		"Fails":     customTaskFails,
		"Cancelled": customTaskIsCancelled,
		"TimedOut":  customTaskTimesOut,
	})
}

// copying returns a task that makes a result of a param.
func copying(name, value string) v1.PipelineTask {
	return embedded(name, v1.TaskSpec{
		Params:  []v1.ParamSpec{{Name: "value"}},
		Results: oneResult(),
		Steps: []v1.Step{{
			Name: "s", Image: kube.StepImage, Script: `printf %s "$VALUE" > $(results.digest.path)`,
			Env: []corev1.EnvVar{envVar("VALUE", "$(params.value)")},
		}},
	}, v1.Param{Name: "value", Value: v1.StringValue(value)})
}

// customTaskPassesResults: a result of a pod goes through a custom task to another pod, byte for byte.
func customTaskPassesResults(t *testing.T, n *suite.Namespace) {
	const value = `$(params.value) "quoted" 'twice' <&> ü`
	n.ServeCustomTasks(t)
	run := n.Pipeline(t, v1.PipelineRunSpec{
		Params: []v1.Param{{Name: "value", Value: v1.StringValue(value)}},
		PipelineSpec: &v1.PipelineSpec{
			Params: []v1.ParamSpec{{Name: "value"}},
			Tasks: []v1.PipelineTask{
				copying("use", "$(tasks.approve.results.digest)"),
				customtask.Task("approve", customtask.Echo, v1.Param{Name: "digest", Value: v1.StringValue("$(tasks.make.results.digest)")}),
				copying("make", "$(params.value)"),
			},
			Results: []v1.PipelineResult{
				{Name: "approved", Value: v1.StringValue("$(tasks.approve.results.digest)")},
				{Name: "used", Value: v1.StringValue("$(tasks.use.results.digest)")},
			},
		},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	wantPipelineResult(t, run, "approved", v1.StringValue(value))
	wantPipelineResult(t, run, "used", v1.StringValue(value))
	kinds := map[string]string{}
	for _, child := range run.Status.ChildReferences {
		kinds[child.PipelineTaskName] = child.Kind
	}
	if len(kinds) != 3 || kinds["approve"] != v1beta1.KindCustomRun || kinds["use"] != v1.KindTaskRun {
		t.Errorf("want two TaskRuns and a CustomRun in the status, got %v", kinds)
	}
}

// customTaskFails: the run fails with the reason of the CustomRun, and its final task knows.
func customTaskFails(t *testing.T, n *suite.Namespace) {
	n.ServeCustomTasks(t)
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{
		Tasks:   []v1.PipelineTask{customtask.Task("broken", customtask.Fail), copying("never", "$(tasks.broken.results.digest)")},
		Finally: []v1.PipelineTask{copying("after", "$(tasks.broken.status)")},
	}})
	suite.WantFailed(t, run.Status.Condition(), v1.PipelineRunReasonFailed, `CustomRun "`+run.Name+`-broken": Broken`)
	if got := kube.Values(n.Child(t, run, "after"))["digest"]; got.String != "Failed" {
		t.Errorf("the final task got the status %q, want Failed", got.String)
	}
}

// customTaskIsCancelled: the CustomRun of a cancelled run is cancelled, too, and so is the pod beside it.
func customTaskIsCancelled(t *testing.T, n *suite.Namespace) {
	n.ServeCustomTasks(t)
	run := startPipeline(t, n, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{
		customtask.Task("wait", customtask.Wait), embedded("sleep", sleeping()),
	}}})
	custom, sleeper := &v1beta1.CustomRun{}, &v1.TaskRun{}
	awaitObject(t, n, run.Name+"-wait", custom, func(run *v1beta1.CustomRun) bool { return run.Status.Condition() != nil })
	awaitObject(t, n, run.Name+"-sleep", sleeper, sleeps)
	cancelPipeline(t, n, run)
	awaitObject(t, n, custom.Name, custom, func(run *v1beta1.CustomRun) bool { return run.Status.Done() })
	if got := custom.Status.Condition().Reason; got != v1beta1.CustomRunReasonCancelled {
		t.Errorf("the CustomRun ended with reason %q, want %q", got, v1beta1.CustomRunReasonCancelled)
	}
}

// customTaskTimesOut: the timeout of a run ends its CustomRun.
func customTaskTimesOut(t *testing.T, n *suite.Namespace) {
	n.ServeCustomTasks(t)
	run := n.Pipeline(t, v1.PipelineRunSpec{
		Timeouts:     &v1.Timeouts{Pipeline: &metav1.Duration{Duration: 5 * time.Second}},
		PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{customtask.Task("wait", customtask.Wait)}},
	})
	suite.WantFailed(t, run.Status.Condition(), v1.PipelineRunReasonTimedOut, "it took longer than 5s")
	custom := &v1beta1.CustomRun{}
	awaitObject(t, n, run.Name+"-wait", custom, func(run *v1beta1.CustomRun) bool { return run.Status.Done() })
}

// sleeping is a task that runs until it is stopped, and sleeps reports whether it runs.
func sleeping() v1.TaskSpec {
	return v1.TaskSpec{Steps: []v1.Step{kube.Script("sleep", "exec sleep 3600")}}
}

func sleeps(run *v1.TaskRun) bool {
	return len(run.Status.Steps) == 1 && run.Status.Steps[0].Running != nil
}
