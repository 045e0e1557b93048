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
	asked := collect.Progress{At: epoch(), Set: &collect.Set{Interrupted: true, Steps: []frame.Step{{Name: "step-one", ExitCode: -1, Reason: frame.ReasonUnfinished}}}}
	evicted := runPod(corev1.PodFailed, running(), running(), running())
	evicted.Status.Reason = "Evicted"
	killed := collect.Progress{Set: &collect.Set{Steps: []frame.Step{{Name: "step-one", ExitCode: 137, Reason: frame.ReasonKilled, FinishedAt: epoch()}}}}
	late := func(o *Observation) { o.Now = epoch().Add(time.Hour) }
	cases := map[string]struct {
		reason string
		tr     *v1.TaskRun
		obs    Observation
		state  State
		action Action
	}{
		"New":               {"nothing keeps the pod from being made", taskRun(), observation(), Unstarted, CreatePod},
		"Done":              {"an outcome is never looked at again", taskRun(done), observation(late), Done, Release},
		"Unresolved":        {"without a task there is no pod", taskRun(), observation(func(o *Observation) { o.Unresolvable = errors.New("x") }), Unresolved, DoNothing},
		"Invalid":           {"an invalid task makes no pod", taskRun(), observation(func(o *Observation) { o.Invalid = errors.New("x") }), Invalid, DoNothing},
		"Refused":           {"a missing permission is told before a step runs", taskRun(), observation(func(o *Observation) { o.Refusal = &transport.RefusalError{} }), Refused, DoNothing},
		"Created":           {"a pod without statuses is pending", taskRun(started), observation(withPod(runPod(corev1.PodPending))), Pending, DoNothing},
		"Starting":          {"one container has not started", taskRun(started), observation(withPod(runPod(corev1.PodPending, running(), waiting("ContainerCreating"), waiting("ContainerCreating")))), Pending, DoNothing},
		"SidecarFirst":      {"the results sidecar is followed although a step is still to start", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), waiting("ContainerCreating"), running()))), Pending, DoNothing},
		"Running":           {"all containers have started", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), running(), running()))), Running, DoNothing},
		"FirstPullFails":    {"the first failure to pull may be an accident", taskRun(started), observation(withPod(runPod(corev1.PodPending, waiting("ErrImagePull"), running(), running()))), Pending, DoNothing},
		"PullBackOff":       {"the second is none", taskRun(started), observation(withPod(runPod(corev1.PodPending, waiting("ImagePullBackOff"), running(), running()))), Unpullable, StopPod},
		"SidecarUnpullable": {"steps would run to their end, and their results would be lost", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), running(), waiting("ImagePullBackOff")))), Unpullable, StopPod},
		"StepsEndedLogOpen": {"steps that have ended are not the end: the log is", taskRun(started), observation(withPod(runPod(corev1.PodRunning, terminated(0, record(0)), terminated(0, record(0)), running()))), Running, DoNothing},
		"Collected":         {"the log is whole while the kubelet still says running", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(whole)), Collected, DoNothing},
		"Interrupted":       {"steps may run on after the sidecar that reports them was ended", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), running(), terminated(0, ""))), withEvidence(collect.Progress{Set: &collect.Set{Interrupted: true}})), Collected, StopPod},
		"Forged":            {"a step runs on after an end that it has forged", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(collect.Progress{Set: &collect.Set{Steps: []frame.Step{{Name: "step-one", ExitCode: 1, Reason: frame.ReasonForged}}}})), Collected, StopPod},
		"CollectedPodGone":  {"verified results do not vanish with their pod", taskRun(started), observation(withEvidence(whole)), Collected, DoNothing},
		"CollectedLate":     {"a run that has ended in time is not timed out because it is looked at late", taskRun(started), observation(withEvidence(whole), late), Collected, DoNothing},
		"KilledNoVerdict":   {"only the kubelet knows whether a killed step used too much memory", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(killed)), Running, DoNothing},
		"KilledVerdict":     {"the kubelet has said why", taskRun(started), observation(withPod(runPod(corev1.PodRunning, terminated(137, ""), running(), running())), withEvidence(killed)), Collected, DoNothing},
		"KilledSilence":     {"a kubelet that does not say is waited for to an end", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(killed), late), Collected, DoNothing},
		"EndedNoWord":       {"only the kubelet knows whether the pod is evicted", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(asked)), Running, DoNothing},
		"EndedEvicted":      {"the kubelet has said that it is", taskRun(started), observation(withPod(evicted), withEvidence(asked)), Collected, StopPod},
		"EndedStepOnly":     {"a kubelet tells of the containers first", taskRun(started), observation(withPod(runPod(corev1.PodRunning, terminated(137, ""), terminated(0, ""), terminated(0, ""))), withEvidence(asked)), Running, DoNothing},
		"EndedByItself":     {"the pod has ended, and nobody has evicted it", taskRun(started), observation(withPod(runPod(corev1.PodFailed, terminated(143, ""), terminated(0, ""), terminated(0, ""))), withEvidence(asked)), Collected, StopPod},
		"EndedSilence":      {"a kubelet that does not say is waited for to an end", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), withEvidence(asked), func(o *Observation) { o.Now = epoch().Add(verdictPatience) }), Collected, StopPod},
		"GaveUp":            {"a log that cannot be read fails the run", taskRun(started), observation(withPod(runPod(corev1.PodSucceeded, terminated(0, ""), terminated(0, ""), terminated(0, ""))), withEvidence(collect.Progress{GaveUp: true, Err: errors.New("x")})), Uncollectable, StopPod},
		"EntrypointKilled":  {"exit 137 without a record (#10371): the next step would wait for ever", taskRun(started), observation(withPod(runPod(corev1.PodRunning, terminated(137, ""), running(), running()))), StepLost, StopPod},
		"StepFailed":        {"a failed step with a record is not lost: the next ones skip themselves", taskRun(started), observation(withPod(runPod(corev1.PodRunning, terminated(1, record(1)), running(), running()))), Running, DoNothing},
		"Evicted":           {"evicted before anything ran", taskRun(started), observation(withPod(runPod(corev1.PodFailed))), PodFailed, DoNothing},
		"FailedWithLog":     {"a failed pod whose sidecar ran still has a log", taskRun(started), observation(withPod(runPod(corev1.PodFailed, terminated(1, record(1)), terminated(1, record(1)), terminated(0, "")))), Running, DoNothing},
		"PodGone":           {"a pod that is gone comes back never", taskRun(started), observation(), PodLost, DoNothing},
		"TimedOut":          {"an hour is the default", taskRun(started), observation(withPod(runPod(corev1.PodRunning, running(), running(), running())), late), TimedOut, StopPod},
		"TimedOutPending":   {"a pod that never starts runs out of time, too", taskRun(started), observation(withPod(runPod(corev1.PodPending)), late), TimedOut, StopPod},
		"NoTimeout":         {"0 is no timeout", taskRun(started, func(tr *v1.TaskRun) { tr.Spec.Timeout = &metav1.Duration{} }), observation(withPod(runPod(corev1.PodPending)), late), Pending, DoNothing},
		"OwnTimeout":        {"the run's own timeout wins over the default", taskRun(started, func(tr *v1.TaskRun) { tr.Spec.Timeout = &metav1.Duration{Duration: time.Second} }), observation(withPod(runPod(corev1.PodPending))), TimedOut, StopPod},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			state := stateOf(tc.tr, tc.obs)
			if state != tc.state {
				t.Errorf("%s: want state %s, got %s", tc.reason, tc.state, state)
			}
			if action := next(state, tc.obs); action != tc.action {
				t.Errorf("%s: want action %s, got %s", tc.reason, tc.action, action)
			}
		})
	}
}
