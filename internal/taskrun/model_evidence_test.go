package taskrun

import (
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// evidences are what can be known of how the steps ended, by the names of their containers.
func evidences(steps []string) map[string]func(*Observation) {
	set := func(interrupted bool, list ...frame.Step) func(*Observation) {
		return withEvidence(collect.Progress{At: modelStart(), Set: &collect.Set{
			Interrupted: interrupted, Steps: list, Results: []frame.Result{value("digest", "string", "d")},
		}})
	}
	each := func(change func(i int, s *frame.Step)) []frame.Step {
		list := make([]frame.Step, len(steps))
		for i, name := range steps {
			list[i] = step(name, 0, frame.ReasonCompleted)
			change(i, &list[i])
		}
		return list
	}
	last := len(steps) - 1
	only := func(code int, reason frame.Reason) []frame.Step {
		return each(func(i int, s *frame.Step) {
			if i == last {
				s.ExitCode, s.Reason = code, reason
			}
		})
	}
	ages := each(func(_ int, s *frame.Step) {
		s.ExitCode, s.Reason, s.FinishedAt = killedExitCode, frame.ReasonKilled, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	})
	unverified := func(o *Observation) {
		set(false, only(0, frame.ReasonCompleted)...)(o)
		o.Unverified = errors.New("no authorities")
	}
	return map[string]func(*Observation){
		"none":        func(*Observation) {},
		"unread":      withEvidence(collect.Progress{Unread: true}),
		"unreadable":  withEvidence(collect.Progress{Err: errors.New("no connection")}),
		"given-up":    withEvidence(collect.Progress{GaveUp: true, Err: errors.New("no end record")}),
		"whole":       set(false, only(0, frame.ReasonCompleted)...),
		"failed":      set(false, only(3, frame.ReasonError)...),
		"forged":      set(false, only(1, frame.ReasonForged)...),
		"killed":      set(false, only(killedExitCode, frame.ReasonKilled)...),
		"killed-9999": set(false, ages...),
		"future":      set(false, only(7, "SomethingNew")...),
		"partly":      set(false, only(0, frame.ReasonCompleted)[:last]...),
		"empty":       set(false),
		"interrupted": set(true, only(frame.UnfinishedExitCode, frame.ReasonUnfinished)...),
		"cancelled":   set(true, only(143, frame.ReasonCancelled)...),
		"unverified":  unverified,
	}
}

// wishes are what a run's user asks for, and how much time the run has left.
func wishes() map[string]func(*model) {
	timeout := func(d time.Duration) func(*model) {
		return func(m *model) { m.tr.Spec.Timeout = &metav1.Duration{Duration: d} }
	}
	return map[string]func(*model){
		"hour":      func(*model) {},
		"endless":   timeout(0),
		"timed-out": timeout(time.Second),
		"cancelled": func(m *model) { cancelled(m.tr) },
		"cancelled-kept": func(m *model) {
			cancelled(m.tr)
			m.obs.Flags.KeepPodOnCancel = true
		},
		"second-attempt": func(m *model) {
			retries(2)(m.tr)
			failedOnce(m.tr)
		},
	}
}

// TestEveryEvidenceHasAWayOut is the model of all combinations of what is known of the steps, of what the run's user asks
// for, and of what the kubelet says.
func TestEveryEvidenceHasAWayOut(t *testing.T) {
	var f modelFindings
	all, sidecars := modelStates(), modelSidecars()
	for _, n := range []int{1, 3} {
		for _, name := range []string{"running", "done", "norecord137", "starterror", "waitingContainerCreating"} {
			states := make([]corev1.ContainerState, n)
			for i := range states {
				states[i] = all["done"]
			}
			states[n-1] = all[name]
			for _, s := range modelSituations() {
				for _, sidecar := range []string{"running", "done"} {
					state := sidecars[sidecar]
					f.tryAll(fmt.Sprintf("%d-%s/%s/%s", n, name, s.name, sidecar), modelPod(states, &state, s), n)
				}
			}
		}
		f.tryAll(fmt.Sprintf("%d-gone", n), nil, n)
	}
	f.report(t, 10_000)
}

// tryAll tries all evidence and all wishes with one pod.
func (f *modelFindings) tryAll(name string, p *corev1.Pod, steps int) {
	known := evidences(stepNames(steps))
	wanted := wishes()
	for _, evidence := range sortedKeys(known) {
		for _, wish := range sortedKeys(wanted) {
			m := newModel(name+"/"+evidence+"/"+wish, steps, p, config.SidecarLogs)
			known[evidence](&m.obs)
			wanted[wish](m)
			f.try(m)
		}
	}
}

func stepNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("step-s%d", i)
	}
	return names
}

// TestEveryWaitHasAWayOut: a run that has no pod yet is looked at again, and says what it waits for when its time is up.
func TestEveryWaitHasAWayOut(t *testing.T) {
	fresh := taskRun(func(tr *v1.TaskRun) { tr.Status.StartTime = new(metav1.NewTime(epoch())) })
	waits := &WaitReason{v1.TaskRunReasonPending, "a secret is missing"}
	cases := map[string]struct {
		reason string
		obs    Observation
		plan   Plan
		effect Effect
	}{
		"Needs": {
			reason: "what the pod needs is missing for now",
			obs:    observation(),
			plan:   Plan{Needs: Prerequisites{Waiting: waits}},
		},
		"Quota": {
			reason: "the API server does not take the pod now",
			obs:    observation(),
			effect: Effect{Waiting: waits},
		},
		"Earlier": {
			reason: "the attempt before runs on",
			obs:    observation(func(o *Observation) { o.Earlier = Ended{Pod: runPod(corev1.PodRunning, running())} }),
			plan:   Plan{Needs: Prerequisites{Waiting: waits}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			state := stateOf(fresh, tc.obs, tc.plan)
			status, _ := statusFor(fresh, state, tc.obs, tc.plan, tc.effect)
			if left := wait(fresh, status, tc.obs, tc.plan, tc.effect); left <= 0 || left > reconcile.RetryPeriod {
				t.Errorf("%s: want another look within %s, got %s", tc.reason, reconcile.RetryPeriod, left)
			}
			tr := fresh.DeepCopy()
			tr.Status = status
			late := observation(func(o *Observation) { o.Now = epoch().Add(time.Hour) })
			want := "the run did not end within 1h0m0s; it was waiting for: a secret is missing; set spec.timeout to allow for more"
			if got := outcomeOf(tr, stateOf(tr, late, Plan{}), late, Plan{}); got == nil || got.Condition.Message != want {
				t.Errorf("%s: want %q, got %+v", tc.reason, want, got)
			}
		})
	}
}
