// Package runs is what commands know of a run: TaskRuns and PipelineRuns seen alike, found by what a person types.
package runs

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Run is a TaskRun or a PipelineRun. Exactly one of both is set.
type Run struct {
	TaskRun     *v1.TaskRun
	PipelineRun *v1.PipelineRun
}

// OfTask is the run that a TaskRun is.
func OfTask(r *v1.TaskRun) Run { return Run{TaskRun: r} }

// OfPipeline is the run that a PipelineRun is.
func OfPipeline(r *v1.PipelineRun) Run { return Run{PipelineRun: r} }

// Object is the object of the API.
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

// Reference is what a person types to get this run and no other.
func (r Run) Reference() Reference { return Reference{Kind: r.Kind(), Name: r.Name()} }

// Condition is the Succeeded condition; nil while nothing has acted on the run.
func (r Run) Condition() *metav1.Condition {
	if r.TaskRun != nil {
		return r.TaskRun.Status.Condition()
	}
	return r.PipelineRun.Status.Condition()
}

// Done reports whether the run has ended, well or not.
func (r Run) Done() bool {
	c := r.Condition()
	return c != nil && c.Status != metav1.ConditionUnknown
}

// Succeeded reports whether the run has ended well.
func (r Run) Succeeded() bool {
	c := r.Condition()
	return c != nil && c.Status == metav1.ConditionTrue
}

// Started is when the run was first acted on; nil before.
func (r Run) Started() *metav1.Time {
	if r.TaskRun != nil {
		return r.TaskRun.Status.StartTime
	}
	return r.PipelineRun.Status.StartTime
}

// Ended is when the outcome was known; nil before.
func (r Run) Ended() *metav1.Time {
	if r.TaskRun != nil {
		return r.TaskRun.Status.CompletionTime
	}
	return r.PipelineRun.Status.CompletionTime
}

// Took is how long the run has taken until now, or took until its end; 0 before it started.
func (r Run) Took(now time.Time) time.Duration { return Between(r.Started(), r.Ended(), now) }

// Between is the time from start to end, or to now where there is no end yet. It is 0 without a start, and with one it
// never is, because times are whole seconds and many a step takes less.
func Between(start, end *metav1.Time, now time.Time) time.Duration {
	if start == nil || start.IsZero() {
		return 0
	}
	if end != nil && !end.IsZero() {
		now = end.Time
	}
	return max(1, now.Sub(start.Time))
}

// Typed is the object with its apiVersion and kind, which a client drops when it decodes.
func (r Run) Typed() client.Object {
	object := r.Object()
	object.GetObjectKind().SetGroupVersionKind(v1.GroupVersion.WithKind(r.Kind()))
	object.SetManagedFields(nil)
	return object
}

// Summary is the run without what is large in it: results, params and the definition. What tables show is kept.
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
