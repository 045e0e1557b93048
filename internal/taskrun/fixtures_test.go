package taskrun

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
	"github.com/sluice-ci/sluice/internal/validation"
)

const runUID = types.UID("11111111-2222-3333-4444-555555555555")

func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// taskRun is a run of two steps that declares two results.
func taskRun(change ...func(*v1.TaskRun)) *v1.TaskRun {
	tr := &v1.TaskRun{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1.GroupVersion.String(), Kind: v1.KindTaskRun},
		ObjectMeta: metav1.ObjectMeta{Name: "build", Namespace: "ci", UID: runUID, Generation: 1},
		Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{
			Results: []v1.TaskResult{{Name: "digest"}, {Name: "images", Type: v1.TypeArray}},
			Steps: []v1.Step{
				{Name: "one", Image: "busybox:1", Script: "echo 1"},
				{Name: "two", Image: "busybox:1", Script: "echo 2"},
			},
		}},
	}
	for _, f := range change {
		f(tr)
	}
	return tr
}

func started(tr *v1.TaskRun) {
	now := metav1.NewTime(epoch())
	tr.Status.StartTime = &now
	tr.Status.PodName = "build-pod"
	tr.Status.SetCondition(v1.Running(v1.TaskRunReasonRunning, "steps are running"), now)
}

func done(tr *v1.TaskRun) {
	started(tr)
	tr.Status.SetCondition(v1.Succeeded("All steps have completed"), metav1.NewTime(epoch()))
}

func spec() *v1.TaskSpec {
	s := taskRun().Spec.TaskSpec
	validation.DefaultTaskSpec(s)
	return s
}

// runPod is the run's pod with the given statuses of its containers, in the order step-one, step-two, results.
func runPod(phase corev1.PodPhase, states ...corev1.ContainerState) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "build-pod", Namespace: "ci", UID: "pod-uid", OwnerReferences: []metav1.OwnerReference{
			*metav1.NewControllerRef(taskRun(), v1.GroupVersion.WithKind(v1.KindTaskRun)),
		}},
		Status: corev1.PodStatus{Phase: phase},
	}
	if len(states) > 0 { // its kubelet has seen it
		p.Spec.NodeName, p.Status.StartTime = "node-1", new(metav1.NewTime(epoch()))
	}
	for i, name := range []string{"step-one", "step-two", podpaths.ResultsContainer} {
		if i == len(states) && name == podpaths.ResultsContainer {
			break // a pod without the results sidecar
		}
		c := corev1.Container{Name: name}
		switch {
		case name == podpaths.ResultsContainer:
			c.Args = []string{"results", "-nonce", "n0nce"}
		case len(states) > i:
			c.Args = []string{"entrypoint", "-results-from", string(config.TerminationMessage), "--", "true"}
		}
		p.Spec.Containers = append(p.Spec.Containers, c)
		if i < len(states) {
			status := corev1.ContainerStatus{Name: name, Image: "busybox:1", State: states[i]}
			if states[i].Waiting == nil {
				status.ImageID = "busybox@sha256:0000" // known once the container is made
			}
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, status)
		}
	}
	return p
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(epoch())}}
}

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "because"}}
}

// terminated is the end of a container with the termination message that its entrypoint left.
func terminated(exitCode int32, message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: exitCode, Message: message, Reason: map[bool]string{true: "Completed", false: "Error"}[exitCode == 0],
		StartedAt: metav1.NewTime(epoch()), FinishedAt: metav1.NewTime(epoch().Add(time.Second)),
	}}
}

// record is the termination message of a step that ended with this exit code and wrote these results.
func record(exitCode int, results ...frame.Result) string {
	reason := frame.ReasonCompleted
	if exitCode != 0 {
		reason = frame.ReasonError
	}
	message, err := messageOf(
		frame.Step{ExitCode: exitCode, Reason: reason, StartedAt: epoch(), FinishedAt: epoch().Add(time.Second)},
		results...,
	)
	if err != nil {
		panic(err) // a fixture that does not fit is a mistake in the test
	}
	return message
}

// messageOf is the termination message of a step that ended so.
func messageOf(step frame.Step, results ...frame.Result) (string, error) {
	message, err := termination.EncodeMessage(termination.Message{Step: step, Results: results}, 4096)
	return string(message), err
}

// planned observes a run, and plans its pod.
func planned(t *testing.T, r *Reconciler, tr *v1.TaskRun) Plan {
	t.Helper()
	obs, err := r.observe(t.Context(), tr)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := r.plan(t.Context(), tr, obs)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func observation(change ...func(*Observation)) Observation {
	obs := Observation{
		Now:         epoch().Add(time.Second),
		Config:      config.Default(),
		Flags:       config.Default().Flags,
		ResultsFrom: config.TerminationMessage,
		Task:        Task{Spec: spec()},
		Recordable:  true,
	}
	for _, f := range change {
		f(&obs)
	}
	return obs
}

// Forget counts the runs whose lookups are dropped.
func (w *world) Forget(types.NamespacedName) { w.forgotten++ }
