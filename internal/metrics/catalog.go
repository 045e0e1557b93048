package metrics

import "slices"

// Type says how a metric's values are to be read.
type Type string

// The types.
const (
	// Counter only grows, and begins at 0 when the controller starts.
	Counter Type = "counter"
	// Gauge is a number as it is now.
	Gauge Type = "gauge"
	// Histogram counts observations in buckets; its series end in _bucket, _sum and _count.
	Histogram Type = "histogram"
)

// Label is a label of a metric.
type Label struct {
	// Name of the label.
	Name string
	// Values say which there are, for people.
	Values string
}

// Metric is one metric of the controller.
type Metric struct {
	// Name with its unit, as Prometheus wants it.
	Name string
	// Type of its values.
	Type Type
	// Labels in the order of their values.
	Labels []Label
	// Help says what is counted, in one sentence.
	Help string
}

func (m Metric) labels() []string {
	names := make([]string, len(m.Labels))
	for i, l := range m.Labels {
		names[i] = l.Name
	}
	return names
}

// The names. Those of the first group are the field's; the others are this project's.
const (
	taskRunTotal        = "tekton_pipelines_controller_taskrun_total"
	taskRunDuration     = "tekton_pipelines_controller_taskrun_duration_seconds"
	pipelineRunTotal    = "tekton_pipelines_controller_pipelinerun_total"
	pipelineRunDuration = "tekton_pipelines_controller_pipelinerun_duration_seconds"
	runningTaskRuns     = "tekton_pipelines_controller_running_taskruns"
	runningPipelineRuns = "tekton_pipelines_controller_running_pipelineruns"
	throttledByQuota    = "tekton_pipelines_controller_running_taskruns_throttled_by_quota"
	throttledByNode     = "tekton_pipelines_controller_running_taskruns_throttled_by_node"
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
	followers           = "sluice_results_followers"
	followersLimit      = "sluice_results_followers_limit"
	readers             = "sluice_results_readers"
	readersLimit        = "sluice_results_readers_limit"
	waitingForTurn      = "sluice_results_waiting_for_turn"
	memoryHeld          = "sluice_results_memory_bytes"
	memoryLimit         = "sluice_results_memory_limit_bytes"
	buildInfo           = "sluice_build_info"
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
	valuesKind      = "`taskrun`, `pipelinerun`"
	valuesStatus    = "`success`, `failed`, `cancelled`"
	valuesReason    = "reasons of `api/v1/reasons.go`, else `other`"
	valuesCause     = "`denied`, `absent`, `unreachable`, `broken`, `stalled`, `incomplete`, `damaged`"
	valuesContainer = "`running`, `ended`"
)

// Catalog lists every metric, in the order in which people want to read about them.
func Catalog() []Metric {
	return slices.Concat(outcomes(), standings(), work(), resultsMetrics())
}

func outcomes() []Metric {
	ended := []Label{{labelStatus, valuesStatus}, {labelReason, valuesReason}}
	return []Metric{
		{taskRunTotal, Counter, ended, "TaskRuns that have ended, counted when the API server has taken their outcome."},
		{taskRunDuration, Histogram, ended[:1], "Seconds from the start of a TaskRun's last attempt to its end."},
		{pipelineRunTotal, Counter, ended, "PipelineRuns that have ended, counted when the API server has taken their outcome."},
		{pipelineRunDuration, Histogram, ended[:1], "Seconds from the start of a PipelineRun to its end."},
		{attemptsFailed, Counter, ended[1:], "Attempts of TaskRuns that have failed and are followed by another one."},
	}
}

func standings() []Metric {
	kind := Label{labelKind, valuesKind}
	return []Metric{
		{runningTaskRuns, Gauge, nil, "TaskRuns that have not ended."},
		{runningPipelineRuns, Gauge, nil, "PipelineRuns that have not ended, but for those that their users hold back."},
		{throttledByQuota, Gauge, nil, "TaskRuns whose pod a quota keeps from being made."},
		{throttledByNode, Gauge, nil, "TaskRuns whose pod no node has room for."},
		{runs, Gauge, []Label{kind, {labelReason, valuesReason + "; `Unseen` before the controller's first word"}},
			"Runs that have not ended, by the reason of their condition."},
		{unseenAge, Gauge, []Label{kind}, "Seconds since the oldest run was created of which the controller has said nothing yet; 0 without one."},
		{overdueRuns, Gauge, []Label{kind}, "Runs that have not ended a minute after their timeout."},
	}
}

func work() []Metric {
	kind := Label{labelKind, valuesKind}
	return []Metric{
		{podsCreated, Counter, nil, "Pods that were made, one for each attempt of a TaskRun."},
		{statusWrites, Counter, []Label{kind, {labelOutcome, "`written`, `conflict`, `gone`, `too-large`, `refused`, `failed`"}},
			"Writes of a run's status, by what became of them; after a conflict a newer version is looked at."},
		{objectsTooLarge, Counter, []Label{kind, {"found", "`before` the write, or `refused` by the API server"}},
			"Runs that have ended without their results because one object cannot hold them."},
		{buildInfo, Gauge, []Label{{"version", "`sluice --version`"}, {"revision", "commit"}, {"goversion", "Go"}},
			"1, with what the controller was built from."},
	}
}

func resultsMetrics() []Metric {
	place := Label{labelPlace, "`follower`, `reader`"}
	return []Metric{
		{collections, Counter, []Label{
			{labelOutcome, "`whole`, `interrupted` (whole, and the pod was told to end), `unavailable`"},
			{labelCause, valuesCause + "; empty unless `unavailable`"},
		},
			"Logs of results containers that were read to a verified end, or given up."},
		{collectSeconds, Histogram, []Label{{labelContainer, valuesContainer}},
			"Seconds from the end of the last step, by its node's clock, to the moment at which all results were verified."},
		{logReadFailures, Counter, []Label{{labelCause, valuesCause}, {labelContainer, valuesContainer}},
			"Reads of a log that failed, most of which are tried again."},
		{logBytes, Counter, nil, "Bytes of logs that were read, by all reads."},
		{valueBytes, Counter, nil, "Bytes of the results that were verified, as the steps wrote them."},
		{collecting, Gauge, nil, "TaskRuns whose results are held, or being read."},
		{followers, Gauge, nil, "Logs that are being followed."},
		{followersLimit, Gauge, nil, "Logs that may be followed at once (--max-followers)."},
		{readers, Gauge, nil, "Finished logs that are being read."},
		{readersLimit, Gauge, nil, "Finished logs that may be read at once."},
		{waitingForTurn, Gauge, []Label{place}, "Logs that wait for a place among those that are followed or read."},
		{memoryHeld, Gauge, nil, "Bytes that passes over PipelineRuns have reserved for the results which they load."},
		{memoryLimit, Gauge, nil, "Bytes that all passes may reserve for results; a run that finds no room comes again within half a second."},
	}
}

// find returns the metric of this name. One that is not in the catalog has no help, and a registry refuses its collector.
func find(name string) Metric {
	all := Catalog()
	if i := slices.IndexFunc(all, func(m Metric) bool { return m.Name == name }); i >= 0 {
		return all[i]
	}
	return Metric{}
}
