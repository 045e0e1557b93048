package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// Kind is a kind of run, as labels have it.
type Kind string

// The kinds.
const (
	TaskRun     Kind = "taskrun"
	PipelineRun Kind = "pipelinerun"
)

// How a run has ended, as the field's dashboards have it.
const (
	statusSuccess   = "success"
	statusFailed    = "failed"
	statusCancelled = "cancelled"
)

// What became of a write.
const (
	writeDone     = "written"
	writeConflict = "conflict"
)

// Finder is who found that an object is too large.
type Finder string

// The finders.
const (
	// FoundBefore says that the size was computed before the write.
	FoundBefore Finder = "before"
	// FoundByServer says that the API server refused the write.
	FoundByServer Finder = "refused"
)

// Runs counts what becomes of the runs of one kind. A nil one counts nothing.
type Runs struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	writes   *prometheus.CounterVec
	oversize *prometheus.CounterVec
	attempts *prometheus.CounterVec // nil for PipelineRuns, which have one attempt
	pods     prometheus.Counter     // nil for PipelineRuns, which have none
}

// runSeconds are the buckets of durations: from a second, which a short task takes, to a day.
func runSeconds() []float64 {
	return []float64{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 10800, 43200, 86400}
}

// begin makes series that somebody waits for be there before the first time: a rate over one that appears with its first
// count does not see that count.
func (r *Runs) begin() {
	for _, outcome := range []string{writeDone, writeConflict} {
		r.writes.WithLabelValues(outcome)
	}
	for _, found := range []Finder{FoundBefore, FoundByServer} {
		r.oversize.WithLabelValues(string(found))
	}
	for _, status := range []string{statusSuccess, statusFailed, statusCancelled} {
		r.duration.WithLabelValues(status)
	}
}

// Wrote counts one write of a status, and what the API server said to it.
func (r *Runs) Wrote(err error) {
	if r != nil {
		r.writes.WithLabelValues(wrote(err)).Inc()
	}
}

// wrote names what became of a write.
func wrote(err error) string {
	if err == nil {
		return writeDone
	}
	switch reconcile.Classify(err) {
	case reconcile.Conflict:
		return writeConflict
	case reconcile.NotFound:
		return "gone"
	case reconcile.TooLarge:
		return "too-large"
	case reconcile.Rejected, reconcile.Exhausted:
		return "refused"
	default:
		return "failed"
	}
}

// Oversize counts a run that has ended without its results because the object could not hold them.
func (r *Runs) Oversize(found Finder) {
	if r != nil {
		r.oversize.WithLabelValues(string(found)).Inc()
	}
}

// PodCreated counts a pod that was made.
func (r *Runs) PodCreated() {
	if r != nil && r.pods != nil {
		r.pods.Inc()
	}
}

// TaskRun counts what a status that the API server has taken says anew: that the run has ended, or an attempt of it. Who
// writes an outcome counts it, so that of two controllers, or of two tries, one does. A write whose answer was lost is not
// counted.
func (r *Runs) TaskRun(before, after *v1.TaskRunStatus) {
	if r == nil {
		return
	}
	if n := len(after.RetriesStatus); n > len(before.RetriesStatus) {
		r.attempts.WithLabelValues(reasonOf(ended(after.RetriesStatus[n-1].Conditions))).Inc()
	}
	if !before.Done() && after.Done() {
		r.ended(after.Condition(), after.StartTime, after.CompletionTime)
	}
}

// PipelineRun counts the run if a status that the API server has taken says anew that it has ended.
func (r *Runs) PipelineRun(before, after *v1.PipelineRunStatus) {
	if r != nil && !before.Done() && after.Done() {
		r.ended(after.Condition(), after.StartTime, after.CompletionTime)
	}
}

func (r *Runs) ended(c *metav1.Condition, start, end *metav1.Time) {
	status := statusOf(c)
	r.total.WithLabelValues(status, reasonOf(c)).Inc()
	if start == nil || end == nil {
		return // it never began
	}
	took := max(end.Sub(start.Time), time.Duration(0))
	r.duration.WithLabelValues(status).Observe(took.Seconds())
}

// ended is the condition of an attempt that says how it ended; nil without one.
func ended(conditions []metav1.Condition) *metav1.Condition {
	for i := range conditions {
		if conditions[i].Type == v1.ConditionSucceeded {
			return &conditions[i]
		}
	}
	return nil
}

// statusOf is how a run has ended in the field's words.
func statusOf(c *metav1.Condition) string {
	switch {
	case c.Status == metav1.ConditionTrue:
		return statusSuccess
	case c.Reason == v1.TaskRunReasonCancelled, c.Reason == v1.PipelineRunReasonCancelled:
		return statusCancelled
	default:
		return statusFailed
	}
}
