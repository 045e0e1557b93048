// Package runs finds, reads and watches runs for commands. It treats TaskRuns and PipelineRuns alike.
package runs

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Run is a TaskRun or a PipelineRun. Exactly one is set.
type Run struct {
	TaskRun     *v1.TaskRun
	PipelineRun *v1.PipelineRun
}

// OfTask returns the Run of a TaskRun.
func OfTask(r *v1.TaskRun) Run { return Run{TaskRun: r} }

// OfPipeline returns the Run of a PipelineRun.
func OfPipeline(r *v1.PipelineRun) Run { return Run{PipelineRun: r} }

// Object returns the object of the API.
func (r Run) Object() client.Object {
	if r.TaskRun != nil {
		return r.TaskRun
	}
	return r.PipelineRun
}

// Kind of the object.
func (r Run) Kind() string {
	if r.TaskRun != nil {
		return v1.KindTaskRun
	}
	return v1.KindPipelineRun
}

// Name of the run.
func (r Run) Name() string { return r.Object().GetName() }

// Namespace of the run.
func (r Run) Namespace() string { return r.Object().GetNamespace() }

// FullName returns the unique name of this run within its namespace.
func (r Run) FullName() FullName { return FullName{Kind: r.Kind(), Name: r.Name()} }

// Condition returns the condition Succeeded; nil until a controller has written it.
func (r Run) Condition() *metav1.Condition {
	if r.TaskRun != nil {
		return r.TaskRun.Status.Condition()
	}
	return r.PipelineRun.Status.Condition()
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
	if r.TaskRun != nil {
		return r.TaskRun.Status.StartTime
	}
	return r.PipelineRun.Status.StartTime
}

// Ended returns the time of the outcome; nil before.
func (r Run) Ended() *metav1.Time {
	if r.TaskRun != nil {
		return r.TaskRun.Status.CompletionTime
	}
	return r.PipelineRun.Status.CompletionTime
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
	object.GetObjectKind().SetGroupVersionKind(v1.GroupVersion.WithKind(r.Kind()))
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
	s := r.PipelineRun.Status
	return OfPipeline(&v1.PipelineRun{ObjectMeta: r.PipelineRun.ObjectMeta, Status: v1.PipelineRunStatus{
		Conditions: s.Conditions, StartTime: s.StartTime, CompletionTime: s.CompletionTime, ChildReferences: s.ChildReferences,
	}})
}
