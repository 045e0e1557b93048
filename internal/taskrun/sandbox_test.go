package taskrun

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestLostSandbox: a pod that its node had begun to start before it lost its power ends its run. One whose first sandbox is still being
// created does not.
func TestLostSandbox(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*corev1.Pod)
		after  time.Duration
		want   State
	}{
		"Lost": {
			reason: "a container exists, and there is no sandbox for it",
			change: func(*corev1.Pod) {},
			after:  nodePatience,
			want:   SandboxLost,
		},
		"LostInit": {
			reason: "an init container has ended, and there is no sandbox for the others",
			change: func(p *corev1.Pod) {
				p.Status.ContainerStatuses[0].ContainerID = ""
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "prepare", ContainerID: "containerd://2", State: terminated(0, "")}}
			},
			after: nodePatience,
			want:  SandboxLost,
		},
		"Soon": {
			reason: "the node has some time to report",
			change: func(*corev1.Pod) {},
			after:  nodePatience - time.Second,
			want:   Pending,
		},
		"First": {
			reason: "there is no container yet, so the kubelet tries again to create the sandbox",
			change: func(p *corev1.Pod) { p.Status.ContainerStatuses[0].ContainerID = "" },
			after:  time.Hour,
			want:   Pending,
		},
		"Ready": {
			reason: "there is a sandbox",
			change: func(p *corev1.Pod) { p.Status.Conditions[1].Status = corev1.ConditionTrue },
			after:  time.Hour,
			want:   Pending,
		},
		"Deleted": {
			reason: "a node that ends a pod ends its sandbox before it has released its volumes",
			change: func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.NewTime(epoch().Add(nodePatience))) },
			after:  nodePatience,
			want:   Pending,
		},
		"Stopped": {
			reason: "so does one that the controller has stopped",
			change: func(p *corev1.Pod) { askToStop(p, epoch()) },
			after:  nodePatience,
			want:   Pending,
		},
		"Ended": {
			reason: "a pod that has ended needs no sandbox",
			change: func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed },
			after:  time.Hour,
			want:   PodFailed,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := runPod(corev1.PodPending, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}, corev1.ContainerState{})
			p.Status.Conditions = unprepared().Status.Conditions
			p.Status.Conditions[1].LastTransitionTime = metav1.NewTime(epoch())
			p.Status.ContainerStatuses[0].ContainerID = "containerd://1"
			tc.change(p)
			obs := observation(withPod(p), func(o *Observation) { o.Now = epoch().Add(tc.after) })
			tr := taskRun(func(tr *v1.TaskRun) { started(tr); tr.Spec.Timeout = &metav1.Duration{} })
			got := stateOf(tr, obs, Plan{})
			if got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
			if got != SandboxLost {
				return
			}
			c := outcomeOf(tr, got, obs, Plan{}).Condition
			if c.Reason != v1.TaskRunReasonFailed || !strings.Contains(c.Message, `node "node-1" has lost the sandbox of pod "build-pod"`) {
				t.Errorf("%s: want a message about the node, got %s: %s", tc.reason, c.Reason, c.Message)
			}
		})
	}
}
