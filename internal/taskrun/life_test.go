package taskrun

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

func unscheduledPod(message string) *corev1.Pod {
	p := runPod(corev1.PodPending)
	p.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: message},
	}
	return p
}

// placedAt is a pod that was given to its node at the epoch, and whose first step waits.
func placedAt(waits string) *corev1.Pod {
	p := runPod(corev1.PodPending, waiting(waits), waiting("PodInitializing"))
	p.Status.Conditions = []corev1.PodCondition{{
		Type:               corev1.PodScheduled,
		Status:             corev1.ConditionTrue,
		LastTransitionTime: metav1.NewTime(epoch()),
	}}
	return p
}

func crashing() *corev1.Pod {
	p := runPod(corev1.PodPending, waiting("PodInitializing"), waiting("PodInitializing"))
	p.Status.ContainerStatuses[0].State.Waiting.Message, p.Status.ContainerStatuses[1].State.Waiting.Message = "", ""
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{{
		Name: "sidecar-db", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason:  "CrashLoopBackOff",
			Message: "back-off 20s restarting failed container",
		}},
		LastTerminationState: terminated(2, ""),
	}}
	return p
}

// withoutSandbox is a pod that was given to its node at the epoch, and has no sandbox yet.
func withoutSandbox() *corev1.Pod {
	p := runPod(corev1.PodPending)
	p.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(epoch())},
		{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionFalse},
	}
	return p
}

func TestPendingSaysWhy(t *testing.T) {
	cases := map[string]struct {
		reason  string
		pod     *corev1.Pod
		want    string
		message string
	}{
		"NoRoom": {
			reason:  "no node has room",
			pod:     unscheduledPod("0/1 nodes are available: 1 Insufficient cpu."),
			want:    v1.TaskRunReasonExceededNodeResources,
			message: "the pod cannot be scheduled: 0/1 nodes are available: 1 Insufficient cpu.",
		},
		"NoNode": {
			reason:  "no node has the label",
			pod:     unscheduledPod("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."),
			want:    v1.TaskRunReasonPending,
			message: "node affinity",
		},
		"FirstPull": {
			reason:  "the first attempt to pull has failed",
			pod:     placedAt("ErrImagePull"),
			want:    v1.TaskRunReasonPullImageFailed,
			message: `container "step-one": image "busybox:1": ErrImagePull: because`,
		},
		"Config": {
			reason:  "a Secret is not there",
			pod:     placedAt("CreateContainerConfigError"),
			want:    v1.TaskRunReasonContainerConfigError,
			message: `container "step-one": CreateContainerConfigError: because`,
		},
		"Crashing": {
			reason:  "a sidecar keeps the steps from starting; how long the kubelet pauses is not said",
			pod:     crashing(),
			want:    v1.TaskRunReasonPending,
			message: `container "sidecar-db": CrashLoopBackOff: it exited with code 2 (Error)`,
		},
		"NoVolume": {
			reason:  "a volume that does not come is told of by events alone",
			pod:     withoutSandbox(),
			want:    v1.TaskRunReasonPending,
			message: "kubectl describe pod build-pod -n ci",
		},
		"Starting": {
			reason:  "nothing is wrong",
			pod:     runPod(corev1.PodPending),
			want:    v1.TaskRunReasonPending,
			message: messageStarting,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if c := pending(Observation{Pod: tc.pod, Now: epoch().Add(sandboxPatience)}); c.Reason != tc.want ||
				!strings.HasSuffix(c.Message, tc.message) && !strings.Contains(c.Message, tc.message) {
				t.Errorf("%s: want %s with %q, got %s with %q", tc.reason, tc.want, tc.message, c.Reason, c.Message)
			}
		})
	}
}

func TestPatience(t *testing.T) {
	at := func(after time.Duration) func(*Observation) {
		return func(o *Observation) { o.Now = epoch().Add(after) }
	}
	pulls := func(o *Observation) { o.Config.Defaults.ImagePullTimeout = 2 * time.Minute }
	cases := map[string]struct {
		reason string
		obs    Observation
		state  State
		wait   time.Duration
	}{
		"Volume": {
			reason: "a volume may be about to be mounted",
			obs:    observation(withPod(withoutSandbox()), at(2*time.Second)),
			state:  Pending,
			wait:   sandboxPatience - 2*time.Second,
		},
		"ConfigSoon": {
			reason: "a Secret may be about to be made",
			obs:    observation(withPod(placedAt("CreateContainerConfigError")), at(2*time.Second)),
			state:  Pending,
			wait:   8 * time.Second,
		},
		"ConfigLate": {
			reason: "nobody makes it",
			obs:    observation(withPod(placedAt("CreateContainerConfigError")), at(10*time.Second)),
			state:  Misconfigured,
		},
		"Pull": {
			reason: "by default an image that cannot be pulled ends the run",
			obs:    observation(withPod(placedAt("ImagePullBackOff")), at(time.Second)),
			state:  Unpullable,
		},
		"PullTimeout": {
			reason: "default-imagepullbackoff-timeout",
			obs:    observation(withPod(placedAt("ImagePullBackOff")), at(time.Minute), pulls),
			state:  Pending,
			wait:   time.Minute,
		},
		"PullTimedOut": {
			reason: "and then it ends all the same",
			obs:    observation(withPod(placedAt("ImagePullBackOff")), at(2*time.Minute), pulls),
			state:  Unpullable,
		},
		"PullNever": {
			reason: "what can never be pulled is not waited for",
			obs:    observation(withPod(placedAt("InvalidImageName")), at(time.Second), pulls),
			state:  Unpullable,
		},
		"Inspect": {
			reason: "a container runtime that is being restarted answers soon",
			obs:    observation(withPod(placedAt("ImageInspectError")), at(time.Minute)),
			state:  Pending,
			wait:   time.Minute,
		},
		"InspectLate": {
			reason: "one that is broken does not",
			obs:    observation(withPod(placedAt("ImageInspectError")), at(2*time.Minute)),
			state:  Unpullable,
		},
		"CreateSlow": {
			reason: "the kubelet asks the runtime of a slow node again",
			obs:    observation(withPod(placedAt("CreateContainerError")), at(9*time.Minute)),
			state:  Pending,
			wait:   time.Minute,
		},
		"CreateLate": {
			reason: "a runtime that never creates the container",
			obs:    observation(withPod(placedAt("CreateContainerError")), at(10*time.Minute)),
			state:  Unstartable,
		},
		"RunSlow": {
			reason: "the kubelet asks the runtime of a slow node again",
			obs:    observation(withPod(placedAt("RunContainerError")), at(9*time.Minute)),
			state:  Pending,
			wait:   time.Minute,
		},
		"RunLate": {
			reason: "a runtime that never starts the container",
			obs:    observation(withPod(placedAt("RunContainerError")), at(10*time.Minute)),
			state:  Unstartable,
		},
		"Timeout": {
			reason: "the run's own timeout is the last to wait for",
			obs:    observation(withPod(runPod(corev1.PodPending)), at(time.Minute)),
			state:  Pending,
			wait:   59 * time.Minute,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(started)
			state := stateOf(tr, tc.obs, Plan{})
			if state != tc.state {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.state, state)
			}
			status, _ := statusFor(tr, state, tc.obs, Plan{}, Effect{})
			if got := wait(tr, status, tc.obs, Plan{}, Effect{}); got != tc.wait {
				t.Errorf("%s: want to look again in %s, got %s", tc.reason, tc.wait, got)
			}
		})
	}
}

func TestMisconfiguredNamesTheContainer(t *testing.T) {
	got := outcomeOf(taskRun(started), Misconfigured, observation(withPod(placedAt("CreateContainerConfigError"))), Plan{})
	if got.Condition.Reason != v1.TaskRunReasonContainerConfigError || !strings.Contains(got.Condition.Message, `"step-one"`) {
		t.Errorf("want the container named, got %+v", got.Condition)
	}
}

// TestSidecarsThatFail: a sidecar that fails does not fail the steps, but is reported. One that ran out of memory is the
// reason if a step failed too.
func TestSidecarsThatFail(t *testing.T) {
	good := &collect.Set{Steps: []frame.Step{step("step-one", 0, frame.ReasonCompleted), step("step-two", 0, frame.ReasonCompleted)}}
	bad := &collect.Set{Steps: []frame.Step{step("step-one", 1, frame.ReasonError), step("step-two", 1, frame.ReasonSkipped)}}
	p := runPod(corev1.PodRunning, running(), running(), running())
	out := terminated(137, "")
	out.Terminated.Reason = pod.ReasonOOMKilled
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "sidecar-db", State: running(), LastTerminationState: out}}
	cases := map[string]struct {
		reason string
		set    *collect.Set
		want   string
	}{
		"StepsWell":  {reason: "the steps did what they had to", set: good, want: v1.TaskRunReasonSucceeded},
		"StepFailed": {reason: "the step failed, and this may well be why", set: bad, want: v1.TaskRunReasonSidecarOOM},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := outcomeOf(taskRun(started), Collected, observation(withPod(p), withEvidence(collect.Progress{Set: tc.set})), Plan{}).Condition
			if c.Reason != tc.want || !strings.Contains(c.Message, `"sidecar-db" used more memory than its limit`) {
				t.Errorf("%s: want %s and the sidecar named, got %+v", tc.reason, tc.want, c)
			}
		})
	}
	running := progress(Running, observation(withPod(p)), Plan{}, Effect{})
	if !strings.Contains(running.Message, "sidecar-db") || routine(&running) {
		t.Errorf("it is told as soon as it is known, got %q", running.Message)
	}
}

// TestSkippedByWhen: a step that was not wanted is no failure.
func TestSkippedByWhen(t *testing.T) {
	set := &collect.Set{Steps: []frame.Step{step("step-one", 0, frame.ReasonSkipped), step("step-two", 0, frame.ReasonCompleted)}}
	if c := outcomeOf(taskRun(started), Collected, observation(withEvidence(collect.Progress{Set: set})), Plan{}).
		Condition; c.Status != metav1.ConditionTrue {
		t.Errorf("want success, got %+v", c)
	}
}

func TestEvents(t *testing.T) {
	status := func(podName string, c metav1.Condition) v1.TaskRunStatus {
		s := v1.TaskRunStatus{PodName: podName}
		s.SetCondition(c, metav1.NewTime(epoch()))
		return s
	}
	event := func(kind, reason, note string) []reconcile.Event {
		return []reconcile.Event{{Type: kind, Reason: reason, Note: note}}
	}
	starting := v1.Running(v1.TaskRunReasonPending, messageStarting)
	quota := v1.Running(v1.TaskRunReasonExceededResourceQuota, "exceeded quota")
	cases := map[string]struct {
		reason        string
		before, after v1.TaskRunStatus
		want          []reconcile.Event
	}{
		"Started": {
			reason: "a pod was made",
			after:  status("p", starting),
			want:   event(corev1.EventTypeNormal, "Started", "Created pod p"),
		},
		"Running": {
			reason: "that all goes well is no event",
			before: status("p", starting),
			after:  status("p", v1.Running(v1.TaskRunReasonRunning, messageRunning)),
		},
		"Waiting": {
			reason: "what holds a run up is one",
			after:  status("", quota),
			want:   event(corev1.EventTypeWarning, "ExceededResourceQuota", "exceeded quota"),
		},
		"Still": {
			reason: "and is told once",
			before: status("", quota),
			after:  status("", quota),
		},
		"Retried": {
			reason: "a new attempt is one",
			before: status("p", starting),
			after:  status("", v1.Running(v1.TaskRunReasonToBeRetried, "attempt 1 of 2 failed")),
			want:   event(corev1.EventTypeWarning, "ToBeRetried", "attempt 1 of 2 failed"),
		},
		"NextPod": {
			reason: "and so is its pod",
			before: status("", v1.Running(v1.TaskRunReasonToBeRetried, "x")),
			after:  status("p-retry1", starting),
			want:   event(corev1.EventTypeNormal, "Started", "Created pod p-retry1"),
		},
		"Succeeded": {
			reason: "an end is one",
			before: status("p", starting),
			after:  status("p", v1.Succeeded("All steps have completed")),
			want:   event(corev1.EventTypeNormal, "Succeeded", "All steps have completed"),
		},
		"Failed": {
			reason: "a bad end is a warning",
			before: status("p", starting),
			after:  status("p", v1.Failed("Failed", "why")),
			want:   event(corev1.EventTypeWarning, "Failed", "why"),
		},
		"TimedOut": {
			reason: "clients match on Failed; the cause begins the note",
			before: status("p", starting),
			after:  status("p", v1.Failed(v1.TaskRunReasonTimedOut, "it took too long")),
			want:   event(corev1.EventTypeWarning, "Failed", "TaskRunTimeout: it took too long"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, eventsFor(tc.before, tc.after)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestAnEndIsTheEnd: whatever happens to a run that has ended, or to its pod, changes nothing.
func TestAnEndIsTheEnd(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{})
	w.pass(t)
	w.play(t, corev1.PodSucceeded, terminated(0, record(0)), terminated(0, record(0)))
	before := w.pass(t)
	w.cancel(t)
	w.play(t, corev1.PodFailed, terminated(1, record(1)), terminated(1, record(1)))
	w.unchanged(t, "the run has ended")
	if diff := cmp.Diff(before.Status, w.pass(t).Status); diff != "" {
		t.Errorf("the status of a run that has ended: -want +got:\n%s", diff)
	}
}
