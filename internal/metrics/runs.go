package metrics

import (
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// Kind is the value of the label kind.
type Kind string

// The kinds.
const (
	TaskRun     Kind = "taskrun"
	PipelineRun Kind = "pipelinerun"
)

// The values of the label status, as in Tekton.
const (
	statusSuccess   = "success"
	statusFailed    = "failed"
	statusCancelled = "cancelled"
)

// Outcomes of a write.
const (
	writeDone     = "written"
	writeConflict = "conflict"
	writeFull     = "full"
)

// Finder is how it was detected that an object is too large.
type Finder string

// The finders.
const (
	// FoundBefore: the controller computed the size before the write.
	FoundBefore Finder = "before"
	// FoundByServer: the API server rejected the write.
	FoundByServer Finder = "refused"
)

// Runs counts the runs of one kind and their outcomes. A nil Runs counts nothing.
type Runs struct {
	total    *prometheus.CounterVec
	duration *named
	writes   *prometheus.CounterVec
	oversize *prometheus.CounterVec
	// These are nil for PipelineRuns, which have one attempt and no pods.
	attempts   *prometheus.CounterVec
	pods       prometheus.Counter
	podLatency *named
	// ofChildren are the durations of the TaskRuns of PipelineRuns.
	ofChildren *named
}

// runSeconds returns the buckets of durations: from one second, for a short task, to one day.
func runSeconds() []float64 {
	return []float64{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 10800, 43200, 86400}
}

// begin creates series at 0. If a series appeared with its first count, a rate over it would not include that count.
func (r *Runs) begin() {
	for _, outcome := range []string{writeDone, writeConflict, writeFull} {
		r.writes.WithLabelValues(outcome)
	}
	for _, found := range []Finder{FoundBefore, FoundByServer} {
		r.oversize.WithLabelValues(string(found))
	}
}

// Wrote counts one write of a status. err is the response of the API server.
func (r *Runs) Wrote(err error) {
	if r != nil {
		r.writes.WithLabelValues(wrote(err)).Inc()
	}
}

// wrote returns the outcome of a write.
func wrote(err error) string {
	if err == nil {
		return writeDone
	}
	if _, full := errors.AsType[*reconcile.FullError](err); full {
		return writeFull
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

// Oversize counts a run that has ended without its results because its object would be too large.
func (r *Runs) Oversize(found Finder) {
	if r != nil {
		r.oversize.WithLabelValues(string(found)).Inc()
	}
}

// Refused counts a run that ended because its status is too large to be stored.
func (r *Runs) Refused(why reconcile.Refusal) {
	switch {
	case !why.TooLarge():
	case why.Cause == nil:
		r.Oversize(FoundBefore)
	default:
		r.Oversize(FoundByServer)
	}
}

// PodCreated counts a created pod.
func (r *Runs) PodCreated() {
	if r != nil && r.pods != nil {
		r.pods.Inc()
	}
}

// PodStarted records how long a pod waited for a node, if the status that the API server has stored is the first with a state of
// one of its steps.
func (r *Runs) PodStarted(tr *v1.TaskRun, after *v1.TaskRunStatus, pod *corev1.Pod) {
	if r == nil || r.podLatency == nil || pod == nil || begun(tr.Status.Steps) || !begun(after.Steps) {
		return
	}
	chosen := scheduled(pod)
	if chosen == nil {
		return
	}
	labels := labelsOfTaskRun(tr)
	labels[labelPod] = pod.Name
	waited := max(chosen.LastTransitionTime.Sub(pod.CreationTimestamp.Time), 0)
	r.podLatency.observe(float64(waited.Milliseconds()), labels)
}

// begun reports whether a step has started.
func begun(steps []v1.StepState) bool {
	return slices.ContainsFunc(steps, func(s v1.StepState) bool { return s.Running != nil || s.Terminated != nil })
}

// TaskRun counts the changes in a status that the API server has stored: the run has ended, or an attempt of it. The replica
// whose write succeeded counts it, so each outcome counts once. A write whose response was lost is not counted.
func (r *Runs) TaskRun(tr *v1.TaskRun, before, after *v1.TaskRunStatus) {
	if r == nil {
		return
	}
	if n := len(after.RetriesStatus); n > len(before.RetriesStatus) {
		r.attempts.WithLabelValues(reasonOf(ended(after.RetriesStatus[n-1].Conditions))).Inc()
	}
	if before.Done() || !after.Done() {
		return
	}
	duration := r.duration
	if _, parent := parentOf(tr); parent != "" {
		duration = r.ofChildren
	}
	r.ended(duration, labelsOfTaskRun(tr), after.Condition(), after.StartTime, after.CompletionTime)
}

// PipelineRun counts the run if the status that the API server has stored is the first with an outcome.
func (r *Runs) PipelineRun(pr *v1.PipelineRun, before, after *v1.PipelineRunStatus) {
	if r != nil && !before.Done() && after.Done() {
		r.ended(r.duration, labelsOfPipelineRun(pr), after.Condition(), after.StartTime, after.CompletionTime)
	}
}

// ended counts a run that has ended.
func (r *Runs) ended(duration *named, labels map[string]string, c *metav1.Condition, start, end *metav1.Time) {
	labels[labelStatus], labels[labelReason] = statusOf(c), reasonOf(c)
	r.total.WithLabelValues(labels[labelStatus], labels[labelReason]).Inc()
	if start == nil || end == nil {
		return // it never started
	}
	took := max(end.Sub(start.Time), time.Duration(0))
	duration.observe(took.Seconds(), labels)
}

// ended returns the condition Succeeded of an attempt; nil without one.
func ended(conditions []metav1.Condition) *metav1.Condition {
	for i := range conditions {
		if conditions[i].Type == v1.ConditionSucceeded {
			return &conditions[i]
		}
	}
	return nil
}

// statusOf returns the value of the label status for a condition.
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
