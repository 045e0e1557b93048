package pipelinerun

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// Kind is a kind of child: what a run creates for a task. Each kind has its own file, and everything else in this package
// treats all kinds in the same way.
type Kind interface {
	identity

	// Build returns the child of a task. An error is about a variable of the run.
	Build(b *childBuilder, p part) (Run, error)
	// Stop returns what is written to a child to stop it.
	Stop(stop Stop, now time.Time) Stopped
}

// identity is what a kind is in the API.
type identity interface {
	// Name is the name of the kind, in GroupVersion.
	Name() string
	GroupVersion() schema.GroupVersion
	// New returns a child with an empty object, to read into.
	New() Run
}

// Stopped is what is written to a child to stop it: fields of its spec, and annotations.
type Stopped struct {
	Spec        map[string]any
	Annotations map[string]string
}

// Run is a child of some kind.
type Run interface {
	metav1.Object
	holder
	content
}

// holder is the object that a child is.
type holder interface {
	// Kind is the kind of the child.
	Kind() Kind
	// Object is the object of the API. The child follows what is read into it.
	Object() client.Object
	// Copy returns a deep copy.
	Copy() Run
}

// content is what a child gets and produces.
type content interface {
	// Given returns what the task gave it, and the part of the spec that the status will repeat; nil if there is none.
	Given() (params []v1.Param, repeated any)
	// Progress is how far the child has come.
	Progress() Progress
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
	// Asked is how much of it was asked to stop, and Message is why; empty if it was not the run that asked.
	Asked   Extent
	Message v1.TaskRunSpecStatusMessage
	// GiveUp is when the run no longer waits for the end of a child that was asked to stop, or that is being deleted; the zero time
	// means never.
	GiveUp time.Time
}

// giveUpDeleted returns when the run no longer waits for a TaskRun or PipelineRun that is being deleted; the zero time for others. No
// controller works on it any more, so it does not end, and a finalizer can keep it forever.
func giveUpDeleted(child metav1.Object) time.Time {
	if at := child.GetDeletionTimestamp(); at != nil {
		return at.Add(StopGrace)
	}
	return time.Time{}
}

// Done reports whether the child has ended.
func (p Progress) Done() bool {
	return p.Condition != nil && p.Condition.Status != metav1.ConditionUnknown
}

// unanswered reports whether the child was asked to stop so long ago that the run no longer waits for its end.
func (p Progress) unanswered(now time.Time) bool { return !p.Done() && passed(now, p.GiveUp) }

// failedBecause reports whether a condition has failed for this reason.
func failedBecause(c *metav1.Condition, reason string) bool {
	return c != nil && c.Status == metav1.ConditionFalse && c.Reason == reason
}

// kinds returns all kinds of children.
func kinds() []Kind { return []Kind{taskRuns{}, customRuns{}, pipelineRuns{}} }

// kindsIn returns the kinds of children that a pipeline can have; all of them if the pipeline is not known.
func kindsIn(spec *v1.PipelineSpec) []Kind {
	if spec == nil {
		return kinds()
	}
	used := map[string]bool{}
	for _, tasks := range [][]v1.PipelineTask{spec.Tasks, spec.Finally} {
		for i := range tasks {
			used[kindOf(&tasks[i]).Name()] = true
		}
	}
	return slices.DeleteFunc(kinds(), func(k Kind) bool { return !used[k.Name()] })
}

// kindOf returns the kind of the children of a task.
func kindOf(task *v1.PipelineTask) Kind {
	switch {
	case task.Custom():
		return customRuns{}
	case task.Nested():
		return pipelineRuns{}
	default:
		return taskRuns{}
	}
}

// childOf returns an object as a child, and false if it is of no kind of children.
func childOf(o client.Object) (Run, bool) {
	switch o := o.(type) {
	case *v1.TaskRun:
		return taskRun{o}, true
	case *v1beta1.CustomRun:
		return customRun{o}, true
	case *v1.PipelineRun:
		return pipelineRun{o}, true
	default:
		return nil, false
	}
}

// kindNamed returns the kind that a reference in a status names.
func kindNamed(name string) Kind {
	for _, kind := range kinds() {
		if kind.Name() == name {
			return kind
		}
	}
	return taskRuns{}
}
