package trace

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestNote replays the events of a watch: one run that fails and one that succeeds.
func TestNote(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	after := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Millisecond) }
	taskRun := func(name string, succeeded metav1.ConditionStatus, results ...v1.TaskRunResult) *v1.TaskRun {
		run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{pipelineRunLabel: "p"}}}
		run.Status.Results = results
		run.Status.Conditions = []metav1.Condition{{Type: "Succeeded", Status: succeeded, Reason: "R", Message: "m"}}
		return run
	}
	pod := func(node string, phase corev1.PodPhase) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "good-pod", Labels: map[string]string{taskRunLabel: "good"}},
			Spec:       corev1.PodSpec{NodeName: node}, Status: corev1.PodStatus{Phase: phase},
		}
	}
	added := 0
	r := newRecorder(func(*v1.TaskRunStatus) string { return "not whole" }, func(*corev1.Pod) { added++ })
	for i, object := range []any{
		taskRun("good", metav1.ConditionUnknown), pod("", corev1.PodPending), pod("node", corev1.PodPending), pod("node", corev1.PodRunning),
		taskRun("good", metav1.ConditionTrue, v1.TaskRunResult{Value: v1.Value{String: "abc"}}), taskRun("good", metav1.ConditionTrue),
		pod("node", corev1.PodSucceeded), pod("node", corev1.PodSucceeded), taskRun("bad", metav1.ConditionFalse),
	} {
		r.note(object, after(i))
	}
	want := map[string]Run{
		"good": {
			Name: "good", Parent: "p", At: map[Event]time.Time{Seen: after(0), Done: after(4)}, Trouble: "not whole",
			Digest: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		},
		"bad": {Name: "bad", Parent: "p", At: map[Event]time.Time{Seen: after(8), Done: after(8)}, Trouble: "it failed with reason R: m"},
	}
	if diff := cmp.Diff(want, r.All(TaskRun)); diff != "" {
		t.Errorf("an event is recorded once, when it is first observed (-want +got):\n%s", diff)
	}
	wantPods := map[string]Run{"good-pod": {
		Name:   "good-pod",
		Parent: "good",
		At:     map[Event]time.Time{Seen: after(1), Scheduled: after(2), Done: after(6)},
		Pod:    pod("node", corev1.PodSucceeded),
	}}
	if diff := cmp.Diff(wantPods, r.All(Pod)); diff != "" {
		t.Errorf("a pod is recorded with its last state (-want +got):\n%s", diff)
	}
	if added != 1 {
		t.Errorf("added must be called once for a pod, was called %d times", added)
	}
	if err := r.Await(t.Context(), TaskRun, 2); err != nil {
		t.Errorf("both TaskRuns have ended: %v", err)
	}
}
