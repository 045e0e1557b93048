package taskrun

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestReleaseOf: a held step is released as soon as each injected container is ready or has ended, and nothing is done to others.
func TestReleaseOf(t *testing.T) {
	starting := waiting("ContainerCreating")
	cases := map[string]struct {
		reason string
		mark   string
		step   corev1.ContainerState
		// proxy is the state of the injected container; nil if there is none.
		proxy *corev1.ContainerState
		ready bool
		want  Action
	}{
		"NoneInjected": {
			reason: "a pod without injected containers costs no request",
			mark:   v1.StepsFree,
			step:   starting,
			want:   DoNothing,
		},
		"FlagIsOff": {
			reason: "a pod without the annotation was created with the flag off",
			step:   starting,
			proxy:  &starting,
			want:   DoNothing,
		},
		"NotHeld": {
			reason: "the first step has no file to wait for",
			mark:   v1.StepsFree,
			step:   starting,
			proxy:  &starting,
			want:   DoNothing,
		},
		"HeldForNone": {
			reason: "a component that adds containers to other pods of the namespace has added none to this one",
			mark:   v1.StepsHeld,
			step:   starting,
			want:   ReleaseSteps,
		},
		"Unreported": {
			reason: "the kubelet has not reported the container yet",
			mark:   v1.StepsHeld,
			step:   running(),
			proxy:  &corev1.ContainerState{},
			want:   DoNothing,
		},
		"Unready": {
			reason: "its readiness probe has not succeeded",
			mark:   v1.StepsHeld,
			step:   running(),
			proxy:  new(running()),
			want:   DoNothing,
		},
		"Ready": {
			reason: "the step can start",
			mark:   v1.StepsHeld,
			step:   running(),
			proxy:  new(running()),
			ready:  true,
			want:   ReleaseSteps,
		},
		"Ended": {
			reason: "a container that has ended will not become ready",
			mark:   v1.StepsHeld,
			step:   running(),
			proxy:  new(terminated(0, "")),
			want:   ReleaseSteps,
		},
		"ReadyBeforeTheStep": {
			reason: "the step's own container may start later",
			mark:   v1.StepsHeld,
			step:   starting,
			proxy:  new(running()),
			ready:  true,
			want:   ReleaseSteps,
		},
		"Released": {
			reason: "a released step is not held again",
			mark:   v1.StepsReleased,
			step:   starting,
			proxy:  new(running()),
			want:   DoNothing,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := runPod(corev1.PodPending, tc.step)
			if tc.mark != "" {
				p.Annotations = map[string]string{v1.AnnotationSteps: tc.mark}
			}
			if tc.proxy != nil {
				mesh(p, *tc.proxy).Status.ContainerStatuses[1].Ready = tc.ready
			}
			for _, state := range []State{Pending, Running} {
				if got := next(state, observation(withPod(p))); got != tc.want {
					t.Errorf("%s: state %s: want %s, got %s", tc.reason, state, tc.want, got)
				}
			}
		})
	}
}

// injecting adds a container to each pod that is created, as a mesh does.
func injecting() interceptor.Funcs {
	return interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if p, ok := o.(*corev1.Pod); ok {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "istio-proxy"})
		}
		return c.Create(ctx, o, opts...)
	}}
}

// meshed returns a world whose API server injects containers and lacks the policy, which the reconciler has learned.
func meshed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, []client.Object{taskRun()}, injecting())
	w.unguarded.Add(taskRun().Namespace, w.clock.Now())
	return w
}

// TestInjectedContainersAreAwaited: a pod with an injected container is created with its first step held, and released when the
// container is ready. That costs one request, and a message says what the run waits for.
func TestInjectedContainersAreAwaited(t *testing.T) {
	w := meshed(t)
	w.pass(t)
	w.markedAs(t, v1.StepsHeld)
	w.playMesh(t, running(), waiting("ImagePullBackOff"), false)
	wantCondition(t, w.pass(t), "Unknown Running", "the first step waits for injected containers", `"istio-proxy" (ImagePullBackOff)`)
	w.playMesh(t, running(), running(), false)
	w.pass(t)
	w.unchanged(t, "the injected container is not ready")
	w.markedAs(t, v1.StepsHeld)
	w.playMesh(t, running(), running(), true)
	wantCondition(t, w.pass(t), "Unknown Running", "steps are running")
	w.markedAs(t, v1.StepsReleased)
	w.unchanged(t, "the steps run")
	want := map[string]int{
		"create *v1.Pod": 1, "get *v1.ServiceAccount": 1, "patch status of TaskRun, answered with its metadata": 4, "patch *v1.Pod": 1,
	}
	if diff := cmp.Diff(want, w.requests); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestInjectionWithoutPolicyIsLearned: if the API server stores a pod with an injected container whose first step is free, an event
// says that the step does not wait. The next pods of the namespace are held, until an hour has passed without an injected container.
// A held pod without one is released at once.
func TestInjectionWithoutPolicyIsLearned(t *testing.T) {
	injects := true
	inject := injecting().Create
	w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if injects {
				return inject(ctx, c, o, opts...)
			}
			return c.Create(ctx, o, opts...)
		},
	})
	wantCondition(t, w.pass(t), "Unknown Pending")
	w.markedAs(t, v1.StepsFree)
	if !reports(w, reasonStepsNotHeld) {
		t.Errorf("want event %s", reasonStepsNotHeld)
	}
	w.clock.SetTime(epoch().Add(unguardedFor - time.Minute))
	w.markedAfter(t, "second", 1, v1.StepsHeld)
	injects = false
	w.clock.SetTime(epoch().Add(2*unguardedFor - 2*time.Minute))
	w.markedAfter(t, "third", 2, v1.StepsReleased)
	w.clock.SetTime(epoch().Add(2 * unguardedFor))
	w.markedAfter(t, "fourth", 1, v1.StepsFree)
	if w.isUnguarded("other") {
		t.Error("want no other namespace remembered")
	}
	if reports(w, reasonStepsNotHeld) {
		t.Errorf("want no further event %s", reasonStepsNotHeld)
	}
}

// markedAfter creates another run, reconciles it, and wants the annotation of its pod.
func (w *world) markedAfter(t *testing.T, name string, reconciles int, want string) {
	t.Helper()
	run := taskRun(func(tr *v1.TaskRun) { tr.Name, tr.UID = name, types.UID(name) })
	if err := w.client.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	for range reconciles {
		if _, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: keyOf(run)}); err != nil {
			t.Fatal(err)
		}
	}
	wantMark(t, w.podNamed(t, name+"-pod"), want)
}

// TestTimeoutNamesInjectedContainers: a run that timed out while its first step was held says for which container.
func TestTimeoutNamesInjectedContainers(t *testing.T) {
	w := meshed(t)
	w.pass(t)
	w.playMesh(t, running(), running(), false)
	w.pass(t)
	w.clock.SetTime(epoch().Add(2 * time.Hour))
	wantCondition(t, w.pass(t), "False TaskRunTimeout", `it was waiting for: injected containers to be ready: "istio-proxy"`)
}

// markedAs wants the annotation of the pod.
func (w *world) markedAs(t *testing.T, want string) {
	t.Helper()
	wantMark(t, w.pod(t), want)
}

// wantMark wants the annotation of a pod, and that its first step reads it if it was held.
func wantMark(t *testing.T, p *corev1.Pod, want string) {
	t.Helper()
	if got := p.Annotations[v1.AnnotationSteps]; got != want {
		t.Errorf("want pod %q marked as %s, got %q", p.Name, want, got)
	}
	reads := slices.ContainsFunc(p.Spec.Containers[0].Args, func(arg string) bool { return strings.HasPrefix(arg, "-hold=") })
	mounts := slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.DownwardAPI != nil })
	if held := want != v1.StepsFree; reads != held || mounts != held {
		t.Errorf("pod %q marked as %s: want its first step to read the mark: %t, got option %t and volume %t", p.Name, want, held, reads, mounts)
	}
}

// playMesh sets the states of the step and of the injected container.
func (w *world) playMesh(t *testing.T, step, proxy corev1.ContainerState, ready bool) {
	t.Helper()
	w.play(t, corev1.PodRunning, step, step)
	p := w.pod(t)
	p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: "istio-proxy", State: proxy, Ready: ready})
	if err := w.client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}
