package taskrun

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/collect"
)

// TestBegun: each trace of a started step counts, so that no step runs twice.
func TestBegun(t *testing.T) {
	state := func(s corev1.ContainerState) func(*v1.TaskRun) {
		return func(tr *v1.TaskRun) { tr.Status.Steps = []v1.StepState{{Name: "one", ContainerState: s}} }
	}
	with := func(change func(*corev1.ContainerStatus)) *corev1.Pod {
		p := runPod(corev1.PodPending, waiting("ContainerCreating"), waiting("ContainerCreating"))
		change(&p.Status.ContainerStatuses[1])
		return p
	}
	cases := map[string]struct {
		reason string
		change func(*v1.TaskRun)
		pod    *corev1.Pod
		want   bool
	}{
		"Nothing":      {reason: "nothing has started", change: func(*v1.TaskRun) {}},
		"WaitingStep":  {reason: "a step that waits has not started", change: state(waiting("PodInitializing"))},
		"Condition":    {reason: "the status said that steps run", change: started, want: true},
		"RunningStep":  {reason: "the status had a running step", change: state(running()), want: true},
		"EndedStep":    {reason: "the status had a step that ended", change: state(terminated(0, "")), want: true},
		"PodWaits":     {reason: "the pod waits", pod: with(func(*corev1.ContainerStatus) {})},
		"PodRuns":      {reason: "a step of the pod runs", pod: with(func(s *corev1.ContainerStatus) { s.State = running() }), want: true},
		"PodRestarted": {reason: "a step was restarted", pod: with(func(s *corev1.ContainerStatus) { s.RestartCount = 1 }), want: true},
		"PodRanBefore": {
			reason: "a step ran before",
			pod:    with(func(s *corev1.ContainerStatus) { s.LastTerminationState = terminated(1, "") }),
			want:   true,
		},
		"PodWithRunMesh":  {reason: "an injected container is no step", pod: mesh(with(func(*corev1.ContainerStatus) {}), running())},
		"PodOfResultsRun": {reason: "the results sidecar is no step", pod: runPod(corev1.PodPending, waiting("x"), waiting("x"), running())},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun()
			if tc.change != nil {
				tc.change(tr)
			}
			if got := begun(tr, tc.pod); got != tc.want {
				t.Errorf("%s: want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}

// TestRemakable: a pod may be made again only if nothing is known, or can still come, of its steps.
func TestRemakable(t *testing.T) {
	named := func(tr *v1.TaskRun) { tr.Status.PodName = "build-pod" }
	cases := map[string]struct {
		reason   string
		change   func(*v1.TaskRun)
		evidence collect.Progress
		want     bool
	}{
		"Removed":   {reason: "nothing has happened", change: named, want: true},
		"NeverMade": {reason: "there was no pod", change: func(*v1.TaskRun) {}},
		"Often": {
			reason: "it was made again often enough",
			change: func(tr *v1.TaskRun) {
				named(tr)
				tr.Annotations = map[string]string{v1.AnnotationPodsRemade: fmt.Sprintf("0/%d", maxRemade)}
			},
		},
		"Results": {reason: "its results are known", change: named, evidence: collect.Progress{Set: &collect.Set{}}},
		"Unread":  {reason: "its results are still to be read", change: named, evidence: collect.Progress{Unread: true}},
		"GaveUp":  {reason: "its results could not be read", change: named, evidence: collect.Progress{GaveUp: true}},
		"Begun":   {reason: "a step has started", change: started},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(tc.change)
			if got := observation(withEvidence(tc.evidence)).remakable(tr); got != tc.want {
				t.Errorf("%s: want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}
