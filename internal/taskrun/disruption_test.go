package taskrun

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/transport"
)

// TestStepsOfARemovedPod: the cause of a step's end is the drain of the node, or the deletion of the pod, and not the step.
func TestStepsOfARemovedPod(t *testing.T) {
	there := func() *corev1.Pod { return runPod(corev1.PodRunning, running(), running(), running()) }
	deleted := there()
	deleted.DeletionTimestamp = &metav1.Time{Time: epoch()}
	evicted := deleted.DeepCopy()
	evicted.Status.Conditions = append(evicted.Status.Conditions, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting",
	})
	cases := map[string]struct {
		reason string
		pod    *corev1.Pod
		step   frame.Step
		want   string
		words  []string
	}{
		"Drained": {
			reason: "kubectl drain evicts",
			pod:    evicted,
			step:   step("step-one", 143, frame.ReasonCancelled),
			want:   v1.TaskRunReasonPodEvicted,
			words:  []string{`"step-one" exited with code 143`, "evicting"},
		},
		"Deleted": {
			reason: "kubectl delete pod names nobody",
			pod:    deleted,
			step:   step("step-one", 143, frame.ReasonCancelled),
			want:   v1.TaskRunReasonPodDeleted,
			words:  []string{`"step-one" exited with code 143`, `pod "build-pod" was deleted`},
		},
		"Unfinished": {
			reason: "nor does a step whose end nobody saw",
			pod:    deleted,
			step:   step("step-one", -1, frame.ReasonUnfinished),
			want:   v1.TaskRunReasonPodDeleted,
			words:  []string{"Unfinished"},
		},
		"Before": {
			reason: "a step that failed by itself has failed, whatever becomes of the pod",
			pod:    deleted,
			step:   step("step-one", 3, frame.ReasonError),
			want:   v1.TaskRunReasonFailed,
			words:  []string{"3"},
		},
		"Stands": {
			reason: "somebody else may have ended the step",
			pod:    there(),
			step:   step("step-one", 143, frame.ReasonCancelled),
			want:   v1.TaskRunReasonFailed,
			words:  []string{"143"},
		},
		"Gone": {
			reason: "of a pod that is gone nobody knows why",
			step:   step("step-one", 143, frame.ReasonCancelled),
			want:   v1.TaskRunReasonFailed,
			words:  []string{"143"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := &collect.Set{Steps: []frame.Step{tc.step}}
			got := outcomeOf(taskRun(started), Collected, observation(withPod(tc.pod), withEvidence(collect.Progress{Set: set})), Plan{}).Condition
			if got.Status != metav1.ConditionFalse || got.Reason != tc.want {
				t.Errorf("%s: want %s, got %+v", tc.reason, tc.want, got)
			}
			for _, word := range tc.words {
				if !strings.Contains(got.Message, word) {
					t.Errorf("%s: want %q in the message, got %q", tc.reason, word, got.Message)
				}
			}
		})
	}
}

// TestUnreadableOfARemovedPod: what ends a pod at once ends the results sidecar as well, and that is why they cannot be
// read. A restarted kubelet on a node under pressure does so (TestEvicted of test/suites/fault).
func TestUnreadableOfARemovedPod(t *testing.T) {
	killed := func() *corev1.Pod {
		return runPod(corev1.PodFailed, terminated(0, ""), terminated(137, ""), terminated(137, ""))
	}
	evicted := killed()
	evicted.Status.Reason, evicted.Status.Message = "Evicted", "The node had condition: [MemoryPressure]."
	deleted := killed()
	deleted.DeletionTimestamp = &metav1.Time{Time: epoch()}
	byItself := runPod(corev1.PodFailed, terminated(3, ""), terminated(1, ""), terminated(137, ""))
	byItself.Status.Reason = "Evicted"
	ended := runPod(corev1.PodFailed, terminated(0, ""), terminated(0, ""), terminated(137, ""))
	ended.Status.Reason = "Evicted"
	refusal := &transport.RefusalError{Message: "grant it"}
	cases := map[string]struct {
		reason      string
		pod         *corev1.Pod
		err         error
		want        string
		words, lack string
	}{
		"Evicted": {
			reason: "the kubelet has killed all containers of the pod",
			pod:    evicted,
			err:    frame.ErrIncomplete,
			want:   v1.TaskRunReasonPodEvicted,
			words:  "MemoryPressure",
		},
		"Deleted": {
			reason: "so has who deleted it without grace; and it is not kept",
			pod:    deleted,
			err:    frame.ErrIncomplete,
			want:   v1.TaskRunReasonPodDeleted,
			words:  `pod "build-pod" was deleted`,
			lack:   "kept",
		},
		"Sidecar": {
			reason: "it is enough that the results cannot be read for it",
			pod:    ended,
			err:    frame.ErrIncomplete,
			want:   v1.TaskRunReasonPodEvicted,
			words:  "evicted",
		},
		"ByItself": {
			reason: "a step that failed by itself has failed, whatever becomes of the pod",
			pod:    byItself,
			err:    frame.ErrIncomplete,
			want:   v1.TaskRunReasonFailed,
			words:  `"step-one" exited with code 3`,
			lack:   "evicted",
		},
		"Killed": {
			reason: "somebody else may have killed it",
			pod:    killed(),
			err:    frame.ErrIncomplete,
			want:   v1.TaskRunReasonFailed,
			words:  "137",
			lack:   "evicted",
		},
		"Refused": {
			reason: "a right that is missing is missing for the next pod, too",
			pod:    ended,
			err:    refusal,
			want:   v1.TaskRunReasonResultsLogAccessDenied,
			words:  "grant it",
			lack:   "evicted",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			obs := observation(withPod(tc.pod), withEvidence(collect.Progress{GaveUp: true, Err: tc.err}))
			got := outcomeOf(taskRun(started), Uncollectable, obs, Plan{}).Condition
			if got.Status != metav1.ConditionFalse || got.Reason != tc.want || !strings.Contains(got.Message, tc.words) {
				t.Errorf("%s: want %s with %q, got %+v", tc.reason, tc.want, tc.words, got)
			}
			if tc.lack != "" && strings.Contains(got.Message, tc.lack) {
				t.Errorf("%s: want nothing of %q, got %q", tc.reason, tc.lack, got.Message)
			}
		})
	}
}
