package taskrun

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// TestStatusGolden holds whole statuses, as clients read them.
func TestStatusGolden(t *testing.T) {
	made := runPod(corev1.PodPending)
	failing := &collect.Set{
		Steps:   []frame.Step{step("step-one", 3, frame.ReasonError), step("step-two", 1, frame.ReasonSkipped)},
		Results: []frame.Result{value("digest", "string", "sha256:0000")},
	}
	interrupted := &collect.Set{Interrupted: true, Steps: []frame.Step{
		step("step-one", 0, frame.ReasonCompleted), step("step-two", -1, frame.ReasonUnfinished)}}
	cases := map[string]struct {
		reason string
		tr     *v1.TaskRun
		state  State
		obs    Observation
		effect Effect
	}{
		"created": {
			reason: "the first status has the pod, the flags in force and the task as it was resolved",
			tr:     taskRun(),
			state:  Unstarted,
			obs:    observation(),
			effect: Effect{Pod: made},
		},
		"waiting-for-quota": {
			reason: "without a pod there is no pod name",
			tr:     taskRun(),
			state:  Unstarted,
			obs:    observation(),
			effect: Effect{Waiting: &WaitReason{v1.TaskRunReasonExceededResourceQuota, "the pod cannot be made yet: exceeded quota: small"}},
		},
		"running": {
			reason: "steps are as the kubelet says",
			tr:     taskRun(started),
			state:  Running,
			obs:    observation(withPod(runPod(corev1.PodRunning, running(), running(), running()))),
		},
		"retrying": {
			reason: "a log that cannot be read yet is told in the message",
			tr:     taskRun(started),
			state:  Running,
			obs: observation(withPod(runPod(corev1.PodRunning, running(), running(), running())),
				withEvidence(collect.Progress{Err: frame.ErrIncomplete})),
		},
		"failed-step": {
			reason: "steps are as they recorded themselves, results of a failed run are kept",
			tr:     taskRun(started),
			state:  Collected,
			obs: observation(withPod(runPod(corev1.PodRunning, running(), running(), running())),
				withEvidence(collect.Progress{Set: failing})),
		},
		"no-times": {
			reason: "a step that never ran has no times; null is refused by the schema",
			tr:     taskRun(started),
			state:  Collected,
			obs: observation(withPod(runPod(corev1.PodRunning, running(), waiting("PodInitializing"), running())),
				withEvidence(collect.Progress{Set: &collect.Set{Steps: []frame.Step{{Name: "step-two", ExitCode: 1, Reason: frame.ReasonSkipped}}}})),
		},
		"interrupted": {
			reason: "a step that was never seen to end keeps what the kubelet said of it",
			tr:     taskRun(started),
			state:  Collected,
			obs: observation(withPod(runPod(corev1.PodFailed, terminated(0, record(0)), terminated(137, ""), terminated(0, ""))),
				withEvidence(collect.Progress{Set: interrupted})),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status, _ := statusFor(tc.tr, tc.state, tc.obs, Plan{}, tc.effect)
			got, err := yaml.Marshal(status)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestConditionDoesNotFlap: the same state seen later is the same condition, with the time of its last transition.
func TestConditionDoesNotFlap(t *testing.T) {
	obs := observation(withPod(runPod(corev1.PodRunning, running(), running(), running())))
	first, _ := statusFor(taskRun(started), Running, obs, Plan{}, Effect{})
	obs.Now = obs.Now.Add(time.Minute)
	second, _ := statusFor(taskRun(started, func(tr *v1.TaskRun) { tr.Status = first }), Running, obs, Plan{}, Effect{})
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("nothing has happened, so nothing changes: -first +second:\n%s", diff)
	}
	if got := second.Condition().LastTransitionTime; !got.Equal(&metav1.Time{Time: epoch()}) {
		t.Errorf("the condition is Unknown since the run started, got %s", got)
	}
}
