package metrics

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

// nameAnonymous stands for the name of a Task or Pipeline that is embedded in its run, as in Tekton.
const nameAnonymous = "anonymous"

// maxName is the maximum length of a name in a label, in bytes: that of the name of an object.
const maxName = 253

// taskOf returns the name of the Task of a run. A task that is embedded in a pipeline has the name of the pipeline's task.
func taskOf(tr *v1.TaskRun) string {
	switch {
	case tr.Spec.TaskRef != nil && tr.Spec.TaskRef.Name != "":
		return nameOr(tr.Spec.TaskRef.Name)
	case tr.Spec.TaskSpec != nil:
		return nameOr(tr.Labels[v1.LabelPipelineTask])
	default:
		return nameOr(tr.Labels[v1.LabelTask])
	}
}

// pipelineOf returns the name of the Pipeline of a PipelineRun.
func pipelineOf(pr *v1.PipelineRun) string {
	switch {
	case pr.Spec.PipelineRef != nil && pr.Spec.PipelineRef.Name != "":
		return nameOr(pr.Spec.PipelineRef.Name)
	case pr.Spec.PipelineSpec != nil, pr.Labels[v1.LabelPipeline] == pr.Name: // the label of a run of an embedded pipeline
		return nameAnonymous
	default:
		return nameOr(pr.Labels[v1.LabelPipeline])
	}
}

// parentOf returns the names of the Pipeline and of the PipelineRun of a TaskRun; an empty run if it has none. A run of an embedded
// pipeline has its own name as the label for the Pipeline.
func parentOf(tr *v1.TaskRun) (pipeline, run string) {
	pipeline, run = tr.Labels[v1.LabelPipeline], tr.Labels[v1.LabelPipelineRun]
	if pipeline == run {
		pipeline = ""
	}
	return nameOr(pipeline), run
}

// nameOr returns the name to show for the name of a Task or Pipeline. A run is counted before its references are checked, and beside
// Tekton the API server has no webhook that checks them, so a reference can have any text, of any length.
func nameOr(name string) string {
	switch {
	case name == "":
		return nameAnonymous
	case len(name) > maxName, strings.Contains(name, separator):
		return nameOther
	default:
		return name
	}
}

// labelsOfTaskRun returns all labels that a metric of a TaskRun may have.
func labelsOfTaskRun(tr *v1.TaskRun) map[string]string {
	pipeline, run := parentOf(tr)
	return map[string]string{
		labelNamespace: tr.Namespace, labelTask: taskOf(tr), labelTaskRun: tr.Name, labelPipeline: pipeline, labelPipelineRun: run,
	}
}

// labelsOfPipelineRun returns all labels that a metric of a PipelineRun may have.
func labelsOfPipelineRun(pr *v1.PipelineRun) map[string]string {
	return map[string]string{labelNamespace: pr.Namespace, labelPipeline: pipelineOf(pr), labelPipelineRun: pr.Name}
}

// ofTask is the shape of the durations of TaskRuns without PipelineRun.
func ofTask(o config.Observability) shape {
	l := o.TaskRunLevel
	return shapeOf(o.TaskRunDuration == config.Histogram, l.Run(),
		conditional{labelNamespace, l.Namespace()}, conditional{labelTask, l.Definition()}, conditional{labelTaskRun, l.Run()},
		conditional{labelStatus, true}, conditional{labelReason, o.DurationReason})
}

// ofChild is the shape of the durations of the TaskRuns of PipelineRuns, which have the labels of both levels.
func ofChild(o config.Observability) shape {
	task, pipeline := o.TaskRunLevel, o.PipelineRunLevel
	return shapeOf(o.TaskRunDuration == config.Histogram, task.Run() || pipeline.Run(),
		conditional{labelNamespace, task.Namespace() || pipeline.Namespace()},
		conditional{labelPipeline, pipeline.Definition()}, conditional{labelPipelineRun, pipeline.Run()},
		conditional{labelTask, task.Definition()}, conditional{labelTaskRun, task.Run()},
		conditional{labelStatus, true}, conditional{labelReason, o.DurationReason})
}

// ofPipeline is the shape of the durations of PipelineRuns.
func ofPipeline(o config.Observability) shape {
	l := o.PipelineRunLevel
	return shapeOf(o.PipelineRunDuration == config.Histogram, l.Run(),
		conditional{labelNamespace, l.Namespace()}, conditional{labelPipeline, l.Definition()}, conditional{labelPipelineRun, l.Run()},
		conditional{labelStatus, true}, conditional{labelReason, o.DurationReason})
}

// ofPod is the shape of the times until a node is chosen for a pod.
func ofPod(o config.Observability) shape {
	l := o.TaskRunLevel
	return shapeOf(false, l.Run(), conditional{labelNamespace, l.Namespace()}, conditional{labelTask, l.Definition()},
		conditional{labelTaskRun, l.Run()}, conditional{labelPod, l.Run()})
}

// ofRunning is the shape of the number of PipelineRuns that have not ended.
func ofRunning(o config.Observability) shape {
	l := o.RunningLevel
	return shapeOf(false, false, conditional{labelNamespace, l.Namespace()}, conditional{labelPipeline, l.Definition()},
		conditional{labelPipelineRun, l.Run()})
}

// ofThrottled is the shape of the numbers of TaskRuns whose pods find no room.
func ofThrottled(o config.Observability) shape {
	return shapeOf(false, false, conditional{labelNamespace, o.ThrottleNamespace})
}

// scheduled returns the condition of a pod for which a node was chosen; nil if none was.
func scheduled(pod *corev1.Pod) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}
