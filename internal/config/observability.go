package config

import (
	"fmt"
	"net/url"
	"time"

	"github.com/sluice-ci/sluice/internal/otlp"
)

// ObservabilityName is the ConfigMap of the metrics, in the namespace of the installation.
const ObservabilityName = "config-observability"

// Keys of config-observability that have an effect: the same as in Tekton.
const (
	keyTaskRunLevel        = "metrics.taskrun.level"
	keyPipelineRunLevel    = "metrics.pipelinerun.level"
	keyRunningLevel        = "metrics.running-pipelinerun.level"
	keyTaskRunDuration     = "metrics.taskrun.duration-type"
	keyPipelineRunDuration = "metrics.pipelinerun.duration-type"
	keyDurationReason      = "metrics.count.enable-reason"
	keyThrottleNamespace   = "metrics.taskrun.throttle.enable-namespace"
	keyMetricsProtocol     = "metrics-protocol"
	keyMetricsEndpoint     = "metrics-endpoint"
	keyExportInterval      = "metrics-export-interval"
)

func observabilityKeys() []string {
	return []string{
		keyTaskRunLevel, keyPipelineRunLevel, keyRunningLevel, keyTaskRunDuration, keyPipelineRunDuration, keyDurationReason,
		keyThrottleNamespace, keyMetricsProtocol, keyMetricsEndpoint, keyExportInterval,
	}
}

// Level is which names of users are labels of a metric. Each level includes those before it.
type Level string

// The levels.
const (
	// LevelCluster: no names.
	LevelCluster Level = "cluster"
	// LevelNamespace: the namespace of the run.
	LevelNamespace Level = "namespace"
	// LevelTask and LevelPipeline: the Task or the Pipeline, too.
	LevelTask     Level = "task"
	LevelPipeline Level = "pipeline"
	// LevelTaskRun and LevelPipelineRun: the run, too.
	LevelTaskRun     Level = "taskrun"
	LevelPipelineRun Level = "pipelinerun"
)

// Namespace reports whether the namespace of the run is a label.
func (l Level) Namespace() bool { return l != LevelCluster }

// Definition reports whether the name of the Task or the Pipeline is a label.
func (l Level) Definition() bool { return l == LevelTask || l == LevelPipeline || l.Run() }

// Run reports whether the name of the run is a label.
func (l Level) Run() bool { return l == LevelTaskRun || l == LevelPipelineRun }

// DurationType is the type of a metric of durations.
type DurationType string

// The types.
const (
	// Histogram counts durations in buckets.
	Histogram DurationType = "histogram"
	// LastValue is a gauge with the last duration.
	LastValue DurationType = "lastvalue"
)

// Observability has the settings of the metrics.
type Observability struct {
	// TaskRunLevel and PipelineRunLevel are the levels of the metrics of ended runs.
	TaskRunLevel, PipelineRunLevel Level
	// RunningLevel is the level of the number of PipelineRuns that have not ended.
	RunningLevel Level
	// TaskRunDuration and PipelineRunDuration are the types of the durations. A level with runs needs LastValue, whatever these say.
	TaskRunDuration, PipelineRunDuration DurationType
	// DurationReason adds the reason of the run's condition to the labels of durations.
	DurationReason bool
	// ThrottleNamespace adds the namespace to the labels of the numbers of TaskRuns whose pods find no room.
	ThrottleNamespace bool
	// Export is where metrics are sent.
	Export Export
}

// Export is where metrics are sent by OTLP. The zero value sends none.
type Export struct {
	// Endpoint is the URL of the collector; empty: none.
	Endpoint string
	// Interval is the time between two messages, from shortestInterval to longestInterval.
	Interval time.Duration
}

// The values of metrics-protocol.
const (
	protocolPrometheus = "prometheus"
	protocolHTTP       = "http/protobuf"
)

// The time between two messages: by default that of OpenTelemetry.
const (
	defaultInterval  = time.Minute
	shortestInterval = time.Second
	longestInterval  = time.Hour
)

func defaultObservability() Observability {
	return Observability{
		TaskRunLevel: LevelTask, PipelineRunLevel: LevelPipeline, RunningLevel: LevelCluster,
		TaskRunDuration: Histogram, PipelineRunDuration: Histogram,
	}
}

// ParseObservability parses the data of the ConfigMap config-observability. An empty map gives the defaults.
func ParseObservability(data map[string]string) (Observability, []SettingError) {
	o := defaultObservability()
	s := &settings{configMap: ObservabilityName, data: data}
	oneOf(s, keyTaskRunLevel, &o.TaskRunLevel, LevelCluster, LevelNamespace, LevelTask, LevelTaskRun)
	oneOf(s, keyPipelineRunLevel, &o.PipelineRunLevel, LevelCluster, LevelNamespace, LevelPipeline, LevelPipelineRun)
	if data[keyRunningLevel] != "" { // Tekton's spelling of the cluster
		oneOf(s, keyRunningLevel, &o.RunningLevel, LevelCluster, LevelNamespace, LevelPipeline, LevelPipelineRun)
	}
	oneOf(s, keyTaskRunDuration, &o.TaskRunDuration, Histogram, LastValue)
	oneOf(s, keyPipelineRunDuration, &o.PipelineRunDuration, Histogram, LastValue)
	s.boolean(keyDurationReason, &o.DurationReason)
	s.boolean(keyThrottleNamespace, &o.ThrottleNamespace)
	o.Export = s.export()
	return o, s.problems
}

// export parses where metrics are sent. With an invalid value none are sent, because a default could be the collector of others.
func (s *settings) export() Export {
	switch s.data[keyMetricsProtocol] {
	case "", protocolPrometheus:
		for _, key := range []string{keyMetricsEndpoint, keyExportInterval} {
			if s.data[key] != "" {
				s.refuseAddress(key, `in effect unless metrics-protocol is "http/protobuf"`, "nothing: no metrics are sent")
			}
		}
		return Export{}
	case protocolHTTP:
	default:
		s.refuse(keyMetricsProtocol, `one of "http/protobuf", "prometheus" (instead of OTLP over gRPC, use the HTTP port of the collector, `+
			`which is often 4318; metrics are served with any value, unless the flag --metrics-bind-address is 0)`, protocolPrometheus)
		return Export{}
	}
	endpoint, err := endpointOf(s.data[keyMetricsEndpoint])
	if err != nil {
		s.refuseAddress(keyMetricsEndpoint, fmt.Sprintf("the URL of a collector, such as http://HOST:4318/v1/metrics (%v)", err),
			"nothing: no metrics are sent")
		return Export{}
	}
	export := Export{Endpoint: endpoint, Interval: defaultInterval}
	if text, ok := s.data[keyExportInterval]; ok {
		interval, err := time.ParseDuration(text)
		if err != nil || interval < shortestInterval || interval > longestInterval {
			s.refuse(keyExportInterval, "a duration from 1s to 1h, such as 30s", defaultInterval.String())
			return export
		}
		export.Interval = interval
	}
	return export
}

// endpointOf returns the URL for metrics. A URL without a path has the default path of OTLP.
func endpointOf(text string) (string, error) {
	if err := otlp.CheckURL(text); err != nil {
		return "", err
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/metrics"
	}
	return u.String(), nil
}
