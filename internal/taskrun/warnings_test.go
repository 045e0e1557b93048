package taskrun

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/internal/pod"
)

const (
	sandboxKilled = `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to start sandbox ` +
		`"764fbd003d5477ca9373dc7bd20d58ed40f9e665aa083f4e9ede596b5678bf1a": container init was OOM-killed (memory limit too low?)`
	sandboxStopped = `Failed to create pod sandbox: cannot start a stopped process`
	mountFailed    = `MountVolume.SetUp failed for volume "v" : configmap "absent" not found`
)

// unprepared is a pod that a kubelet has seen at the epoch, and that has no sandbox.
func unprepared() *corev1.Pod {
	p := withoutSandbox()
	p.Spec.NodeName, p.Status.StartTime = "node-1", new(metav1.NewTime(epoch()))
	return p
}

// kubeletEvent is an event of the kubelet about the pod of a run, this long after the epoch.
func kubeletEvent(name, reason, message string, after time.Duration, change ...func(*corev1.Event)) *corev1.Event {
	e := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name, Namespace: "ci"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "ci", Name: "build-pod", UID: "pod-uid"},
		Type:           corev1.EventTypeWarning, Reason: reason, Message: message, Count: 1,
		Source: corev1.EventSource{Component: "kubelet"}, LastTimestamp: metav1.NewTime(epoch().Add(after)),
	}
	for _, f := range change {
		f(e)
	}
	return e
}

// TestWarningsOfAPod: of all events that name a pod, only those count that say why it does not start.
func TestWarningsOfAPod(t *testing.T) {
	cases := map[string]struct {
		reason string
		events []*corev1.Event
		latest string
		killed int
	}{
		"Sandbox": {
			reason: "Identifiers differ from one try to the next, and say nothing.",
			events: []*corev1.Event{kubeletEvent("a", "FailedCreatePodSandBox", sandboxKilled, time.Second)},
			latest: `FailedCreatePodSandBox: Failed to create pod sandbox: rpc error: code = Unknown desc = failed to start sandbox "…": ` +
				`container init was OOM-killed (memory limit too low?)`,
			killed: 1,
		},
		"KilledAnyWay": {
			reason: "A runtime has several words for a process that was killed before it had started the program.",
			events: []*corev1.Event{
				kubeletEvent("a", "FailedCreatePodSandBox", sandboxKilled, time.Second),
				kubeletEvent("b", "FailedCreatePodSandBox", sandboxStopped, 2*time.Second),
				kubeletEvent("c", "FailedCreatePodSandBox", "cannot start a container that has stopped", 3*time.Second),
			},
			latest: "FailedCreatePodSandBox: cannot start a container that has stopped",
			killed: 3,
		},
		"Counted": {
			reason: "An event that is repeated has a count.",
			events: []*corev1.Event{kubeletEvent("a", "FailedCreatePodSandBox", sandboxStopped, time.Second, func(e *corev1.Event) { e.Count = 4 })},
			latest: "FailedCreatePodSandBox: " + sandboxStopped,
			killed: 4,
		},
		"Series": {
			reason: "Or a series.",
			events: []*corev1.Event{kubeletEvent("a", "FailedCreatePodSandBox", sandboxStopped, 0, func(e *corev1.Event) {
				e.LastTimestamp, e.Count = metav1.Time{}, 0
				e.Series = &corev1.EventSeries{Count: 5, LastObservedTime: metav1.NewMicroTime(epoch().Add(time.Second))}
			})},
			latest: "FailedCreatePodSandBox: " + sandboxStopped,
			killed: 5,
		},
		"Combined": {
			reason: "The kubelet marks events that it has combined.",
			events: []*corev1.Event{kubeletEvent("a", "FailedCreatePodSandBox", "(combined from similar events): "+sandboxStopped, time.Second)},
			latest: "FailedCreatePodSandBox: " + sandboxStopped,
			killed: 1,
		},
		"Newest": {
			reason: "The newest warning is the one of now, in whatever order the events come.",
			events: []*corev1.Event{
				kubeletEvent("a", "FailedCreatePodSandBox", "no network", 2*time.Second),
				kubeletEvent("b", "FailedMount", mountFailed, time.Second),
			},
			latest: "FailedCreatePodSandBox: no network",
		},
		"Attach": {
			reason: "Volumes are attached by a controller.",
			events: []*corev1.Event{kubeletEvent("a", "FailedAttachVolume", "Multi-Attach error", time.Second, func(e *corev1.Event) {
				e.Source, e.ReportingController = corev1.EventSource{}, "attachdetach-controller"
			})},
			latest: "FailedAttachVolume: Multi-Attach error",
		},
		"Normal": {
			reason: "An event that is no warning.",
			events: []*corev1.Event{kubeletEvent("a", "Pulling", "Pulling image", time.Second, func(e *corev1.Event) {
				e.Type = corev1.EventTypeNormal
			})},
		},
		"OfContainer": {
			reason: "What is said of a container is in its status as well.",
			events: []*corev1.Event{kubeletEvent("a", "Failed", "Error: ErrImageNeverPull", time.Second, func(e *corev1.Event) {
				e.InvolvedObject.FieldPath = "spec.containers{step-one}"
			})},
		},
		"OfAnotherPod": {
			reason: "A pod that had the name before.",
			events: []*corev1.Event{kubeletEvent("a", "FailedMount", mountFailed, time.Second, func(e *corev1.Event) {
				e.InvolvedObject.UID = "other"
			})},
		},
		"OfAnother": {
			reason: "Anything may warn about a pod, such as a policy in audit mode.",
			events: []*corev1.Event{kubeletEvent("a", "PolicyViolation", "no limits", time.Second, func(e *corev1.Event) {
				e.Source.Component = "kyverno"
			})},
		},
		"Harmless": {
			reason: "Some warnings of the kubelet keep no pod from its start.",
			events: []*corev1.Event{
				kubeletEvent("a", "DNSConfigForming", "Nameserver limits were exceeded", time.Second),
				kubeletEvent("b", "FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets", time.Second),
			},
		},
		"Before": {
			reason: "What was said before the pod had its node is over.",
			events: []*corev1.Event{kubeletEvent("a", "FailedMount", mountFailed, -time.Second)},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got Warnings
			for _, e := range tc.events {
				got.note(unprepared(), e)
			}
			latest := ""
			if got.Latest != nil {
				latest = words(got.Latest.Reason, got.Latest.Message)
			}
			if diff := cmp.Diff(tc.latest, latest); diff != "" || got.Killed != tc.killed {
				t.Errorf("%s\nkilled %d times, want %d; -want +got:\n%s", tc.reason, got.Killed, tc.killed, diff)
			}
		})
	}
}

// TestUnprepared: a pod that its kubelet cannot prepare ends its run, and not sooner than it is certain, or has had as much time
// as a container that cannot be created.
func TestUnprepared(t *testing.T) {
	of := func(reason, message string) Warnings {
		return Warnings{Latest: &Warning{Reason: reason, Message: message}}
	}
	killed := func(times int) Warnings {
		w := of("FailedCreatePodSandBox", settled(sandboxKilled))
		w.Killed = times
		return w
	}
	cases := map[string]struct {
		reason   string
		warnings Warnings
		after    time.Duration
		change   func(*corev1.Pod)
		want     State
		// says is in the outcome's message, or in that of the condition of a run that continues.
		says string
	}{
		"KilledAgain": {
			reason:   "A sandbox that is killed again and again never runs.",
			warnings: killed(maxKilled),
			after:    30 * time.Second,
			want:     Unprepared,
			says:     "container init was OOM-killed",
		},
		"KilledOnce": {
			reason:   "The node may have had no memory for a moment.",
			warnings: killed(maxKilled - 1),
			after:    30 * time.Second,
			want:     Pending,
			says:     "the kubelet cannot prepare the pod yet: FailedCreatePodSandBox: Failed to create pod sandbox",
		},
		"KilledLate": {
			reason:   "It has had its time.",
			warnings: killed(1),
			after:    unknownPatience,
			want:     Unprepared,
			says:     "container init was OOM-killed",
		},
		"NoNetwork": {
			reason:   "A network may come.",
			warnings: of("FailedCreatePodSandBox", "plugin failed"),
			after:    unknownPatience - time.Second,
			want:     Pending,
			says:     "FailedCreatePodSandBox: plugin failed",
		},
		"NoNetworkLate": {
			reason:   "It does not.",
			warnings: of("FailedCreatePodSandBox", "plugin failed"),
			after:    unknownPatience,
			want:     Unprepared,
			says:     `the kubelet cannot prepare pod "build-pod": FailedCreatePodSandBox: plugin failed`,
		},
		"NoConfigMap": {
			reason:   "Nobody makes the ConfigMap of a volume.",
			warnings: of("FailedMount", mountFailed),
			after:    unknownPatience,
			want:     Unprepared,
			says:     `configmap "absent" not found`,
		},
		"Attached elsewhere": {
			reason:   "Another pod has the volume, and may use it for hours.",
			warnings: of("FailedAttachVolume", "Multi-Attach error"),
			after:    2 * unknownPatience,
			want:     Pending,
			says:     "FailedAttachVolume: Multi-Attach error",
		},
		"Not attached": {
			reason:   "The kubelet waits for the attachment.",
			warnings: of("FailedMount", "Unable to attach or mount volumes: timed out waiting for the condition"),
			after:    2 * unknownPatience,
			want:     Pending,
			says:     "FailedMount: Unable to attach",
		},
		"Silent": {
			reason: "A kubelet that warns of nothing is at work.",
			after:  2 * unknownPatience,
			want:   Pending,
			says:   "kubectl describe pod",
		},
		"Stopped": {
			reason:   "A pod that is to end is another matter.",
			warnings: killed(maxKilled),
			after:    30 * time.Second,
			change:   func(p *corev1.Pod) { askToStop(p, epoch()) },
			want:     Pending,
		},
		"WithSandbox": {
			reason:   "The warning is about what is over: there is a sandbox now.",
			warnings: killed(maxKilled),
			after:    30 * time.Second,
			change:   func(p *corev1.Pod) { p.Status.Conditions[1].Status = corev1.ConditionTrue },
			want:     Pending,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := unprepared()
			if tc.change != nil {
				tc.change(p)
			}
			obs := observation(withPod(p), func(o *Observation) {
				o.Now, o.Warnings = epoch().Add(tc.after), tc.warnings
				if w := o.Warnings.Latest; w != nil {
					w.At = o.Now.Add(-time.Second)
				}
			})
			state := stateOf(taskRun(started), obs, Plan{})
			status, _ := statusFor(taskRun(started), state, obs, Plan{}, Effect{})
			if got := status.Condition().Message; state != tc.want || !strings.Contains(got, tc.says) {
				t.Errorf("%s\nstate %s, want %s; message %q, want it to say %q", tc.reason, state, tc.want, got, tc.says)
			}
			if ends := next(state, obs) == StopPod; ends != (tc.want == Unprepared) {
				t.Errorf("%s\nthe pod is stopped: %t", tc.reason, ends)
			}
		})
	}
}

// TestWarningThatIsOver: a kubelet that has said nothing for long has no trouble any more.
func TestWarningThatIsOver(t *testing.T) {
	obs := observation(withPod(unprepared()), func(o *Observation) {
		o.Now = epoch().Add(30 * time.Minute)
		o.Warnings.Latest = &Warning{Reason: "FailedMount", Message: mountFailed, At: epoch().Add(time.Minute)}
	})
	if state := stateOf(taskRun(started), obs, Plan{}); state != Pending {
		t.Errorf("want Pending, got %s", state)
	}
}

// TestTooLittleMemoryIsNamed: the message says how much memory the pod may use, and which container has the least.
func TestTooLittleMemoryIsNamed(t *testing.T) {
	limited := func(amounts ...string) *corev1.Pod {
		p := unprepared()
		p.Spec.Containers = nil
		for i, amount := range amounts {
			c := corev1.Container{Name: stepNames(len(amounts))[i]}
			if amount != "" {
				c.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(amount)}
			}
			p.Spec.Containers = append(p.Spec.Containers, c)
		}
		return p
	}
	init := func(p *corev1.Pod, amount string) *corev1.Pod {
		p.Spec.InitContainers = limited(amount).Spec.Containers
		p.Spec.InitContainers[0].Name = "prepare"
		return p
	}
	cases := map[string]struct {
		reason string
		pod    *corev1.Pod
		want   string
	}{
		"One": {"One step.", limited("1Mi"), `the memory limit of the pod is 1Mi, the sum of the limits of ` +
			`its containers, and the sandbox needs a part of it: raise the limit of container "step-s0"`},
		"Two": {
			"The pod may use what all may use together.",
			limited("2Mi", "1Mi"),
			`is 3Mi, the sum of the limits of its containers, and the sandbox needs a part of it: raise the limit of container "step-s1"`,
		},
		"Init":      {"What runs before the steps does not add to them.", init(limited("1Mi"), "1Mi"), `the memory limit of the pod is 1Mi, `},
		"LargeInit": {"Unless it may use more.", init(limited("1Mi"), "8Mi"), `the memory limit of the pod is 8Mi, `},
		"Unlimited": {"A pod with a container without a limit has none.", limited("1Mi", ""), ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod.Trim(tc.pod) // as the cache has it
			obs := observation(withPod(tc.pod), func(o *Observation) {
				o.Warnings = Warnings{Killed: maxKilled, Latest: &Warning{Reason: "FailedCreatePodSandBox", Message: "killed", At: o.Now}}
			})
			got := unpreparable(obs).Condition.Message
			if !strings.Contains(got, tc.want) || tc.want == "" && strings.Contains(got, "memory limit") {
				t.Errorf("%s\nwant %q in %q", tc.reason, tc.want, got)
			}
		})
	}
}
