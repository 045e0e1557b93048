// Package terminationmessage implements results-from: termination-message. Each step reports its results in the termination
// message of its container, which has at most 4096 bytes. The pod needs no additions.
package terminationmessage

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
	"github.com/sluice-ci/sluice/internal/transport"
)

// Transport is a transport.Transport without state.
type Transport struct{}

// AddTo adds the flag with which a step reports its results.
func (Transport) AddTo(p *corev1.Pod, layout pod.Layout) {
	if len(layout.Results) > 0 {
		pod.AddStepArgs(p, "-report-results")
	}
}

// Progress reads the messages after all steps have terminated. A deleted pod has no messages any more.
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

// Forget does nothing, because Transport has no state.
func (Transport) Forget(types.NamespacedName) {}

// fromMessages combines the termination messages of all steps after all steps have terminated. It returns the same Set as the
// log of a results sidecar. For a result of several steps, the value of the last one counts.
func fromMessages(steps []corev1.ContainerStatus, spec *v1.TaskSpec) collect.Progress {
	set := &collect.Set{}
	reported := reportedResults{expected: pod.ResultsOf(spec), latest: map[string]frame.Result{}, deleted: map[string]string{}}
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
				p.Detail = status.Name // the container of the message, for the user
			}
			set.Problems = append(set.Problems, p)
		}
		if err := reported.add(message, i, status.Name); err != nil {
			return collect.Progress{GaveUp: true, Err: err}
		}
	}
	reported.complete(set)
	return collect.Progress{Set: set}
}

// reportedResults has the results of the messages read so far.
type reportedResults struct {
	expected []pod.Result
	latest   map[string]frame.Result
	// deleted has, by result, the container of the step that deleted it.
	deleted map[string]string
}

// add adds the message of the step at this index. A document of artifacts under the name of a result, or a result under that of
// a document, is an error: no entrypoint writes it.
func (r *reportedResults) add(message termination.Message, step int, container string) error {
	for _, removed := range message.Removed {
		if mayReport(r.expected, step, removed) != nil {
			delete(r.latest, removed)
			r.deleted[removed] = container
		}
	}
	for _, result := range message.Results {
		declared := mayReport(r.expected, step, result.Name)
		if declared == nil {
			continue
		}
		if document := result.Type == results.TypeArtifacts; document != declared.IsDocument() {
			return fmt.Errorf("%w: container %q reports %q as another type than %s",
				termination.ErrMalformed, container, result.Name, declared.Type)
		}
		r.latest[result.Name] = result
		delete(r.deleted, result.Name)
	}
	return nil
}

// complete adds the results to a set, in their order.
func (r *reportedResults) complete(set *collect.Set) {
	for _, declared := range r.expected {
		if container, ok := r.deleted[declared.Name]; ok {
			set.Problems = append(set.Problems, frame.Problem{Result: declared.Name, Kind: frame.Missing,
				Detail: fmt.Sprintf("an earlier step left it, and %q deleted it", container)})
		}
		if result, ok := r.latest[declared.Name]; ok && !isProblem(set.Problems, declared.Name) {
			result.Type = declared.Type
			set.Results = append(set.Results, result)
		}
	}
}

// mayReport returns the result with this name if the step at this index may report it: one of the task, or its own; otherwise nil.
func mayReport(expected []pod.Result, step int, result string) *pod.Result {
	i := slices.IndexFunc(expected, func(r pod.Result) bool {
		return r.Name == result && (r.Step == pod.OfTask || r.Step == step)
	})
	if i < 0 {
		return nil
	}
	return &expected[i]
}

func isProblem(list []frame.Problem, result string) bool {
	return slices.ContainsFunc(list, func(p frame.Problem) bool { return p.Result == result })
}

// recordOf completes the record of a step with its container's status. The step counts as lost if the two contradict each
// other, or if there is no valid record. The latter happens if the entrypoint was killed, could not finish its work, or
// another program wrote the message. A lost step ended as its container did.
func recordOf(status corev1.ContainerStatus, message termination.Message) frame.Step {
	t, record := status.State.Terminated, message.Step
	record.Name = status.Name
	if !message.Agrees(int(t.ExitCode)) || frame.ValidStep(record) != nil {
		record = frame.Step{Reason: frame.ReasonLost, ExitCode: int(t.ExitCode), StartedAt: t.StartedAt.UTC(), Message: record.Message}
	}
	record.Name = status.Name
	if record.StartedAt.IsZero() && record.Reason == frame.ReasonCompleted {
		record.StartedAt = t.StartedAt.UTC() // omitted if there was no room
	}
	if record.FinishedAt.IsZero() {
		record.FinishedAt = t.FinishedAt.UTC()
	}
	return record
}
