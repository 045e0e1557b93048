package pipelinerun

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/substitute"
)

// Outcome is how a run ended: a failed task is an outcome, not an error.
type Outcome struct {
	// Condition is Succeeded=True or Succeeded=False.
	Condition metav1.Condition
	// Results of the pipeline. A failed run keeps those that could be made.
	Results []v1.PipelineRunResult
}

// outcomeOf returns how the run ended, or nil while it goes on.
func outcomeOf(pr *v1.PipelineRun, state State, obs Observation, effect Effect) *Outcome {
	switch state {
	case Unresolved:
		return failed(v1.PipelineRunReasonCouldntGetPipeline, obs.Unresolvable.Error())
	case Invalid:
		return failed(obs.Invalid.Reason, obs.Invalid.Message)
	case Ended:
		return ended(pr, obs, effect)
	case Startable:
		// What keeps a task from starting ends the run once nothing else runs.
		if t := tallyOf(obs, effect); effect.Problem != nil && t.running == 0 {
			return ended(pr, obs, effect)
		}
	case Running, Stopping, Done:
	}
	return nil
}

func failed(reason, message string) *Outcome {
	return &Outcome{Condition: v1.Failed(reason, message)}
}

// ended sums up a run in which nothing runs any more.
func ended(pr *v1.PipelineRun, obs Observation, effect Effect) *Outcome {
	t := tallyOf(obs, effect)
	values, missing, err := substitute.PipelineResults(obs.Spec.Results, variables(pr, obs.Spec), obs)
	if t.failure != "" {
		return &Outcome{Condition: v1.Failed(t.reason, fmt.Sprintf("%s; %s", t, t.failure)), Results: values}
	}
	if err != nil {
		return failed(v1.PipelineRunReasonInvalidTaskResultReference, fmt.Sprintf("%s; %v", t, err))
	}
	parts := []string{t.String()}
	for _, m := range missing {
		// Declared and not written is allowed; the result is absent, and this says why.
		parts = append(parts, "left out: "+m.Error())
	}
	return &Outcome{Condition: v1.Succeeded(strings.Join(parts, "; ")), Results: values}
}
