package taskrun

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/transport"
)

func withPod(p *corev1.Pod) func(*Observation) { return func(o *Observation) { o.Pod = p } }

func withEvidence(e collect.Progress) func(*Observation) {
	return func(o *Observation) { o.Evidence = e }
}

func TestStateAndAction(t *testing.T) {
	whole := collect.Progress{Set: &collect.Set{}}
	asked := collect.Progress{
		At:  epoch(),
		Set: &collect.Set{Interrupted: true, Steps: []frame.Step{{Name: "step-one", ExitCode: -1, Reason: frame.ReasonUnfinished}}},
	}
	evicted := runPod(corev1.PodFailed, running(), running(), running())
	evicted.Status.Reason = "Evicted"
	killed := collect.Progress{
		Set: &collect.Set{Steps: []frame.Step{{Name: "step-one", ExitCode: 137, Reason: frame.ReasonKilled, FinishedAt: epoch()}}},
	}
	late := func(o *Observation) { o.Now = epoch().Add(time.Hour) }
	cases := map[string]struct {
		reason string
		tr     *v1.TaskRun
		obs    Observation
		plan   Plan
		state  State
		action Action
	}{
		"New": {
			reason: "nothing keeps the pod from being made",
			tr:     taskRun(),
			obs:    observation(),
			state:  Unstarted,
			action: CreatePod,
		},
		"Done": {
			reason: "an outcome is never looked at again",
			tr:     taskRun(done),
			obs:    observation(late),
			state:  Done,
			action: Release,
		},
		"Unresolved": {
			reason: "without a task there is no pod",
			tr:     taskRun(),
			obs:    observation(func(o *Observation) { o.Unresolvable = errors.New("x") }),
			state:  Unresolved,
			action: DoNothing,
		},
		"Invalid": {
			reason: "an invalid task makes no pod",
			tr:     taskRun(),
			obs:    observation(),
			plan:   Plan{Invalid: errors.New("x")},
			state:  Invalid,
			action: DoNothing,
		},
		"Refused": {
			reason: "a missing permission is told before a step runs",
			tr:     taskRun(),
			obs:    observation(),
			plan:   Plan{Refusal: &transport.RefusalError{}},
			state:  Refused,
			action: DoNothing,
		},
		"Created": {
			reason: "a pod without statuses is pending",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodPending))),
			state:  Pending,
			action: DoNothing,
		},
		"Starting": {
			reason: "one container has not started",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodPending, running(), waiting("ContainerCreating"), waiting("ContainerCreating")))),
			state:  Pending,
			action: DoNothing,
		},
		"SidecarFirst": {
			reason: "the results sidecar is followed although a step is still to start",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, running(), waiting("ContainerCreating"), running()))),
			state:  Pending,
			action: DoNothing,
		},
		"Running": {
			reason: "all containers have started",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, running(), running(), running()))),
			state:  Running,
			action: DoNothing,
		},
		"FirstPullFails": {
			reason: "the first failure to pull may be an accident",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodPending, waiting("ErrImagePull"), running(), running()))),
			state:  Pending,
			action: DoNothing,
		},
		"PullBackOff": {
			reason: "the second is none",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodPending, waiting("ImagePullBackOff"), running(), running()))),
			state:  Unpullable,
			action: StopPod,
		},
		"SidecarUnpullable": {
			reason: "steps would run to their end, and their results would be lost",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, running(), running(), waiting("ImagePullBackOff")))),
			state:  Unpullable,
			action: StopPod,
		},
		"StepsEndedLogOpen": {
			reason: "steps that have ended are not the end: the log is",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, terminated(0, record(0)), terminated(0, record(0)), running()))),
			state:  Running,
			action: DoNothing,
		},
		"Collected": {
			reason: "the log is whole while the kubelet still says running",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(whole)),
			state:  Collected,
			action: DoNothing,
		},
		"Interrupted": {
			reason: "steps may run on after the sidecar that reports them was ended",
			tr:     taskRun(started),
			obs: observation(withPod(runPod(corev1.PodRunning, running(), running(), terminated(0, ""))),
				withEvidence(collect.Progress{Set: &collect.Set{Interrupted: true}})),
			state:  Collected,
			action: StopPod,
		},
		"Forged": {
			reason: "a step runs on after an end that it has forged",
			tr:     taskRun(started),
			obs: observation(withPod(runPod(corev1.PodRunning, running(), running(), running())),
				withEvidence(collect.Progress{Set: &collect.Set{Steps: []frame.Step{{Name: "step-one", ExitCode: 1, Reason: frame.ReasonForged}}}})),
			state:  Collected,
			action: StopPod,
		},
		"CollectedPodGone": {
			reason: "verified results do not vanish with their pod",
			tr:     taskRun(started),
			obs:    observation(withEvidence(whole)),
			state:  Collected,
			action: DoNothing,
		},
		"CollectedLate": {
			reason: "a run that has ended in time is not timed out because it is looked at late",
			tr:     taskRun(started),
			obs:    observation(withEvidence(whole), late),
			state:  Collected,
			action: DoNothing,
		},
		"KilledNoVerdict": {
			reason: "only the kubelet knows whether a killed step used too much memory",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(killed)),
			state:  Running,
			action: DoNothing,
		},
		"KilledVerdict": {
			reason: "the kubelet has said why",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, terminated(137, ""), running(), running())), withEvidence(killed)),
			state:  Collected,
			action: DoNothing,
		},
		"KilledSilence": {
			reason: "a kubelet that does not say is waited for to an end",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(killed), late),
			state:  Collected,
			action: DoNothing,
		},
		"EndedNoWord": {
			reason: "only the kubelet knows whether the pod is evicted",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(asked)),
			state:  Running,
			action: DoNothing,
		},
		"EndedEvicted": {
			reason: "the kubelet has said that it is",
			tr:     taskRun(started),
			obs:    observation(withPod(evicted), withEvidence(asked)),
			state:  Collected,
			action: StopPod,
		},
		"EndedStepOnly": {
			reason: "a kubelet tells of the containers first",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, terminated(137, ""), terminated(0, ""), terminated(0, ""))), withEvidence(asked)),
			state:  Running,
			action: DoNothing,
		},
		"EndedByItself": {
			reason: "the pod has ended, and nobody has evicted it",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodFailed, terminated(143, ""), terminated(0, ""), terminated(0, ""))), withEvidence(asked)),
			state:  Collected,
			action: StopPod,
		},
		"EndedSilence": {
			reason: "a kubelet that does not say is waited for to an end",
			tr:     taskRun(started),
			obs: observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(asked), func(o *Observation) {
				o.Now = epoch().Add(verdictPatience)
			}),
			state:  Collected,
			action: StopPod,
		},
		"GaveUp": {
			reason: "a log that cannot be read fails the run",
			tr:     taskRun(started),
			obs: observation(withPod(runPod(corev1.PodSucceeded, terminated(0, ""), terminated(0, ""), terminated(0, ""))),
				withEvidence(collect.Progress{GaveUp: true, Err: errors.New("x")})),
			state:  Uncollectable,
			action: StopPod,
		},
		"EntrypointKilled": {
			reason: "exit 137 without a record (#10371): the next step would wait for ever",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, terminated(137, ""), running(), running()))),
			state:  StepLost,
			action: StopPod,
		},
		"StepFailed": {
			reason: "a failed step with a record is not lost: the next ones skip themselves",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, terminated(1, record(1)), running(), running()))),
			state:  Running,
			action: DoNothing,
		},
		"Evicted": {
			reason: "evicted before anything ran",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodFailed))),
			state:  PodFailed,
			action: DoNothing,
		},
		"FailedWithLog": {
			reason: "a failed pod whose sidecar ran still has a log",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodFailed, terminated(1, record(1)), terminated(1, record(1)), terminated(0, "")))),
			state:  Running,
			action: DoNothing,
		},
		"PodGone": {
			reason: "a pod that is gone comes back never",
			tr:     taskRun(started),
			obs:    observation(),
			state:  PodLost,
			action: DoNothing,
		},
		"TimedOut": {
			reason: "an hour is the default",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), late),
			state:  TimedOut,
			action: StopPod,
		},
		"TimedOutPending": {
			reason: "a pod that never starts runs out of time, too",
			tr:     taskRun(started),
			obs:    observation(withPod(runPod(corev1.PodPending)), late),
			state:  TimedOut,
			action: StopPod,
		},
		"NoTimeout": {
			reason: "0 is no timeout",
			tr:     taskRun(started, func(tr *v1.TaskRun) { tr.Spec.Timeout = &metav1.Duration{} }),
			obs:    observation(withPod(runPod(corev1.PodPending)), late),
			state:  Pending,
			action: DoNothing,
		},
		"OwnTimeout": {
			reason: "the run's own timeout wins over the default",
			tr:     taskRun(started, func(tr *v1.TaskRun) { tr.Spec.Timeout = &metav1.Duration{Duration: time.Second} }),
			obs:    observation(withPod(runPod(corev1.PodPending))),
			state:  TimedOut,
			action: StopPod,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			state := stateOf(tc.tr, tc.obs, tc.plan)
			if state != tc.state {
				t.Errorf("%s: want state %s, got %s", tc.reason, tc.state, state)
			}
			if action := next(state, tc.obs); action != tc.action {
				t.Errorf("%s: want action %s, got %s", tc.reason, tc.action, action)
			}
		})
	}
}
