package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/check"
	"github.com/sluice-ci/sluice/test/chaos/disturb"
	"github.com/sluice-ci/sluice/test/chaos/plan"
)

func taskRun(condition metav1.Condition, results ...v1.TaskRunResult) *v1.TaskRun {
	tr := &v1.TaskRun{}
	tr.Name, tr.Status.Results = "run", results
	tr.Status.SetCondition(condition, metav1.Now())
	return tr
}

func TestWatcherSeesOutcomes(t *testing.T) {
	good, open := v1.Succeeded("all"), v1.Running(v1.TaskRunReasonRunning, "")
	result := v1.TaskRunResult{Name: "r", Value: v1.StringValue("x")}
	cases := map[string]struct {
		reason string
		seen   []*v1.TaskRun
		want   int
	}{
		"Open":    {reason: "A run that continues has no outcome.", seen: []*v1.TaskRun{taskRun(open), taskRun(open)}},
		"Same":    {reason: "The same outcome twice counts once.", seen: []*v1.TaskRun{taskRun(open), taskRun(good), taskRun(good)}, want: 1},
		"Other":   {reason: "Another outcome counts.", seen: []*v1.TaskRun{taskRun(good), taskRun(v1.Failed("Failed", "why"))}, want: 2},
		"Results": {reason: "Other results count.", seen: []*v1.TaskRun{taskRun(good), taskRun(good, result)}, want: 2},
		"Again":   {reason: "A run that continues after its end counts.", seen: []*v1.TaskRun{taskRun(good), taskRun(open)}, want: 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWatcher(nil, "here")
			for _, tr := range tc.seen {
				w.see(tr)
			}
			if got := w.copies([]string{"run"})["run"].Outcomes; len(got) != tc.want {
				t.Errorf("%s Want %d outcomes, got %+v", tc.reason, tc.want, got)
			}
			if _, over := w.over("run"); over != (tc.want > 0) {
				t.Errorf("%s Ended: %t", tc.reason, over)
			}
			w.forget([]string{"run"})
			if len(w.copies([]string{"run"})) != 0 {
				t.Error("a forgotten history still exists")
			}
		})
	}
}

func TestWatcherSeesPodsAndAttempts(t *testing.T) {
	w := newWatcher(nil, "here")
	tr := taskRun(v1.Running(v1.TaskRunReasonToBeRetried, ""))
	tr.Status.RetriesStatus = make([]v1.TaskRunAttempt, 2)
	w.see(tr)
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: make([]corev1.Container, 2)}}
	pod.Name, pod.UID, pod.Labels = "run-pod", "uid", map[string]string{v1.LabelTaskRun: "run"}
	w.see(pod)
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}, {}}
	w.see(pod)
	if h := w.copies([]string{"run"})["run"]; len(h.Attempts) != 2 || len(h.Pods) != 1 || !h.Pods[0].Running.IsZero() {
		t.Errorf("want three attempts, and one pod that does not run yet: %+v", h)
	}
	pod.Status.ContainerStatuses[1].State.Terminated = &corev1.ContainerStateTerminated{}
	w.see(pod)
	if h := w.copies([]string{"run"})["run"]; h.Pods[0].Running.IsZero() {
		t.Error("the start of all containers of the pod was not recorded")
	}
}

func TestWatcherSeesLookups(t *testing.T) {
	w := newWatcher(nil, "here")
	for _, c := range []metav1.Condition{
		v1.Running(v1.TaskRunReasonPullImageFailed, noPod+"registry does not answer"),
		v1.Running(v1.TaskRunReasonPullImageFailed, "the kubelet cannot pull it"),
		v1.Running(v1.TaskRunReasonRunning, ""),
	} {
		w.see(taskRun(c))
	}
	if h := w.copies([]string{"run"})["run"]; len(h.Lookups) != 1 || h.Lookups[0].Message != "registry does not answer" {
		t.Errorf("want the one look-up that failed: %+v", h.Lookups)
	}
}

func TestTally(t *testing.T) {
	tally := newTally()
	tr := taskRun(v1.Succeeded("all"), v1.TaskRunResult{Value: v1.ArrayValue("ab", "c")})
	tally.add(&check.Case{Plan: plan.Run{}, TaskRuns: []*v1.TaskRun{tr}})
	pr := &v1.PipelineRun{}
	pr.Status.SetCondition(v1.Completed("most"), metav1.Now())
	tally.add(&check.Case{Plan: plan.Run{Pipeline: true}, PipelineRun: pr, TaskRuns: []*v1.TaskRun{tr}})
	if tally.bytes != 6 || tally.runs["TaskRun Succeeded"] != 1 || tally.runs["PipelineRun Completed"] != 1 || tally.attempts != 2 {
		t.Errorf("it counts %+v", tally)
	}
	if text := tally.report([]disturb.Event{{Disturbance: disturb.Disturbance{Kind: disturb.KillPod}}}, disturb.Kinds(1)); text == "" {
		t.Error("it reports nothing")
	}
}
