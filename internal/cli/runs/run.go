// Package runs finds, reads and watches runs for commands. It treats TaskRuns and PipelineRuns alike.
package runs

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// Run is a TaskRun, a PipelineRun, or a CustomRun in a list. Exactly one is set.
type Run struct {
	TaskRun     *v1.TaskRun
	PipelineRun *v1.PipelineRun
	CustomRun   *v1beta1.CustomRun
}

// OfTask returns the Run of a TaskRun.
func OfTask(r *v1.TaskRun) Run { return Run{TaskRun: r} }

// OfPipeline returns the Run of a PipelineRun.
func OfPipeline(r *v1.PipelineRun) Run { return Run{PipelineRun: r} }

// OfCustom returns the Run of a CustomRun.
func OfCustom(r *v1beta1.CustomRun) Run { return Run{CustomRun: r} }

// Object returns the object of the API.
func (r Run) Object() client.Object {
	switch {
	case r.TaskRun != nil:
		return r.TaskRun
	case r.CustomRun != nil:
		return r.CustomRun
	default:
		return r.PipelineRun
	}
}

// Kind of the object.
func (r Run) Kind() string {
	switch {
	case r.TaskRun != nil:
		return v1.KindTaskRun
	case r.CustomRun != nil:
		return v1beta1.KindCustomRun
	default:
		return v1.KindPipelineRun
	}
}

// version returns the API version of the object.
func (r Run) version() schema.GroupVersion {
	if r.CustomRun != nil {
		return v1beta1.GroupVersion
	}
	return v1.GroupVersion
}

// Name of the run.
func (r Run) Name() string { return r.Object().GetName() }

// Namespace of the run.
func (r Run) Namespace() string { return r.Object().GetNamespace() }

// FullName returns the unique name of this run within its namespace.
func (r Run) FullName() FullName { return FullName{Kind: r.Kind(), Name: r.Name()} }

// Condition returns the condition Succeeded; nil until a controller has written it.
func (r Run) Condition() *metav1.Condition {
	switch {
	case r.TaskRun != nil:
		return r.TaskRun.Status.Condition()
	case r.CustomRun != nil:
		return r.CustomRun.Status.Condition()
	default:
		return r.PipelineRun.Status.Condition()
	}
}

// Done reports whether the run has ended, with any outcome.
func (r Run) Done() bool {
	c := r.Condition()
	return c != nil && c.Status != metav1.ConditionUnknown
}

// Succeeded reports whether the run has succeeded.
func (r Run) Succeeded() bool {
	c := r.Condition()
	return c != nil && c.Status == metav1.ConditionTrue
}

// Started returns the start time of the run; nil before.
func (r Run) Started() *metav1.Time {
	switch {
	case r.TaskRun != nil:
		return r.TaskRun.Status.StartTime
	case r.CustomRun != nil:
		return r.CustomRun.Status.StartTime
	default:
		return r.PipelineRun.Status.StartTime
	}
}

// Ended returns the time of the outcome; nil before.
func (r Run) Ended() *metav1.Time {
	switch {
	case r.TaskRun != nil:
		return r.TaskRun.Status.CompletionTime
	case r.CustomRun != nil:
		return r.CustomRun.Status.CompletionTime
	default:
		return r.PipelineRun.Status.CompletionTime
	}
}

// Took returns the duration of the run until now or until its end; 0 before it started.
func (r Run) Took(now time.Time) time.Duration { return Between(r.Started(), r.Ended(), now) }

// Between returns the time from start to end, or to now without an end. It is 0 only without a start: times are whole seconds,
// and a shorter step still counts as started.
func Between(start, end *metav1.Time, now time.Time) time.Duration {
	if start == nil || start.IsZero() {
		return 0
	}
	if end != nil && !end.IsZero() {
		now = end.Time
	}
	return max(1, now.Sub(start.Time))
}

// Typed returns the object with its apiVersion and kind, which a client removes when it decodes.
func (r Run) Typed() client.Object {
	object := r.Object()
	object.GetObjectKind().SetGroupVersionKind(r.version().WithKind(r.Kind()))
	object.SetManagedFields(nil)
	return object
}

// Summary returns the run without its large parts: results, params and the definition. It keeps the fields of tables.
func (r Run) Summary() Run {
	if r.TaskRun != nil {
		s := r.TaskRun.Status
		return OfTask(&v1.TaskRun{ObjectMeta: r.TaskRun.ObjectMeta, Status: v1.TaskRunStatus{
			Conditions: s.Conditions, PodName: s.PodName, StartTime: s.StartTime, CompletionTime: s.CompletionTime,
		}})
	}
	if r.CustomRun != nil {
		s := r.CustomRun.Status
		return OfCustom(&v1beta1.CustomRun{ObjectMeta: r.CustomRun.ObjectMeta, Status: v1beta1.CustomRunStatus{
			Conditions: s.Conditions, StartTime: s.StartTime, CompletionTime: s.CompletionTime,
		}})
	}
	s := r.PipelineRun.Status
	return OfPipeline(&v1.PipelineRun{ObjectMeta: r.PipelineRun.ObjectMeta, Status: v1.PipelineRunStatus{
		Conditions: s.Conditions, StartTime: s.StartTime, CompletionTime: s.CompletionTime, ChildReferences: s.ChildReferences,
	}})
}
