// Package load says what is measured, and builds the runs and pods for it.
package load

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// The ways of results, which are the values of the feature flag results-from, and the mode of what has no controller.
const (
	SidecarLogs        = "sidecar-logs"
	TerminationMessage = "termination-message"
	BarePods           = "bare-pods"
	BareWrites         = "bare-writes"
)

// nobody is who runs what no controller is to run.
const nobody = "bench.sluice.dev/nobody"

// Limit says whether a mode is what no controller can be faster than, for which no flags are set.
func Limit(mode string) bool { return mode == BarePods || mode == BareWrites }

// Result is the name of the one result that a task has; Fill is the byte that its value consists of.
const (
	Result = "value"
	Fill   = "x"
)

// Shape is what one measured thing consists of.
type Shape struct {
	// Containers of a bare pod; 0 for what a controller runs.
	Containers int `json:"containers,omitempty"`
	// Tasks of a PipelineRun; 0 for a TaskRun by itself.
	Tasks int `json:"tasks,omitempty"`
	// Chained tasks run one after another, each with the result of the one before as a param; others all at once.
	Chained bool `json:"chained,omitempty"`
	// Steps of each task.
	Steps int `json:"steps,omitempty"`
	// Size of each task's result in bytes; 0 for tasks without results.
	Size int `json:"size,omitempty"`
	// Random results do not compress; others are one character again and again.
	Random bool `json:"random,omitempty"`
	// Written results are not made by a step: the benchmark itself writes them into the status of a TaskRun without a pod.
	Written bool `json:"written,omitempty"`
}

// Pods is how many pods it becomes.
func (s Shape) Pods() int {
	if s.Written {
		return 0
	}
	return max(1, s.Tasks)
}

// Status is the one that is written where results are Written.
func (s Shape) Status() v1.TaskRunStatus {
	status := v1.TaskRunStatus{
		Results: []v1.TaskRunResult{{Name: Result, Type: v1.TypeString, Value: v1.StringValue(strings.Repeat(Fill, s.Size))}},
	}
	status.SetCondition(v1.Succeeded("written"), metav1.Now())
	return status
}

// Object builds it. Every step and every container prints a line when it starts and another when it ends, so that its log
// tells when that was, to the microsecond and whatever the controller is.
func (s Shape) Object(namespace, name, image string) client.Object {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	switch {
	case s.Containers > 0:
		return &corev1.Pod{ObjectMeta: meta, Spec: s.pod(image)}
	case s.Tasks > 0:
		return &v1.PipelineRun{ObjectMeta: meta, Spec: v1.PipelineRunSpec{PipelineSpec: s.pipeline(image)}}
	case s.Written:
		return &v1.TaskRun{ObjectMeta: meta, Spec: v1.TaskRunSpec{TaskSpec: s.task(image), ManagedBy: new(nobody)}}
	default:
		return &v1.TaskRun{ObjectMeta: meta, Spec: v1.TaskRunSpec{TaskSpec: s.task(image)}}
	}
}

func (s Shape) pod(image string) corev1.PodSpec {
	spec := corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever}
	for i := range s.Containers {
		spec.Containers = append(spec.Containers, corev1.Container{
			Name: Container(i), Image: image, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"sh", "-c", "echo started; echo ended"},
		})
	}
	return spec
}

// Container is the name of a bare pod's container.
func Container(i int) string { return fmt.Sprintf("c%d", i) }

func (s Shape) task(image string) *v1.TaskSpec {
	task := &v1.TaskSpec{}
	for i := range s.Steps {
		task.Steps = append(task.Steps, v1.Step{
			Name: fmt.Sprintf("s%d", i), Image: image, ImagePullPolicy: corev1.PullIfNotPresent, Script: s.script(i),
		})
	}
	if s.Size > 0 {
		task.Results = []v1.TaskResult{{Name: Result, Type: v1.TypeString}}
	}
	return task
}

// script is what a step does. The first one writes the result, and says in its last line what it wrote, if that is not known.
func (s Shape) script(step int) string {
	lines := []string{"#!/bin/sh", "echo started"}
	last := "echo ended"
	if step == 0 && s.Size > 0 {
		content := `tr '\0' ` + Fill + ` < /dev/zero`
		if s.Random {
			content, last = "base64 -w 0 /dev/urandom", fmt.Sprintf("sha256sum < $(results.%s.path)", Result)
		}
		lines = append(lines, fmt.Sprintf("%s | head -c %d > $(results.%s.path)", content, s.Size, Result))
	}
	return strings.Join(append(lines, last), "\n")
}

func (s Shape) pipeline(image string) *v1.PipelineSpec {
	spec := &v1.PipelineSpec{}
	for i := range s.Tasks {
		task := v1.PipelineTask{Name: fmt.Sprintf("t%d", i), TaskSpec: &v1.EmbeddedTask{TaskSpec: *s.task(image)}}
		if s.Chained && i > 0 {
			task.TaskSpec.Params = []v1.ParamSpec{{Name: "before", Type: v1.TypeString}}
			task.Params = []v1.Param{{
				Name:  "before",
				Value: v1.Value{Type: v1.TypeString, String: fmt.Sprintf("$(tasks.t%d.results.%s)", i-1, Result)},
			}}
		}
		spec.Tasks = append(spec.Tasks, task)
	}
	return spec
}

// Whole says of a TaskRun that succeeded why its result is not what its step wrote, and "" if it is. Of what a random result
// holds it knows nothing.
func (s Shape) Whole(status *v1.TaskRunStatus) string {
	switch {
	case s.Size == 0:
		return ""
	case len(status.Results) != 1 || status.Results[0].Name != Result:
		return fmt.Sprintf("it has %d results, not the one %q", len(status.Results), Result)
	case len(status.Results[0].Value.String) != s.Size:
		return fmt.Sprintf("its result is not of the %d bytes that its step wrote, but of %d", s.Size, len(status.Results[0].Value.String))
	case !s.Random && status.Results[0].Value.String != strings.Repeat(Fill, s.Size):
		return "its result is not what its step wrote, though as long"
	default:
		return ""
	}
}
