package taskrun

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// TestStopPod: whatever pod is to stop has no container left in the end.
func TestStopPod(t *testing.T) {
	unseen := func(p *corev1.Pod) { p.Spec.NodeName, p.Status.StartTime = "", nil }
	cases := map[string]struct {
		reason string
		change func(*corev1.Pod)
		// deadline is the pod's active deadline afterwards, 0 when it has none; gone says that it was deleted.
		deadline int64
		gone     bool
	}{
		"Running": {
			reason:   "the kubelet stops it, and it stays for inspection",
			change:   func(*corev1.Pod) {},
			deadline: stopDeadline,
		},
		"OwnDeadline": {
			reason:   "a policy has set a deadline of a day, which is lowered",
			change:   func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = new(int64(86400)) },
			deadline: stopDeadline,
		},
		"Unscheduled": {
			reason: "it would be scheduled when there is room, and run its steps",
			change: unseen,
			gone:   true,
		},
		"UnscheduledWithDeadline": {
			reason: "the deadline counts from a start that it does not have",
			change: func(p *corev1.Pod) { unseen(p); p.Spec.ActiveDeadlineSeconds = new(int64(1)) },
			gone:   true,
		},
		"Placed": {
			reason: "its kubelet has not seen it",
			change: func(p *corev1.Pod) { p.Status.StartTime = nil },
			gone:   true,
		},
		"Ended": {
			reason: "there is nothing to stop",
			change: func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := runPod(corev1.PodRunning, running(), running())
			tc.change(p)
			w := newWorld(t, []client.Object{p}, interceptor.Funcs{})
			if err := w.stopPod(t.Context(), w.pod(t)); err != nil {
				t.Fatal(err)
			}
			pods := w.pods(t)
			if (len(pods) == 0) != tc.gone {
				t.Fatalf("%s: want it deleted: %t, got %d pods", tc.reason, tc.gone, len(pods))
			}
			if tc.gone {
				return
			}
			var got int64
			if d := pods[0].Spec.ActiveDeadlineSeconds; d != nil {
				got = *d
			}
			if got != tc.deadline || stopped(&pods[0]) != (tc.deadline != 0) {
				t.Errorf("%s: want a deadline of %d, and the time noted, got %d, %v", tc.reason, tc.deadline, got, pods[0].Annotations)
			}
			before := len(w.requests)
			if err := w.stopPod(t.Context(), &pods[0]); err != nil || len(w.requests) != before {
				t.Errorf("%s: a pod that was asked to end is not asked again, got %v, %v", tc.reason, w.requests, err)
			}
		})
	}
}

// TestStopPodThatStartsMeanwhile: a kubelet has seen the pod since the cache was read. It is not deleted with its logs.
func TestStopPodThatStartsMeanwhile(t *testing.T) {
	p := runPod(corev1.PodPending)
	w := newWorld(t, []client.Object{p}, interceptor.Funcs{})
	seen := w.pod(t)
	w.play(t, corev1.PodRunning, running(), running())
	if err := w.stopPod(t.Context(), seen); err == nil || len(w.pods(t)) != 1 {
		t.Errorf("want the pod kept and the pass repeated, got %d pods, %v", len(w.pods(t)), err)
	}
}

// mesh adds what a webhook injects into the pods of a namespace.
func mesh(p *corev1.Pod, state corev1.ContainerState) *corev1.Pod {
	p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "istio-proxy"})
	p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: "istio-proxy", State: state})
	return p
}

// TestPodOfEndedRunIsStopped: a run that has ended is looked at until its pod has ended, or was asked to.
func TestPodOfEndedRunIsStopped(t *testing.T) {
	over := terminated(0, record(0))
	cases := map[string]struct {
		reason string
		pod    *corev1.Pod
		// within is when the pod is stopped; 0 when it is not.
		within time.Duration
	}{
		"Mesh": {
			reason: "an injected container runs on after all steps",
			pod:    mesh(runPod(corev1.PodRunning, over, over), running()),
			within: 10 * time.Second,
		},
		"Lag": {
			reason: "the kubelet of a slow node still says that a step runs",
			pod:    runPod(corev1.PodRunning, running(), over, over),
			within: time.Minute,
		},
		"LagStart": {
			reason: "the kubelet of a slow node has not said yet that a step has started",
			pod:    runPod(corev1.PodRunning, over, waiting("PodInitializing"), running()),
			within: time.Minute,
		},
		"Sidecar": {
			reason: "the results sidecar runs on",
			pod:    runPod(corev1.PodRunning, over, over, running()),
			within: time.Minute,
		},
		"Unseen": {
			reason: "nothing has started, and nothing is to start any more",
			pod:    runPod(corev1.PodPending),
			within: time.Minute,
		},
		"Over": {
			reason: "the kubelet is about to report the end",
			pod:    runPod(corev1.PodRunning, over, over, over),
		},
		"Ended": {
			reason: "the pod has ended",
			pod:    runPod(corev1.PodSucceeded, over, over, over),
		},
		"MeshOver": {
			reason: "the injected container has ended as well",
			pod:    mesh(runPod(corev1.PodRunning, over, over), over),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(done, func(tr *v1.TaskRun) { tr.Status.CompletionTime = new(metav1.NewTime(epoch())) })
			w := newWorld(t, []client.Object{tr, tc.pod}, interceptor.Funcs{})
			look := func() time.Duration {
				result, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: keyOf(tr)})
				if err != nil {
					t.Fatal(err)
				}
				return result.RequeueAfter
			}
			if left := look(); left != tc.within || len(w.requests) != 0 {
				t.Fatalf("%s: want to look again after %s, and no request before, got %s, %v", tc.reason, tc.within, left, w.requests)
			}
			if tc.within > 0 {
				w.clock.SetTime(epoch().Add(tc.within - time.Second))
				if left := look(); left != time.Second || len(w.requests) != 0 {
					t.Errorf("%s: want no request a second before, got %v, another look in %s", tc.reason, w.requests, left)
				}
			}
			w.clock.SetTime(epoch().Add(max(tc.within, time.Minute)))
			look()
			pods := w.pods(t)
			if over := len(pods) == 0 || stopped(&pods[0]); over != (tc.within > 0) {
				t.Errorf("%s: want the pod stopped: %t, got %t", tc.reason, tc.within > 0, over)
			}
			before := len(w.requests)
			if left := look(); left != 0 || len(w.requests) != before {
				t.Errorf("%s: nothing is left to do, got another look in %s, %v", tc.reason, left, w.requests)
			}
		})
	}
}

// TestRetryWaitsForEarlierPod: an attempt does not begin beside containers of the one before, which are asked to end.
func TestRetryWaitsForEarlierPod(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(retries(1))}, interceptor.Funcs{})
	w.pass(t)
	w.play(t, corev1.PodRunning, terminated(1, record(1)), terminated(1, record(1)))
	earlier := mesh(w.pod(t), running())
	status := earlier.Status
	if err := w.client.Delete(context.Background(), w.pod(t)); err != nil {
		t.Fatal(err)
	}
	earlier.ResourceVersion = ""
	if err := w.client.Create(context.Background(), earlier); err != nil {
		t.Fatal(err)
	}
	earlier.Status = status
	if err := w.client.Status().Update(context.Background(), earlier); err != nil {
		t.Fatal(err)
	}
	wantCondition(t, w.pass(t), "Unknown ToBeRetried")
	for after := time.Duration(0); after <= 3*earlierPatience; after += reconcile.RetryPeriod {
		w.clock.SetTime(epoch().Add(after))
		w.pass(t)
		first, n := w.pod(t), len(w.pods(t))
		if asked := stopped(first); asked != (after >= injectedPatience) {
			t.Errorf("after %s: want the earlier pod asked to end once it outstays, got %t", after, asked)
		}
		if n == 2 && w.clock.Now().Before(goneBy(first)) {
			t.Errorf("after %s: the next attempt runs beside the earlier one", after)
		}
	}
	if n := len(w.pods(t)); n != 2 {
		t.Errorf("a node that does not answer keeps the next attempt from running for a bounded time, got %d pods", n)
	}
}

// TestLostStepIsNamed: a step that leaves no record ends the run within seconds, wherever it stands, and in both ways of
// results. The message has the kubelet's words, and results of steps that ended as they should are kept.
func TestLostStepIsNamed(t *testing.T) {
	const limit = 10 * time.Second
	good := func() corev1.ContainerState { return terminated(0, record(0)) }
	cases := map[string]struct {
		reason string
		lost   corev1.ContainerState
		words  string
	}{
		"StartError": {
			reason: "a memory limit below what the runtime needs",
			lost:   terminatedAs(128, "StartError", startWords),
			words:  startWords + " (StartError)",
		},
		"CannotRun": {
			reason: "a runtime with another word for it",
			lost:   terminatedAs(128, "ContainerCannotRun", startWords),
			words:  startWords + " (ContainerCannotRun)",
		},
		"Killed": {
			reason: "the entrypoint was killed before it could hold its run directory",
			lost:   terminatedAs(137, "Error", ""),
			words:  "exited with code 137 (Error)",
		},
		"DiskFull": {
			reason: "the entrypoint could not hold its run directory",
			lost:   terminatedAs(1, "Error", ""),
			words:  "exited with code 1 (Error)",
		},
		"OutOfMemory": {
			reason: "the kernel killed all of the container",
			lost:   terminatedAs(137, "OOMKilled", ""),
			words:  "more memory than its limit",
		},
	}
	for name, tc := range cases {
		for place, states := range map[string][]corev1.ContainerState{
			"Only":         {tc.lost},
			"LastOfThree":  {good(), good(), tc.lost},
			"FirstOfThree": {tc.lost, running(), running()},
		} {
			for _, from := range []config.ResultsFrom{config.SidecarLogs, config.TerminationMessage} {
				t.Run(name+"/"+place+"/"+string(from), func(t *testing.T) {
					var sidecar *corev1.ContainerState
					if from == config.SidecarLogs {
						sidecar = new(running())
					}
					m := newModel(name, len(states), modelPod(states, sidecar, situation{change: func(*corev1.Pod) {}}), from)
					m.answers = true
					got, after := m.outcome()
					if got == nil || got.Condition.Status != metav1.ConditionFalse || !strings.Contains(got.Condition.Message, tc.words) || after > limit {
						t.Errorf("%s: want %q within %s, got %+v after %s", tc.reason, tc.words, limit, got, after)
					}
				})
			}
		}
	}
}

// outcome looks at a run until it has one, and returns it with the time that took.
func (m *model) outcome() (*Outcome, time.Duration) {
	for m.obs.Now.Before(modelStart().Add(modelBound)) {
		m.gather()
		state := stateOf(m.tr, m.obs, Plan{})
		if o := outcomeOf(m.tr, state, m.obs, Plan{}); o != nil {
			return o, m.obs.Now.Sub(modelStart())
		}
		if m.act(next(state, m.obs)) && m.from == config.TerminationMessage {
			m.end()
		}
		status, _ := statusFor(m.tr, state, m.obs, Plan{}, Effect{})
		m.obs.Now = m.obs.Now.Add(min(time.Second, max(wait(m.tr, status, m.obs, Plan{}, Effect{}), time.Millisecond)))
	}
	return nil, modelBound
}

// end is what a kubelet does to a pod that was stopped: its steps are asked to end, and record that.
func (m *model) end() {
	asked, err := messageOf(frame.Step{ExitCode: 143, Reason: frame.ReasonCancelled, StartedAt: epoch(), FinishedAt: m.obs.Now})
	if err != nil {
		panic(err)
	}
	for i := range m.obs.Pod.Status.ContainerStatuses {
		if s := &m.obs.Pod.Status.ContainerStatuses[i]; s.State.Terminated == nil {
			s.State = terminatedAs(143, "Error", asked)
			s.State.Terminated.FinishedAt = metav1.NewTime(m.obs.Now)
		}
	}
}

// TestResultsOfStepsBeforeALostOneAreKept: what was whole when the last step was lost stays.
func TestResultsOfStepsBeforeALostOneAreKept(t *testing.T) {
	p := runPod(corev1.PodRunning, terminated(0, record(0)), terminatedAs(128, "StartError", startWords), running())
	set := &collect.Set{Interrupted: true, Results: []frame.Result{value("digest", "string", "d")}, Steps: []frame.Step{
		step("step-one", 0, frame.ReasonCompleted), {Name: "step-two", ExitCode: frame.UnfinishedExitCode, Reason: frame.ReasonUnfinished},
	}}
	obs := observation(withPod(p), withEvidence(collect.Progress{Set: set, At: epoch()}))
	tr := taskRun(started)
	if state := stateOf(tr, obs, Plan{}); state != Collected || next(state, obs) != StopPod {
		t.Fatalf("the kubelet has said why, so nothing is waited for, got %s, %s", state, next(state, obs))
	}
	got := outcomeOf(tr, Collected, obs, Plan{})
	if len(got.Results) != 1 || !strings.Contains(got.Condition.Message, startWords) {
		t.Errorf("want the result kept and the cause named, got %+v", got)
	}
}
