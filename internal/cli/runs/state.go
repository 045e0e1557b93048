package runs

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// State is how a run, a task or a step stands, in one word.
type State string

// The states, in the words that tables use.
const (
	Waiting   State = "waiting"
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Skipped   State = "skipped"
)

// Mark is a character that stands for the state in trees.
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

// Colour in which the state is shown.
func (s State) Colour() terminal.Colour {
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

// State of the run, from its condition.
func (r Run) State() State { return StateOf(r.Condition()) }

// Reason of the condition; empty while there is none.
func (r Run) Reason() string {
	if c := r.Condition(); c != nil {
		return c.Reason
	}
	return ""
}

// Message of the condition; empty while there is none.
func (r Run) Message() string {
	if c := r.Condition(); c != nil {
		return c.Message
	}
	return ""
}

// StateOf reads a Succeeded condition; nil is that of a run that nothing has acted on.
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
