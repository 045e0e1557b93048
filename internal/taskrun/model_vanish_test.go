package taskrun

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

// unbegunModel is a combination whose status does not show that a step has started.
func unbegunModel(name string, states []corev1.ContainerState, p *corev1.Pod) *model {
	m := newModel(name, len(states), p, config.TerminationMessage)
	m.tr.Status.SetCondition(v1.Running(v1.TaskRunReasonPending, messageStarting), metav1.NewTime(epoch()))
	m.unbegun = p.DeepCopy()
	return m
}

// removals are what other components do to a pod that has not started.
func removals() map[string]situation {
	evicted := func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = corev1.PodFailed, reasonEvicted }
	return map[string]situation{
		"evicted": {"evicted", evicted},
		"deleted": {"deleted", func(p *corev1.Pod) {
			p.Status.Phase, p.DeletionTimestamp = corev1.PodFailed, new(metav1.NewTime(modelStart()))
		}},
		"evicted-and-deleted": {"evicted-and-deleted", func(p *corev1.Pod) {
			evicted(p)
			p.DeletionTimestamp = new(metav1.NewTime(modelStart()))
		}},
	}
}

// TestRemovedPodHasAWayOut is the model of pods that are removed while the status shows no step that has started: the run
// ends, whatever the kubelet says, and although each new pod is removed, too. Where a step has started, no pod is made again.
func TestRemovedPodHasAWayOut(t *testing.T) {
	var f modelFindings
	remakes := 0
	modelSteps(func(steps string, states []corev1.ContainerState) {
		for _, name := range sortedKeys(removals()) {
			for _, silent := range []bool{false, true} {
				m := unbegunModel(fmt.Sprintf("%s/%s/silent=%t", steps, name, silent), states, modelPod(states, nil, removals()[name]))
				m.silent = silent
				evicted := strings.HasPrefix(name, "evicted")
				doubt := func(s corev1.ContainerState) bool { return leavesDoubt(s) && (s.Waiting == nil || !evicted) }
				proven := !silent && !slices.ContainsFunc(states, doubt)
				f.try(m)
				count := remade(m.tr)
				remakes += count
				if !proven && count > 0 || count > maxRemade {
					f.found = append(f.found, fmt.Sprintf("%s: %d pods were made again, it was proven that no step ran: %t", m.name, count, proven))
				}
			}
		}
	})
	f.report(t, 300)
	if remakes == 0 {
		t.Error("no pod was made again")
	}
}

// leavesDoubt reports whether a step whose container had this state at last may have run.
func leavesDoubt(s corev1.ContainerState) bool {
	return s.Terminated == nil || s.Terminated.Reason != "ContainerStatusUnknown"
}

// TestVanishedStates: which pods are made again.
func TestVanishedStates(t *testing.T) {
	pending := func(tr *v1.TaskRun) {
		started(tr)
		tr.Status.SetCondition(v1.Running(v1.TaskRunReasonPending, messageStarting), metav1.NewTime(epoch()))
	}
	counted := func(note string) func(*v1.TaskRun) {
		return func(tr *v1.TaskRun) { tr.Annotations = map[string]string{v1.AnnotationPodsRemade: note} }
	}
	evicted, begun := runPod(corev1.PodFailed, unlocated()...), runPod(corev1.PodFailed, creating()...)
	evicted.Status.Reason, begun.Status.Reason = reasonEvicted, reasonEvicted
	asked := begun.DeepCopy()
	asked.Annotations = map[string]string{v1.AnnotationStoppedAt: epoch().Format("2006-01-02T15:04:05Z")}
	cases := map[string]struct {
		reason string
		tr     *v1.TaskRun
		pod    *corev1.Pod
		gone   Gone
		want   State
	}{
		"Gone": {
			reason: "no step has run",
			tr:     taskRun(pending),
			gone:   Gone{Reported: true, Unrun: true},
			want:   PodVanished,
		},
		"GoneUnproven": {
			reason: "a step may have run",
			tr:     taskRun(pending),
			gone:   Gone{Reported: true},
			want:   PodLost,
		},
		"GoneUnreported": {
			reason: "the report of the deletion may come",
			tr:     taskRun(pending),
			gone:   Gone{Since: epoch()},
			want:   PodMissing,
		},
		"NeverReported": {
			reason: "the report of the deletion does not come",
			tr:     taskRun(pending),
			gone:   Gone{Since: epoch().Add(-time.Minute)},
			want:   PodLost,
		},
		"GoneWhileRunning": {
			reason: "the steps were running",
			tr:     taskRun(started),
			gone:   Gone{Reported: true, Unrun: true},
			want:   PodLost,
		},
		"TooOften": {
			reason: "it was made again as often as permitted",
			tr:     taskRun(pending, counted("0/3")),
			gone:   Gone{Reported: true, Unrun: true},
			want:   PodLost,
		},
		"Cancelled": {
			reason: "the user needs no other pod",
			tr:     taskRun(pending, cancelled),
			want:   Cancelled,
		},
		"Evicted": {
			reason: "the pod is still there",
			tr:     taskRun(pending),
			pod:    evicted,
			want:   PodVanishing,
		},
		"EvictedWhileRunning": {
			reason: "the steps were running",
			tr:     taskRun(started),
			pod:    begun,
			want:   PodFailed,
		},
		"AskedToEnd": {
			reason: "the controller has asked for the end",
			tr:     taskRun(pending),
			pod:    asked,
			want:   PodFailed,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := stateOf(tc.tr, observation(withPod(tc.pod), func(o *Observation) { o.Gone = tc.gone }), Plan{}); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}
