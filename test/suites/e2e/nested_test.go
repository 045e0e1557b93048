//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/sluice-ci/sluice/api/v1"
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

// TestPipelinesInPipelines: a value reaches a task in a pipeline in a pipeline, byte for byte, and comes back as its result. A failure
// there is named in the outermost run.
func TestPipelinesInPipelines(t *testing.T) {
	const value = `$(params.value) "quoted" 'twice'`
	levels := func(t *testing.T, script string) v1.PipelineRunSpec {
		t.Helper()
		leaf := embedded("leaf", v1.TaskSpec{
			Params:  []v1.ParamSpec{{Name: "value"}},
			Results: oneResult(),
			Steps: []v1.Step{{
				Name: "s", Image: kube.StepImage, Script: script, Env: []corev1.EnvVar{envVar("VALUE", "$(params.value)")},
			}},
		}, v1.Param{Name: "value", Value: v1.StringValue("$(params.value)")})
		return v1.PipelineRunSpec{
			Params: []v1.Param{{Name: "value", Value: v1.StringValue(value)}},
			PipelineSpec: &v1.PipelineSpec{
				Params:  []v1.ParamSpec{{Name: "value"}},
				Tasks:   []v1.PipelineTask{within(t, "mid", within(t, "low", leaf))},
				Results: []v1.PipelineResult{{Name: "digest", Value: v1.StringValue("$(tasks.mid.results.digest)")}},
			},
		}
	}
	bothWays(t, named{
		"Results": func(t *testing.T, n *suite.Namespace) {
			run := n.Pipeline(t, levels(t, `printf %s "$VALUE" > $(results.digest.path)`))
			suite.WantSucceeded(t, run.Status.Condition())
			wantPipelineResult(t, run, "digest", v1.StringValue(value))
		},
		"Fails": func(t *testing.T, n *suite.Namespace) {
			run := n.Pipeline(t, levels(t, "exit 3"))
			suite.WantFailed(t, run.Status.Condition(), v1.PipelineRunReasonFailed, `task "leaf" failed: TaskRun "`+run.Name+`-mid-low-leaf"`)
		},
	})
}
