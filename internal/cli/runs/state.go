package runs

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// State is the state of a run, a task or a step, in one word.
type State string

// The states, as in tables.
const (
	Waiting   State = "waiting"
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Skipped   State = "skipped"
)

// Mark returns the character of the state in trees.
func (s State) Mark() string {
	switch s {
	case Running:
		return "●"
	case Succeeded:
		return "✓"
	case Failed:
		return "✗"
	case Cancelled:
		return "■"
	case Skipped:
		return "↷"
	case Waiting:
		return "○"
	default:
		return "?"
	}
}

// Color returns the color of the state.
func (s State) Color() terminal.Color {
	switch s {
	case Running:
		return terminal.Blue
	case Succeeded:
		return terminal.Green
	case Failed:
		return terminal.Red
	case Cancelled:
		return terminal.Yellow
	case Skipped, Waiting:
		return terminal.Dim
	default:
		return terminal.None
	}
}

// State returns the state of the run, from its condition.
func (r Run) State() State {
	if r.CustomRun != nil {
		return (&Child{Condition: r.Condition()}).State()
	}
	return StateOf(r.Condition())
}

// Reason returns the reason of the condition; empty without one.
func (r Run) Reason() string {
	if c := r.Condition(); c != nil {
		return c.Reason
	}
	return ""
}

// Message returns the message of the condition; empty without one.
func (r Run) Message() string {
	if c := r.Condition(); c != nil {
		return c.Message
	}
	return ""
}

// StateOf returns the state for a condition Succeeded; nil: no controller has written it.
func StateOf(c *metav1.Condition) State {
	switch {
	case c == nil:
		return Waiting
	case c.Status == metav1.ConditionTrue:
		return Succeeded
	case c.Status == metav1.ConditionFalse:
		if c.Reason == v1.TaskRunReasonCancelled || c.Reason == v1.PipelineRunReasonCancelled {
			return Cancelled
		}
		return Failed
	case c.Reason == v1.TaskRunReasonStarted || c.Reason == v1.TaskRunReasonPending || c.Reason == v1.PipelineRunReasonPending:
		return Waiting
	default:
		return Running
	}
}
