package pipelinerun

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Kind is a kind of child: what a run creates for a task. Each kind has its own file, and everything else in this package
// treats all kinds in the same way.
type Kind interface {
	// Name is the name of the kind in the API, in GroupVersion.
	Name() string
	GroupVersion() schema.GroupVersion
	// New returns a child with an empty object, to read into.
	New() Run
	// Build returns the child of a task. An error is about a variable of the run.
	Build(b *childBuilder, p part) (Run, error)
	// Stop returns the fields of the spec that ask a child to stop.
	Stop(message v1.TaskRunSpecStatusMessage) map[string]any
}

// Run is a child of some kind.
type Run interface {
	metav1.Object
	// Kind is the kind of the child.
	Kind() Kind
	// Object is the object of the API. The child follows what is read into it.
	Object() client.Object
	// Copy returns a deep copy.
	Copy() Run
	// Progress is how far the child has come.
	Progress() Progress
	// Params are what the task gave it.
	Params() []v1.Param
	// Repeated is the part of the spec that the status will repeat; nil if there is none.
	Repeated() any
	// Results are its results. A child in the cache has none.
	Results() []v1.TaskRunResult
}

// Progress is how far a child has come.
type Progress struct {
	// Condition has type Succeeded; nil before there is one.
	Condition *metav1.Condition
	// Cancelled and TimedOut report that the child has failed because it was cancelled, or because of its timeout.
	Cancelled, TimedOut bool
	// Start and Completion are its times, and Timeout limits it; nil if there are none.
	Start, Completion *metav1.Time
	Timeout           *metav1.Duration
	// Stopping reports that it was asked to stop, and Message is why; empty if it was not the run that asked.
	Stopping bool
	Message  v1.TaskRunSpecStatusMessage
}

// Done reports whether the child has ended.
func (p Progress) Done() bool {
	return p.Condition != nil && p.Condition.Status != metav1.ConditionUnknown
}

// failedBecause reports whether a condition has failed for this reason.
func failedBecause(c *metav1.Condition, reason string) bool {
	return c != nil && c.Status == metav1.ConditionFalse && c.Reason == reason
}

// kinds returns all kinds of children.
func kinds() []Kind { return []Kind{taskRuns{}} }

// kindOf returns the kind of the children of a task.
func kindOf(*v1.PipelineTask) Kind { return taskRuns{} }

// kindNamed returns the kind that a reference in a status names.
func kindNamed(name string) Kind {
	for _, kind := range kinds() {
		if kind.Name() == name {
			return kind
		}
	}
	return taskRuns{}
}
