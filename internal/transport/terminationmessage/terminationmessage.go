// Package terminationmessage is results-from: termination-message. Each step reports its results in the termination
// message of its container, at most 4096 bytes; the pod needs nothing more for it.
package terminationmessage

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
	"github.com/sluice-ci/sluice/internal/transport"
)

// Transport is an transport.Transport. It holds nothing.
type Transport struct{}

// AddTo tells each step to report its results.
func (Transport) AddTo(p *corev1.Pod, plan pod.Plan) {
	if len(plan.Results) > 0 {
		pod.AddStepArgs(p, "-report-results")
	}
}

// Progress reads the messages, once all steps have terminated. A pod that is gone has taken them along.
func (Transport) Progress(run transport.Run) collect.Progress {
	if run.Pod == nil {
		return collect.Progress{}
	}
	steps := pod.StepStatuses(run.Pod)
	if slices.ContainsFunc(steps, func(s corev1.ContainerStatus) bool { return s.State.Terminated == nil }) {
		return collect.Progress{}
	}
	return fromMessages(steps, run.Spec)
}

// Forget does nothing: nothing is held.
func (Transport) Forget(types.NamespacedName) {}

// fromMessages puts together what the termination messages of all steps say, once all steps have terminated: the
// same Set that the log of a results sidecar would give. A later step's value of a result replaces an earlier one's.
func fromMessages(steps []corev1.ContainerStatus, spec *v1.TaskSpec) collect.Progress {
	set := &collect.Set{}
	told := told{carried: pod.ResultsOf(spec), latest: map[string]frame.Result{}, deleted: map[string]string{}}
	for i, status := range steps {
		message, err := termination.ParseMessage([]byte(status.State.Terminated.Message))
		if err != nil {
			if status.State.Terminated.Message != "" && pod.LeftMessage(status.State.Terminated) {
				return collect.Progress{GaveUp: true, Err: fmt.Errorf("cannot read the termination message of container %q: %w", status.Name, err)}
			}
			message = termination.Message{}
		}
		set.Steps = append(set.Steps, recordOf(status, message))
		for _, p := range message.Problems {
			if p.Kind == frame.OverBudget {
				p.Detail = status.Name // whose message it is, for the user
			}
			set.Problems = append(set.Problems, p)
		}
		told.take(message, i, status.Name)
	}
	told.complete(set)
	return collect.Progress{Set: set}
}

// told is what the messages that were read so far say of the results.
type told struct {
	carried []pod.Result
	latest  map[string]frame.Result
	// deleted has the container of the step that deleted a result.
	deleted map[string]string
}

// take adds what the step at this index says.
func (t *told) take(message termination.Message, step int, container string) {
	for _, removed := range message.Removed {
		if mayTell(t.carried, step, removed) {
			delete(t.latest, removed)
			t.deleted[removed] = container
		}
	}
	for _, r := range message.Results {
		if mayTell(t.carried, step, r.Name) {
			t.latest[r.Name] = r
			delete(t.deleted, r.Name)
		}
	}
}

// complete puts into a set what there is of the results, in their order.
func (t *told) complete(set *collect.Set) {
	for _, declared := range t.carried {
		if container, ok := t.deleted[declared.Name]; ok {
			set.Problems = append(set.Problems, frame.Problem{Result: declared.Name, Kind: frame.Missing,
				Detail: fmt.Sprintf("an earlier step left it, and %q deleted it", container)})
		}
		if r, ok := t.latest[declared.Name]; ok && !isProblem(set.Problems, declared.Name) {
			r.Type = declared.Type
			set.Results = append(set.Results, r)
		}
	}
}

// mayTell reports whether the step at this index may tell of a result: each may tell of the task's, and of its own.
func mayTell(carried []pod.Result, step int, result string) bool {
	return slices.ContainsFunc(carried, func(r pod.Result) bool {
		return r.Name == result && (r.Step == pod.OfTask || r.Step == step)
	})
}

func isProblem(list []frame.Problem, result string) bool {
	return slices.ContainsFunc(list, func(p frame.Problem) bool { return p.Result == result })
}

// recordOf completes a step's own record by what the container's status says. Where the two contradict each other, or
// there is no record that can be, since the entrypoint was killed or could not do all it had to, or something else wrote
// the message, the step is lost, and ended as its container did.
func recordOf(status corev1.ContainerStatus, message termination.Message) frame.Step {
	t, record := status.State.Terminated, message.Step
	record.Name = status.Name
	if !message.Agrees(int(t.ExitCode)) || frame.ValidStep(record) != nil {
		record = frame.Step{Reason: frame.ReasonLost, ExitCode: int(t.ExitCode), StartedAt: t.StartedAt.UTC(), Message: record.Message}
	}
	record.Name = status.Name
	if record.StartedAt.IsZero() && record.Reason == frame.ReasonCompleted {
		record.StartedAt = t.StartedAt.UTC() // left out for want of room
	}
	if record.FinishedAt.IsZero() {
		record.FinishedAt = t.FinishedAt.UTC()
	}
	return record
}
