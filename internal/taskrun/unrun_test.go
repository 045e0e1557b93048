package taskrun

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// unlocated are the last states of containers that a node had not created when it ended their pod.
func unlocated() []corev1.ContainerState {
	state := terminatedAs(137, "ContainerStatusUnknown", "The container could not be located when the pod was terminated")
	return []corev1.ContainerState{state, state}
}

// TestRemovedTooOften: the reason of a run whose pod may not be made again is that the pod was removed, and not what the kubelet says of
// containers that it had not created.
func TestRemovedTooOften(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*corev1.Pod)
		want   string
	}{
		"Deleted": {
			reason: "the pod was deleted",
			change: func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.NewTime(epoch())) },
			want:   v1.TaskRunReasonPodDeleted,
		},
		"Evicted": {
			reason: "its node had no room",
			change: func(p *corev1.Pod) { p.Status.Reason = reasonEvicted },
			want:   v1.TaskRunReasonPodEvicted,
		},
		"InitKilled": {
			reason: "the node ended an init container because the pod was deleted",
			change: func(p *corev1.Pod) {
				p.DeletionTimestamp = new(metav1.NewTime(epoch()))
				p.Spec.InitContainers = []corev1.Container{{Name: "prepare"}}
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "prepare", State: terminatedAs(137, "Error", "")}}
			},
			want: v1.TaskRunReasonPodDeleted,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(func(tr *v1.TaskRun) {
				tr.Status.PodName = "build-pod"
				tr.Annotations = map[string]string{v1.AnnotationPodsRemade: fmt.Sprintf("0/%d", maxRemade)}
			})
			p := runPod(corev1.PodFailed, unlocated()...)
			tc.change(p)
			obs := observation(withPod(p))
			state := stateOf(tr, obs, Plan{})
			outcome := outcomeOf(tr, state, obs, Plan{})
			if outcome == nil || outcome.Condition.Reason != tc.want {
				t.Errorf("%s: want %s, got state %s and %+v", tc.reason, tc.want, state, outcome)
			}
			if !removedUnrun(p) {
				t.Error("there is something to read of the pod")
			}
		})
	}
}

// TestNeverRan: which last states of a pod prove that no step of it has run. The cases of nodes are what a kubelet of Kubernetes 1.37 has
// reported, and those of the cluster are from its garbage collector.
func TestNeverRan(t *testing.T) {
	always, onFailure := corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyOnFailure
	inits := func(status corev1.ContainerStatus, policy *corev1.ContainerRestartPolicy) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Name: status.Name, RestartPolicy: policy}}
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{status}
		}
	}
	killed := corev1.ContainerStatus{Name: "prepare", ContainerID: "containerd://1", State: terminatedAs(137, "Error", "")}
	marked := func(p *corev1.Pod) {
		p.DeletionTimestamp, p.Generation, p.Status.ObservedGeneration = new(metav1.NewTime(epoch())), 2, 2
	}
	cases := map[string]struct {
		reason string
		phase  corev1.PodPhase
		states []corev1.ContainerState
		change func(*corev1.Pod)
		want   bool
	}{
		"Unscheduled": {
			reason: "no node had the pod",
			phase:  corev1.PodPending,
			want:   true,
		},
		"Unlocated": {
			reason: "the node ended the pod while it pulled images",
			phase:  corev1.PodFailed,
			states: unlocated(),
			want:   true,
		},
		"InitKilled": {
			reason: "the node ended the pod while an init container ran",
			phase:  corev1.PodFailed,
			states: creating(),
			change: inits(killed, nil),
			want:   true,
		},
		"InitRestarts": {
			reason: "the cluster has marked the pod as failed, and its node starts the init container again, and then the steps",
			phase:  corev1.PodFailed,
			states: creating(),
			change: func(p *corev1.Pod) { inits(killed, &onFailure)(p); marked(p) },
		},
		"InitRestartsNoMore": {
			reason: "the node ended the pod while an init container ran that could have been started again: the cluster may have marked it",
			phase:  corev1.PodFailed,
			states: creating(),
			change: inits(killed, &onFailure),
		},
		"SidecarUnlocated": {
			reason: "the node ended the pod while it pulled the image of a sidecar",
			phase:  corev1.PodFailed,
			states: creating(),
			change: inits(corev1.ContainerStatus{Name: "sidecar-db", State: unlocated()[0]}, &always),
			want:   true,
		},
		"Evicted": {
			reason: "the kubelet has evicted the pod, and reports soon that it could not locate the containers",
			phase:  corev1.PodFailed,
			states: creating(),
			change: func(p *corev1.Pod) { p.Status.Reason = reasonEvicted },
			want:   true,
		},
		"Creating": {
			reason: "the node has not ended the pod",
			phase:  corev1.PodPending,
			states: creating(),
		},
		"Marked": {
			reason: "the cluster has marked the deleted pod as failed, and its node may run a step",
			phase:  corev1.PodFailed,
			states: creating(),
			change: marked,
		},
		"MarkedAfterPrepare": {
			reason: "the same, and all that was to be done before the steps is done",
			phase:  corev1.PodFailed,
			states: creating(),
			change: func(p *corev1.Pod) {
				inits(corev1.ContainerStatus{Name: "prepare", ContainerID: "containerd://1", State: terminated(0, "")}, nil)(p)
				marked(p)
			},
		},
		"MarkedBesideSidecar": {
			reason: "a sidecar that has ended is started again, and then the steps",
			phase:  corev1.PodFailed,
			states: creating(),
			change: inits(corev1.ContainerStatus{Name: "sidecar-db", ContainerID: "containerd://1", State: terminatedAs(1, "Error", "")}, &always),
		},
		"NotAdmitted": {
			reason: "a kubelet that was restarted does not admit the pod, and has dropped the states of its containers",
			phase:  corev1.PodFailed,
			states: creating(),
			change: func(p *corev1.Pod) { p.Status.Reason, p.Status.ContainerStatuses = reasonEvicted, nil },
		},
		"Created": {
			reason: "the node had created the container of a step",
			phase:  corev1.PodFailed,
			states: unlocated(),
			change: func(p *corev1.Pod) { p.Status.ContainerStatuses[1].ContainerID = "containerd://1" },
		},
		"LostWhileRunning": {
			reason: "a step was running, and its container is gone",
			phase:  corev1.PodFailed,
			states: unlocated(),
			change: func(p *corev1.Pod) {
				p.Status.ContainerStatuses[0].RestartCount = 1
				p.Status.ContainerStatuses[0].LastTerminationState = unlocated()[0]
			},
		},
		"OneRan": {
			reason: "a step has run, and the next one had no container yet",
			phase:  corev1.PodFailed,
			states: []corev1.ContainerState{terminated(0, record(0)), unlocated()[0]},
		},
		"OneMissing": {
			reason: "the node has said nothing about a step",
			phase:  corev1.PodFailed,
			states: unlocated(),
			change: func(p *corev1.Pod) { p.Status.ContainerStatuses = p.Status.ContainerStatuses[:1] },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := runPod(tc.phase, tc.states...)
			if tc.change != nil {
				tc.change(p)
			}
			if got := neverRan(p); got != tc.want {
				t.Errorf("%s: want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}
