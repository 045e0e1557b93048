package taskrun

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// eventIndexes adds the fields of events by which the controller selects them.
func eventIndexes(b *fake.ClientBuilder) *fake.ClientBuilder {
	for name, field := range map[string]func(e *corev1.Event) string{
		"involvedObject.uid":  func(e *corev1.Event) string { return string(e.InvolvedObject.UID) },
		"involvedObject.name": func(e *corev1.Event) string { return e.InvolvedObject.Name },
		"reason":              func(e *corev1.Event) string { return e.Reason },
		"type":                func(e *corev1.Event) string { return e.Type },
	} {
		b = b.WithIndex(&corev1.Event{}, name, func(o client.Object) []string { return []string{field(o.(*corev1.Event))} })
	}
	return b
}

// removePod deletes the pod of the run, as another component does.
func (w *world) removePod(t *testing.T) {
	t.Helper()
	if err := w.client.Delete(t.Context(), w.pod(t)); err != nil {
		t.Fatal(err)
	}
}

// startedEvent is the kubelet's event about a container that it has started.
func startedEvent(container string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "started", Namespace: "ci"},
		InvolvedObject: corev1.ObjectReference{
			Kind: "Pod", Namespace: "ci", Name: "build-pod", FieldPath: fmt.Sprintf("spec.containers{%s}", container),
		},
		Reason: "Started", Type: corev1.EventTypeNormal,
	}
}

// TestPodIsMadeAgain: a pod that is removed before a step started is made again, by whatever controller; one with a step that
// started is not.
func TestPodIsMadeAgain(t *testing.T) {
	forbidEvents := interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if _, ok := list.(*corev1.EventList); ok {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", errors.New("no permission"))
			}
			return c.List(ctx, list, opts...)
		},
	}
	cases := map[string]struct {
		reason    string
		intercept interceptor.Funcs
		objects   []client.Object
		change    func(t *testing.T, w *world)
		want      string
	}{
		"Unscheduled": {
			reason: "no kubelet has seen the pod",
			change: func(t *testing.T, w *world) { w.removePod(t) },
			want:   "Unknown Pending",
		},
		"Pulling": {
			reason: "the kubelet pulls the images of the steps",
			change: func(t *testing.T, w *world) {
				w.play(t, corev1.PodPending, waiting("ContainerCreating"), waiting("ContainerCreating"))
				w.pass(t)
				w.removePod(t)
			},
			want: "Unknown Pending",
		},
		"Evicted": {
			reason: "the kubelet evicts the pod before it has started a container",
			change: func(t *testing.T, w *world) {
				p := w.pod(t)
				p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted"
				if err := w.client.Status().Update(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				if got := reason(w.pass(t)); got != "Unknown Pending" {
					t.Fatalf("want the run to wait until the evicted pod is gone, got %s", got)
				}
			},
			want: "Unknown Pending",
		},
		"OtherContainerStarted": {
			reason:  "a container that is no step has started",
			objects: []client.Object{startedEvent("sidecar-proxy")},
			change:  func(t *testing.T, w *world) { w.removePod(t) },
			want:    "Unknown Pending",
		},
		"StepRuns": {
			reason: "one step runs, and the other is being started",
			change: func(t *testing.T, w *world) {
				w.play(t, corev1.PodPending, running(), waiting("ContainerCreating"))
				w.pass(t)
				w.removePod(t)
			},
			want: "False PodDeleted",
		},
		"AllRun": {
			reason: "the steps run",
			change: func(t *testing.T, w *world) {
				w.play(t, corev1.PodRunning, running(), running())
				w.pass(t)
				w.removePod(t)
			},
			want: "False PodDeleted",
		},
		"StartedUnseen": {
			reason:  "a step started while no controller ran, and the kubelet's event says so",
			objects: []client.Object{startedEvent("step-one")},
			change:  func(t *testing.T, w *world) { w.removePod(t) },
			want:    "False PodDeleted",
		},
		"EventsRefused": {
			reason:    "whether a step has started cannot be known",
			intercept: forbidEvents,
			change:    func(t *testing.T, w *world) { w.removePod(t) },
			want:      "False PodDeleted",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, append(tc.objects, taskRun()), tc.intercept)
			w.pass(t)
			first := w.pod(t).UID
			tc.change(t, w)
			w.restart()
			tr := w.pass(t)
			if got := reason(tr); got != tc.want {
				t.Fatalf("%s: want %s, got %s: %s", tc.reason, tc.want, got, tr.Status.Condition().Message)
			}
			if tr.Status.Done() {
				if pods := w.pods(t); len(pods) != 0 {
					t.Errorf("%s: want no other pod, got %d", tc.reason, len(pods))
				}
				return
			}
			if tr.Status.PodName != "" || tr.Annotations[v1.AnnotationPodsRemade] != "0/1" {
				t.Errorf("%s: want the removed pod forgotten and counted, got %q, %v", tc.reason, tr.Status.PodName, tr.Annotations)
			}
			w.restart()
			if tr = w.pass(t); tr.Status.PodName != "build-pod" || len(w.pods(t)) != 1 {
				t.Fatalf("%s: want the pod made again, got %+v", tc.reason, tr.Status.Condition())
			}
			if p := w.pod(t); first != "" && p.UID == first {
				t.Errorf("%s: want another pod", tc.reason)
			}
			w.play(t, corev1.PodSucceeded, terminated(0, record(0, value("digest", "", "d"))), terminated(0, record(0)))
			if tr = w.pass(t); reason(tr) != "True Succeeded" || len(tr.Status.Results) != 1 {
				t.Errorf("%s: want a green run with its result, got %+v", tc.reason, tr.Status)
			}
		})
	}
}

// TestPodIsMadeAgainSeldom: a pod that is always removed ends its run, and each attempt has its own count.
func TestPodIsMadeAgainSeldom(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(retries(1))}, interceptor.Funcs{})
	made := 0
	for range 100 {
		w.restart()
		tr := w.pass(t)
		if tr.Status.Done() {
			if want := 2 * (1 + maxRemade); reason(tr) != "False PodDeleted" || made != want {
				t.Errorf("want PodDeleted after %d pods, got %s after %d", want, reason(tr), made)
			}
			return
		}
		for _, p := range w.pods(t) {
			made++
			if err := w.client.Delete(t.Context(), &p); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Errorf("the run has no end; %d pods were made", made)
}

// TestRemadeCount: what a user writes into the annotation makes no more pods than the limit for each write.
func TestRemadeCount(t *testing.T) {
	cases := map[string]struct {
		reason string
		note   string
		want   int
	}{
		"None":         {reason: "no pod was made again"},
		"Counted":      {reason: "the count of this attempt", note: "0/2", want: 2},
		"OtherAttempt": {reason: "the count of another attempt", note: "1/2"},
		"Negative":     {reason: "no count", note: "0/-5"},
		"NoNumber":     {reason: "no count", note: "0/x"},
		"NoSlash":      {reason: "no count", note: "2"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(func(tr *v1.TaskRun) { tr.Annotations = map[string]string{v1.AnnotationPodsRemade: tc.note} })
			if got := remade(tr); got != tc.want {
				t.Errorf("%s: want %d, got %d", tc.reason, tc.want, got)
			}
		})
	}
}
