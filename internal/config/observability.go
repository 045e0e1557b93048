package config

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
)

func observabilityKeys() []string {
	return []string{
		keyTaskRunLevel, keyPipelineRunLevel, keyRunningLevel, keyTaskRunDuration, keyPipelineRunDuration, keyDurationReason,
		keyThrottleNamespace,
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
}

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
	return o, s.problems
}
