package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/ownership"
)

const (
	// reasonUnseen is the reason of a run without a first status.
	reasonUnseen = "Unseen"
	// overdueAfter is how long after its timeout a run may take to end: the time for a reconcile, and the grace period of its
	// pod.
	overdueAfter = time.Minute
	// listing is the timeout of a list of runs. It reads from a cache, which blocks only until it is filled.
	listing = 2 * time.Second
)

// Unfinished reports the runs that have not ended. It counts them at each scrape, so that the counts cannot drift. It is a
// prometheus.Collector.
type Unfinished struct {
	// Runs is a cache of all runs. They are read without a copy.
	Runs client.Reader
	// Leads is closed once this replica leads. Until then the leader reports the same metrics.
	Leads <-chan struct{}
	// Timeout returns the timeout of runs that do not set one.
	Timeout func() time.Duration
	// Clock returns the time.
	Clock clock.PassiveClock
	// Settings returns which labels the metrics have.
	Settings func() config.Observability
	// Manages decides which runs count: those that this controller manages.
	Manages ownership.Rule
}

// Describe describes nothing, because the labels depend on the settings. The registry checks the metrics at each scrape.
func (*Unfinished) Describe(chan<- *prometheus.Desc) {}

// Collect counts the runs. It reports nothing if another replica leads, or if the runs cannot be listed.
func (s *Unfinished) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-s.Leads:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), listing)
	defer cancel()
	taskRuns, pipelineRuns := &v1.TaskRunList{}, &v1.PipelineRunList{}
	if s.Runs.List(ctx, taskRuns, client.UnsafeDisableDeepCopy) != nil || s.Runs.List(ctx, pipelineRuns, client.UnsafeDisableDeepCopy) != nil {
		return
	}
	now, timeout := s.Clock.Now(), s.Timeout()
	ofTasks, ofPipelines := s.counts(now), s.counts(now)
	for i := range taskRuns.Items {
		ofTasks.taskRun(&taskRuns.Items[i], timeout)
	}
	for i := range pipelineRuns.Items {
		ofPipelines.pipelineRun(&pipelineRuns.Items[i], timeout)
	}
	show := func(name string, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(describe(name), prometheus.GaugeValue, value, labels...)
	}
	show(runningTaskRuns, float64(ofTasks.running))
	show(taskRunsResolving, float64(ofTasks.reasons[v1.TaskRunReasonResolvingTaskRef]+ofTasks.reasons[v1.TaskRunReasonResolvingStepActionRef]))
	show(pipelinesResolving, float64(ofPipelines.reasons[v1.PipelineRunReasonResolvingPipelineRef]))
	show(tasksResolving, float64(ofPipelines.reasons[v1.PipelineRunReasonResolvingTaskRef]))
	ofPipelines.named.show(runningPipelineRuns, metrics)
	ofTasks.quota.show(throttledByQuota, metrics)
	ofTasks.node.show(throttledByNode, metrics)
	for kind, c := range map[Kind]*counts{TaskRun: ofTasks, PipelineRun: ofPipelines} {
		for reason, n := range c.reasons {
			show(runs, float64(n), string(kind), reason)
		}
		show(unseenAge, c.unseen.Seconds(), string(kind))
		show(overdueRuns, float64(c.overdue), string(kind))
	}
}

// counts has the counts of the runs of one kind that have not ended.
type counts struct {
	now     time.Time
	manages ownership.Rule
	running int
	overdue int
	reasons map[string]int
	// named are the PipelineRuns that are running, and quota and node the TaskRuns whose pods find no room.
	named, quota, node *tally
	// unseen is the age of the oldest run without a condition.
	unseen time.Duration
}

func (s *Unfinished) counts(now time.Time) *counts {
	o := s.Settings()
	return &counts{
		now: now, manages: s.Manages, reasons: map[string]int{reasonUnseen: 0},
		named: newTally(ofRunning(o)), quota: newTally(ofThrottled(o)), node: newTally(ofThrottled(o)),
	}
}

func (c *counts) taskRun(tr *v1.TaskRun, timeout time.Duration) {
	if tr.Status.Done() || tr.DeletionTimestamp != nil || !c.manages.Manages(tr.Spec.ManagedBy) {
		return
	}
	if tr.Spec.Timeout != nil {
		timeout = tr.Spec.Timeout.Duration
	}
	c.add(tr.Status.Condition(), tr.CreationTimestamp, tr.Status.StartTime, timeout)
	switch here := map[string]string{labelNamespace: tr.Namespace}; reasonOf(tr.Status.Condition()) {
	case v1.TaskRunReasonExceededResourceQuota:
		c.quota.add(here)
	case v1.TaskRunReasonExceededNodeResources:
		c.node.add(here)
	}
}

func (c *counts) pipelineRun(pr *v1.PipelineRun, timeout time.Duration) {
	if pr.Status.Done() || pr.DeletionTimestamp != nil || !c.manages.Manages(pr.Spec.ManagedBy) {
		return
	}
	if pr.Spec.Timeouts != nil && pr.Spec.Timeouts.Pipeline != nil {
		timeout = pr.Spec.Timeouts.Pipeline.Duration
	}
	c.add(pr.Status.Condition(), pr.CreationTimestamp, pr.Status.StartTime, timeout)
	if active(pr.Status.Condition()) {
		c.named.add(labelsOfPipelineRun(pr))
	}
}

// active reports whether a run that has not ended is more than a pending one.
func active(condition *metav1.Condition) bool {
	return condition == nil || condition.Reason != v1.PipelineRunReasonPending
}

// add counts a run that has not ended. A timeout of 0 means no timeout.
func (c *counts) add(condition *metav1.Condition, created metav1.Time, start *metav1.Time, timeout time.Duration) {
	if condition == nil {
		c.reasons[reasonUnseen]++
		c.unseen = max(c.unseen, c.now.Sub(created.Time))
	} else {
		c.reasons[reasonOf(condition)]++
	}
	if active(condition) {
		c.running++
	}
	if start != nil && timeout > 0 && c.now.After(start.Add(timeout+overdueAfter)) {
		c.overdue++
	}
}
