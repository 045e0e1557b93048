//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// forging returns a step that writes the files by which its entrypoint reports its end, and then runs the script. index is
// the index of the step.
func forging(name string, index int, script string) v1.Step {
	return kube.Script(name, fmt.Sprintf(`
printf '{"name":"step-%[1]s","exitCode":0,"reason":"Completed","startedAt":"2026-01-01T00:00:00Z"}' > /tekton/run/%[2]d/status
: > /tekton/run/%[2]d/out
%[3]s
`, name, index, script))
}

// forgery is a task with a step that forges its end.
type forgery struct {
	reason string
	steps  []v1.Step
	// forger is the name of that step.
	forger string
	// endless means that only the run's timeout ends that step: a step has no limit of its duration.
	endless bool
}

// forgeries are the ways in which a step can continue after its forged end.
func forgeries() map[string]forgery {
	const write = "printf %s > $(results.digest.path)\n"
	good := kube.Script("build", fmt.Sprintf(write, "good")+"sleep 4")
	return map[string]forgery{
		"the only step fails later": {
			reason: "a run must not be green before its step has failed",
			steps:  []v1.Step{forging("build", 0, "sleep 6; "+fmt.Sprintf(write, "late")+"exit 3")},
			forger: "build",
		},
		"the only step ends well later": {
			reason: "a result that comes later must not be lost in a green run",
			steps:  []v1.Step{forging("build", 0, "sleep 6; "+fmt.Sprintf(write, "late"))},
			forger: "build",
		},
		"the only step never ends": {
			reason:  "a pod must not run on beyond its run",
			steps:   []v1.Step{forging("build", 0, fmt.Sprintf(write, "early")+"exec sleep 3600")},
			forger:  "build",
			endless: true,
		},
		"an earlier step replaces a later result": {
			reason: "a step must not change what a later one writes",
			steps:  []v1.Step{forging("scan", 0, "sleep 3; "+fmt.Sprintf(write, "evil")+"sleep 5"), good},
			forger: "scan",
		},
		"an earlier step never ends": {
			reason:  "a later step must not hide that an earlier one runs",
			steps:   []v1.Step{forging("scan", 0, "exec sleep 3600"), good},
			forger:  "scan",
			endless: true,
		},
		"the last step runs on": {
			reason: "what the sidecar reads must be what all steps left",
			steps:  []v1.Step{good, forging("scan", 1, "sleep 6; "+fmt.Sprintf(write, "evil"))},
			forger: "scan",
		},
	}
}

// TestForgedEndFailsTheRun: a step that writes the files of its end and continues fails its run. The message names the step,
// no value is in the status, and the pod ends.
func TestForgedEndFailsTheRun(t *testing.T) {
	tests := named{"in a pipeline": forgedInPipeline}
	for name, f := range forgeries() {
		tests[name] = func(t *testing.T, n *suite.Namespace) {
			spec := v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Results: oneResult(), Steps: f.steps}}
			if f.endless {
				spec.Timeout = &metav1.Duration{Duration: 15 * time.Second}
			}
			run := n.Run(t, spec)
			wantForged(t, n, run, f)
		}
	}
	bothWays(t, tests)
}

func wantForged(t *testing.T, n *suite.Namespace, run *v1.TaskRun, f forgery) {
	t.Helper()
	c := run.Status.Condition()
	if c.Status != metav1.ConditionFalse || !f.endless && c.Reason == v1.TaskRunReasonTimedOut {
		t.Fatalf("%s: want it failed because of the forged end, got %s", f.reason, kube.Describe(c))
	}
	suite.WantFailed(t, c, c.Reason, f.forger)
	wantNoValue(t, run)
	n.AwaitPodEnd(t, run)
}

// forgedInPipeline checks that no value of such a run is in its PipelineRun, or in a later task.
func forgedInPipeline(t *testing.T, n *suite.Namespace) {
	f := forgeries()["an earlier step replaces a later result"]
	next := embedded("next", v1.TaskSpec{
		Params: []v1.ParamSpec{{Name: "digest", Type: v1.TypeString}}, Steps: []v1.Step{kube.Script("use", "echo $(params.digest)")},
	}, v1.Param{Name: "digest", Value: v1.StringValue("$(tasks.forge.results.digest)")})
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{
		Tasks:   []v1.PipelineTask{embedded("forge", v1.TaskSpec{Results: oneResult(), Steps: f.steps}), next},
		Results: []v1.PipelineResult{{Name: "digest", Value: v1.StringValue("$(tasks.forge.results.digest)")}},
	}})
	if c := run.Status.Condition(); c.Status != metav1.ConditionFalse {
		t.Fatalf("the pipeline did not fail: %s", kube.Describe(c))
	}
	for _, r := range run.Status.Results {
		t.Errorf("result %q is %q in the status of the PipelineRun", r.Name, r.Value.String)
	}
	for _, child := range run.Status.ChildReferences {
		if child.PipelineTaskName == "next" {
			t.Errorf("task %q started with a result of a forged end", child.PipelineTaskName)
		}
	}
	wantForged(t, n, n.Child(t, run, "forge"), f)
}
