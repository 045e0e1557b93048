// Package load defines what the benchmark measures, and builds the runs and pods for it.
package load

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// The modes: the values of the feature flag results-from, and the mode of bare pods without a controller.
const (
	SidecarLogs        = "sidecar-logs"
	TerminationMessage = "termination-message"
	BarePods           = "bare-pods"
	BareWrites         = "bare-writes"
)

// unmanaged is the value of spec.managedBy of a run that no controller must run.
const unmanaged = "bench.sluice.dev/unmanaged"

// Limit reports whether a mode is the lower limit for every controller, for which no flags are set.
func Limit(mode string) bool { return mode == BarePods || mode == BareWrites }

// Result is the name of a task's only result. Fill is the byte that its value consists of.
const (
	Result = "value"
	Fill   = "x"
)

// Shape describes one measured run or pod.
type Shape struct {
	// Containers of a bare pod; 0 for a run.
	Containers int `json:"containers,omitempty"`
	// Tasks of a PipelineRun; 0 for a single TaskRun.
	Tasks int `json:"tasks,omitempty"`
	// Chained tasks run one after another, each with the previous result as a param. Other tasks run at the same time.
	Chained bool `json:"chained,omitempty"`
	// Steps of each task.
	Steps int `json:"steps,omitempty"`
	// Size of each task's result in bytes; 0 for tasks without results.
	Size int `json:"size,omitempty"`
	// Random results do not compress. Others repeat one character.
	Random bool `json:"random,omitempty"`
	// Written results are not produced by a step: the benchmark itself writes them into the status of a TaskRun without a
	// pod.
	Written bool `json:"written,omitempty"`
	// Resolved tasks come through the resolvers; see package resolved.
	Resolved bool `json:"resolved,omitempty"`
	// Copied pods are those of such TaskRuns, but the benchmark creates them, without a TaskRun. No controller knows them.
	Copied bool `json:"copied,omitempty"`
}

// Task returns the spec of each task.
func (s Shape) Task(image string) v1.TaskSpec { return *s.task(image) }

// Pods returns the number of its pods.
func (s Shape) Pods() int {
	if s.Written {
		return 0
	}
	return max(1, s.Tasks)
}

// Status returns the status that the benchmark writes if results are Written.
func (s Shape) Status() v1.TaskRunStatus {
	status := v1.TaskRunStatus{
		Results: []v1.TaskRunResult{{Name: Result, Type: v1.TypeString, Value: v1.StringValue(strings.Repeat(Fill, s.Size))}},
	}
	status.SetCondition(v1.Succeeded("written"), metav1.Now())
	return status
}

// Object builds the run or pod; of Copied pods, the TaskRun. Every step and every container prints a line when it starts and when
// it ends. The log therefore shows these times to the microsecond, independent of the controller.
func (s Shape) Object(namespace, name, image string) client.Object {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	switch {
	case s.Containers > 0:
		return &corev1.Pod{ObjectMeta: meta, Spec: s.pod(image)}
	case s.Tasks > 0:
		return &v1.PipelineRun{ObjectMeta: meta, Spec: v1.PipelineRunSpec{PipelineSpec: s.pipeline(image)}}
	case s.Written:
		return &v1.TaskRun{ObjectMeta: meta, Spec: v1.TaskRunSpec{TaskSpec: s.task(image), ManagedBy: new(unmanaged)}}
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

// script returns the script of a step. The first step writes the result. If its content is not known, its last line is the
// digest.
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

// Whole compares the result of a successful TaskRun with what its step wrote. It returns the difference, or "". Of a random
// result it checks only the size.
func (s Shape) Whole(status *v1.TaskRunStatus) string {
	switch {
	case s.Size == 0:
		return ""
	case len(status.Results) != 1 || status.Results[0].Name != Result:
		return fmt.Sprintf("it has %d results, want only %q", len(status.Results), Result)
	case len(status.Results[0].Value.String) != s.Size:
		return fmt.Sprintf("its step wrote a result of %d bytes, but the result has %d", s.Size, len(status.Results[0].Value.String))
	case !s.Random && status.Results[0].Value.String != strings.Repeat(Fill, s.Size):
		return "its result has the right size but not the content that its step wrote"
	default:
		return ""
	}
}
