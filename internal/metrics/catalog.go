package metrics

import "slices"

// Type is the type of a metric in Prometheus.
type Type string

// The types.
const (
	// Counter only grows. It is 0 when the controller starts.
	Counter Type = "counter"
	// Gauge is a current value.
	Gauge Type = "gauge"
	// Histogram counts observations in buckets; its series end in _bucket, _sum and _count.
	Histogram Type = "histogram"
)

// Label is a label of a metric.
type Label struct {
	// Name of the label.
	Name string
	// Values describes the values for readers of docs/metrics.md.
	Values string
}

// Metric is one metric of the controller.
type Metric struct {
	// Name with its unit, by the conventions of Prometheus.
	Name string
	// Type of its values.
	Type Type
	// Labels in the order of their values.
	Labels []Label
	// Help describes the metric in one sentence.
	Help string
}

func (m Metric) labels() []string {
	names := make([]string, len(m.Labels))
	for i, l := range m.Labels {
		names[i] = l.Name
	}
	return names
}

// The names. The first group has the names of Tekton; the others are names of this project.
const (
	taskRunTotal        = "tekton_pipelines_controller_taskrun_total"
	taskRunDuration     = "tekton_pipelines_controller_taskrun_duration_seconds"
	pipelineRunTotal    = "tekton_pipelines_controller_pipelinerun_total"
	pipelineRunDuration = "tekton_pipelines_controller_pipelinerun_duration_seconds"
	runningTaskRuns     = "tekton_pipelines_controller_running_taskruns"
	runningPipelineRuns = "tekton_pipelines_controller_running_pipelineruns"
	throttledByQuota    = "tekton_pipelines_controller_running_taskruns_throttled_by_quota"
	throttledByNode     = "tekton_pipelines_controller_running_taskruns_throttled_by_node"
	childDuration       = "tekton_pipelines_controller_pipelinerun_taskrun_duration_seconds"
	podLatency          = "tekton_pipelines_controller_taskruns_pod_latency_milliseconds"
	taskRunsResolving   = "tekton_pipelines_controller_running_taskruns_waiting_on_task_resolution_count"
	pipelinesResolving  = "tekton_pipelines_controller_running_pipelineruns_waiting_on_pipeline_resolution"
	tasksResolving      = "tekton_pipelines_controller_running_pipelineruns_waiting_on_task_resolution"
	merged              = "sluice_metrics_merged_total"
	exports             = "sluice_metrics_exports_total"
	runs                = "sluice_runs"
	unseenAge           = "sluice_unseen_run_age_seconds"
	overdueRuns         = "sluice_overdue_runs"
	attemptsFailed      = "sluice_attempts_failed_total"
	podsCreated         = "sluice_pods_created_total"
	statusWrites        = "sluice_status_writes_total"
	objectsTooLarge     = "sluice_objects_too_large_total"
	collections         = "sluice_results_collections_total"
	collectSeconds      = "sluice_results_collect_seconds"
	logReadFailures     = "sluice_results_log_read_failures_total"
	logBytes            = "sluice_results_log_bytes_total"
	valueBytes          = "sluice_results_value_bytes_total"
	collecting          = "sluice_results_collecting"
	collectingBytes     = "sluice_results_collecting_bytes"
	collectingLimit     = "sluice_results_collecting_limit_bytes"
	followers           = "sluice_results_followers"
	followersLimit      = "sluice_results_followers_limit"
	readers             = "sluice_results_readers"
	readersLimit        = "sluice_results_readers_limit"
	waitingForTurn      = "sluice_results_waiting_for_turn"
	runsMarked          = "sluice_runs_marked_total"
	runsMissed          = "sluice_runs_missed"
	memoryHeld          = "sluice_results_memory_bytes"
	memoryLimit         = "sluice_results_memory_limit_bytes"
	tracedRuns          = "sluice_traced_runs_total"
	traceSpans          = "sluice_trace_spans_total"
	eventsSent          = "sluice_events_sent_total"
	eventsFailed        = "sluice_events_failed_total"
	eventsDropped       = "sluice_events_dropped_total"
	eventsQueued        = "sluice_events_queued"
	eventsLimit         = "sluice_events_queued_limit"
	buildInfo           = "sluice_build_info"
	storedBytes         = "sluice_stored_run_bytes"
	storedQuota         = "sluice_stored_run_quota_bytes"
	runsDeleted         = "sluice_runs_deleted_total"
	deletesRefused      = "sluice_run_deletes_refused_total"
)

// Labels that several metrics have, and their values.
const (
	labelStatus     = "status"
	labelReason     = "reason"
	labelKind       = "kind"
	labelOutcome    = "outcome"
	labelCause      = "cause"
	labelContainer  = "container"
	labelPlace      = "place"
	labelMetric     = "metric"
	valuesKind      = "`taskrun`, `pipelinerun`"
	valuesStatus    = "`success`, `failed`, `cancelled`"
	valuesReason    = "reasons of `api/v1/reasons.go`, else `other`"
	valuesCause     = "`denied`, `absent`, `unreachable`, `broken`, `stalled`, `incomplete`, `damaged`"
	valuesContainer = "`running`, `ended`"
)

// Labels with names of users' objects. The settings (config-observability) decide which of them a metric has.
const (
	labelNamespace   = "namespace"
	labelTask        = "task"
	labelTaskRun     = "taskrun"
	labelPipeline    = "pipeline"
	labelPipelineRun = "pipelinerun"
	labelPod         = "pod"
)

// Group has the metrics of one subject.
type Group struct {
	// Title names the subject.
	Title   string
	Metrics []Metric
}

// Groups returns every metric by its subject, in the order of docs/metrics.md.
func Groups() []Group {
	return []Group{
		{"Runs that have ended", outcomes()},
		{"Runs that have not ended", unfinished()},
		{"Work of the controller", work()},
		{"Results", resultsMetrics()},
		{"Stored runs and retention", stored()},
		{"CloudEvents", events()},
		{"Traces", tracing()},
		{"Metrics themselves", ofMetrics()},
		{"Beside Tekton", beside()},
	}
}

// Catalog returns the metrics of all groups.
func Catalog() []Metric {
	var all []Metric
	for _, group := range Groups() {
		all = append(all, group.Metrics...)
	}
	return all
}

func outcomes() []Metric {
	ended := []Label{{labelStatus, valuesStatus}, {labelReason, valuesReason}}
	took := []Label{ended[0], {labelReason, "with `metrics.count.enable-reason`"}}
	return []Metric{
		{taskRunTotal, Counter, ended, "TaskRuns that have ended."},
		{taskRunDuration, Histogram, append(names(labelNamespace, labelTask, labelTaskRun), took...),
			"Seconds of the last attempt of a TaskRun without PipelineRun."},
		{childDuration, Histogram, append(names(labelNamespace, labelPipeline, labelPipelineRun, labelTask, labelTaskRun), took...),
			"Seconds of the last attempt of a TaskRun of a PipelineRun."},
		{podLatency, Gauge, names(labelNamespace, labelTask, labelTaskRun, labelPod),
			"Milliseconds from the creation of the last pod until it had a node."},
		{pipelineRunTotal, Counter, ended, "PipelineRuns that have ended."},
		{pipelineRunDuration, Histogram, append(names(labelNamespace, labelPipeline, labelPipelineRun), took...),
			"Seconds from the start of a PipelineRun to its end."},
		{attemptsFailed, Counter, ended[1:], "Attempts of TaskRuns that have failed and are retried."},
	}
}

// ofMetrics returns the metrics about metrics.
func ofMetrics() []Metric {
	return []Metric{
		{merged, Counter, []Label{{labelMetric, "a metric of this page"}}, "Observations with the name `other` in their labels."},
		{exports, Counter, []Label{{labelOutcome, "`sent`, `failed` (also if the collector has rejected a part)"}},
			"Messages to a collector, by OTLP."},
	}
}

// names returns labels with names of users' objects.
func names(of ...string) []Label {
	all := make([]Label, len(of))
	for i, name := range of {
		all[i] = Label{name, "by [level](#names-in-labels)"}
	}
	return all
}

func unfinished() []Metric {
	kind := Label{labelKind, valuesKind}
	throttled := []Label{{labelNamespace, "with `metrics.taskrun.throttle.enable-namespace`"}}
	return []Metric{
		{runningTaskRuns, Gauge, nil, "TaskRuns that have not ended."},
		{runningPipelineRuns, Gauge, names(labelNamespace, labelPipeline, labelPipelineRun),
			"PipelineRuns that have not ended and are not held."},
		{throttledByQuota, Gauge, throttled, "TaskRuns whose pod cannot be created because of a quota."},
		{throttledByNode, Gauge, throttled, "TaskRuns whose pod fits on no node."},
		{taskRunsResolving, Gauge, nil, "TaskRuns that wait for a resolver to fetch their Task or a StepAction."},
		{pipelinesResolving, Gauge, nil, "PipelineRuns that wait for a resolver to fetch their Pipeline."},
		{tasksResolving, Gauge, nil, "PipelineRuns that wait for a resolver to fetch a Task of their pipeline."},
		{runs, Gauge, []Label{kind, {labelReason, valuesReason + "; `Unseen` before the first status"}},
			"Runs that have not ended, by the reason of their condition."},
		{unseenAge, Gauge, []Label{kind}, "Seconds since the creation of the oldest run without a status, or 0."},
		{overdueRuns, Gauge, []Label{kind}, "Runs that have not ended one minute after their timeout."},
	}
}

func work() []Metric {
	kind := Label{labelKind, valuesKind}
	return []Metric{
		{podsCreated, Counter, nil, "Pods that were created."},
		{statusWrites, Counter, []Label{
			kind,
			{labelOutcome, "`written`, `conflict`, `gone`, `too-large`, `refused`, `full` (no room for the outcome), `failed`"},
		},
			"Writes of the statuses of runs."},
		{objectsTooLarge, Counter, []Label{kind, {"found", "`before` the write, or `refused` by the API server"}},
			"Runs that ended without results, because the object would be too large."},
		{buildInfo, Gauge, []Label{{"version", "`sluice --version`"}, {"revision", "commit"}, {"goversion", "Go"}},
			"1, with the version of the controller in labels."},
	}
}

// stored returns the metrics of retention.
func stored() []Metric {
	kind := Label{labelKind, valuesKind}
	return []Metric{
		{storedBytes, Gauge, []Label{{labelNamespace, "the 20 with the most bytes; `_other` for the rest"}},
			"Bytes of finished runs in etcd."},
		{storedQuota, Gauge, nil, "The setting `etcd-quota`, in bytes; 0: no warning."},
		{runsDeleted, Counter, []Label{kind, {"rule", "`ttl`, `history`, `bytes`"}}, "Finished runs that retention has deleted."},
		{deletesRefused, Counter, []Label{
			kind, {labelCause, "`conflict` (the run has changed), `forbidden`, `denied` (by a policy or a webhook), `other`"},
		},
			"Deletions that the API server has refused."},
	}
}

// beside returns the metrics of a controller beside Tekton.
func beside() []Metric {
	kind := Label{labelKind, valuesKind}
	return []Metric{
		{runsMarked, Counter, []Label{kind}, "Runs in which the webhook has set `managedBy`."},
		{runsMissed, Gauge, []Label{kind},
			"Runs that Tekton runs, because the webhook did not respond."},
	}
}

func resultsMetrics() []Metric {
	place := Label{labelPlace, "`follower`, `reader`, `memory`"}
	return []Metric{
		{collections, Counter, []Label{
			{labelOutcome, "`whole`, `interrupted` (whole, while the pod was stopped), `unavailable`"},
			{labelCause, valuesCause + "; empty unless `unavailable`"},
		},
			"Logs of results that were read to a verified end, or abandoned."},
		{collectSeconds, Histogram, []Label{{labelContainer, valuesContainer}},
			"Seconds from the end of the last step until all results were verified."},
		{logReadFailures, Counter, []Label{{labelCause, valuesCause}, {labelContainer, valuesContainer}},
			"Reads of a log that failed."},
		{logBytes, Counter, nil, "Bytes of logs that were read."},
		{valueBytes, Counter, nil, "Bytes of verified results."},
		{collecting, Gauge, nil, "TaskRuns whose results are in memory or being read."},
		{collectingBytes, Gauge, nil, "Bytes that are reserved for their results."},
		{collectingLimit, Gauge, nil, "Maximum of these bytes."},
		{followers, Gauge, nil, "Logs that are being followed."},
		{followersLimit, Gauge, nil, "Maximum of these logs (--max-followers)."},
		{readers, Gauge, nil, "Finished logs that are being read."},
		{readersLimit, Gauge, nil, "Maximum of these logs."},
		{waitingForTurn, Gauge, []Label{place}, "Logs that wait because such a maximum is reached."},
		{memoryHeld, Gauge, nil, "Bytes that are reserved for results which PipelineRuns pass on."},
		{memoryLimit, Gauge, nil, "Maximum of these bytes."},
	}
}

// events returns the metrics of CloudEvents.
func events() []Metric {
	return []Metric{
		{eventsSent, Counter, []Label{
			{labelKind, "`taskrun`, `pipelinerun`, `customrun`"},
			{"phase", "`queued`, `started`, `running`, `unknown`, `successful`, `failed`"},
		},
			"CloudEvents that the sink has accepted."},
		{eventsFailed, Counter, []Label{{labelCause, "`unreachable`, `status` (an answer other than 2xx)"}},
			"Attempts to send a CloudEvent that failed."},
		{eventsDropped, Counter, []Label{{
			labelCause,
			"`refused` by the sink, `expired` after an hour, `deleted` with its run, `off` (no sink any more)",
		}},
			"CloudEvents that will not be sent."},
		{eventsQueued, Gauge, nil, "CloudEvents in the queue."},
		{eventsLimit, Gauge, nil, "Maximum of these CloudEvents."},
	}
}

// find returns the metric with this name. A metric outside the catalog has no help, and a registry rejects it.
func find(name string) Metric {
	all := Catalog()
	if i := slices.IndexFunc(all, func(m Metric) bool { return m.Name == name }); i >= 0 {
		return all[i]
	}
	return Metric{}
}
