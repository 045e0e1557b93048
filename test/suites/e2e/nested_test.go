//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/customtask"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// within returns a task that is a pipeline of one task, with the param value of the outer pipeline. Its result is that of the task.
func within(t *testing.T, name string, task v1.PipelineTask) v1.PipelineTask {
	t.Helper()
	raw, err := json.Marshal(v1.PipelineSpec{
		Params: []v1.ParamSpec{{Name: "value"}}, Tasks: []v1.PipelineTask{task},
		Results: []v1.PipelineResult{{Name: "digest", Value: v1.StringValue("$(tasks." + task.Name + ".results.digest)")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v1.PipelineTask{
		Name: name, PipelineSpec: &runtime.RawExtension{Raw: raw},
		Params: []v1.Param{{Name: "value", Value: v1.StringValue("$(params.value)")}},
	}
}

// threeDeep returns a run with a task in a pipeline in a pipeline, whose result is that of the task.
func threeDeep(t *testing.T, value string, leaf v1.PipelineTask) v1.PipelineRunSpec {
	t.Helper()
	return v1.PipelineRunSpec{
		Params: []v1.Param{{Name: "value", Value: v1.StringValue(value)}},
		PipelineSpec: &v1.PipelineSpec{
			Params:  []v1.ParamSpec{{Name: "value"}},
			Tasks:   []v1.PipelineTask{within(t, "mid", within(t, "low", leaf))},
			Results: []v1.PipelineResult{{Name: "digest", Value: v1.StringValue("$(tasks.mid.results.digest)")}},
		},
	}
}

// TestPipelinesInPipelines: a value reaches a task in a pipeline in a pipeline, byte for byte, and comes back as its result. A failure
// there is named in the outermost run. Cancellation and timeouts reach the task.
func TestPipelinesInPipelines(t *testing.T) {
	bothWays(t, named{
		"Results":    nestedResults,
		"CustomTask": nestedCustomTask,
		"Fails":      nestedFails,
		"Cancelled":  nestedCancelled,
		"TimedOut":   nestedTimesOut,
	})
}

// nestedValue has what a shell or a template would expand.
const nestedValue = `$(params.value) "quoted" 'twice'`

func nestedResults(t *testing.T, n *suite.Namespace) {
	run := n.Pipeline(t, threeDeep(t, nestedValue, copying("leaf", "$(params.value)")))
	suite.WantSucceeded(t, run.Status.Condition())
	wantPipelineResult(t, run, "digest", v1.StringValue(nestedValue))
	if len(run.Status.ChildReferences) != 1 || run.Status.ChildReferences[0].Kind != v1.KindPipelineRun {
		t.Errorf("want one PipelineRun in the status, got %+v", run.Status.ChildReferences)
	}
}

func nestedCustomTask(t *testing.T, n *suite.Namespace) {
	n.ServeCustomTasks(t)
	leaf := customtask.Task("leaf", customtask.Echo, v1.Param{Name: "digest", Value: v1.StringValue("$(params.value)")})
	run := n.Pipeline(t, threeDeep(t, nestedValue, leaf))
	suite.WantSucceeded(t, run.Status.Condition())
	wantPipelineResult(t, run, "digest", v1.StringValue(nestedValue))
}

func nestedFails(t *testing.T, n *suite.Namespace) {
	leaf := embedded("leaf", v1.TaskSpec{Results: oneResult(), Steps: []v1.Step{kube.Script("s", "exit 3")}})
	run := n.Pipeline(t, threeDeep(t, nestedValue, leaf))
	suite.WantFailed(t, run.Status.Condition(), v1.PipelineRunReasonFailed, `task "leaf" failed: TaskRun "`+run.Name+`-mid-low-leaf"`)
}

func nestedCancelled(t *testing.T, n *suite.Namespace) {
	spec := sleeping()
	spec.Results = oneResult()
	run, leaf := startPipeline(t, n, threeDeep(t, nestedValue, embedded("leaf", spec))), &v1.TaskRun{}
	awaitObject(t, n, run.Name+"-mid-low-leaf", leaf, sleeps)
	cancelPipeline(t, n, run)
	n.Finish(t, leaf)
	suite.WantFailed(t, leaf.Status.Condition(), v1.TaskRunReasonCancelled)
}

func nestedTimesOut(t *testing.T, n *suite.Namespace) {
	spec := sleeping()
	spec.Results = oneResult()
	late := threeDeep(t, nestedValue, embedded("leaf", spec))
	late.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: 8 * time.Second}}
	run := n.Pipeline(t, late)
	suite.WantFailed(t, run.Status.Condition(), v1.PipelineRunReasonTimedOut, "it took longer than 8s")
	leaf := &v1.TaskRun{}
	awaitObject(t, n, run.Name+"-mid-low-leaf", leaf, func(run *v1.TaskRun) bool { return run.Status.Done() })
}
