package ownership_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/partial/checked"
	"github.com/sluice-ci/sluice/internal/pipelinerun"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/taskrun"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/transport/sidecarlogs"
	"github.com/sluice-ci/sluice/internal/transport/terminationmessage"
	"github.com/sluice-ci/sluice/internal/when"
)

// now is long after the timeout of a run that started at start.
var (
	now   = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	start = metav1.NewTime(now.Add(-24 * time.Hour))
)

// evaluatorOnce makes one evaluator for all cases: it takes longer to make than a reconcile.
var evaluatorOnce = sync.OnceValues(when.NewEvaluator)

// noImages looks up no image.
type noImages struct{}

func (noImages) Entrypoint(image.Owner, string, image.Pull) (image.Entrypoint, error) {
	return image.Entrypoint{}, errors.New("no registry")
}

func (noImages) Forget(types.NamespacedName) {}

// touches are the requests that change something or read past the cache, and the events.
type touches struct {
	requests []string
	recorder *events.FakeRecorder
}

func (w *touches) all() []string {
	all := w.requests
	for len(w.recorder.Events) > 0 {
		all = append(all, "event "+<-w.recorder.Events)
	}
	return all
}

// recorded returns a client that records every request; reads only if reads is set.
func (w *touches) recorded(under client.WithWatch, reads bool) client.WithWatch {
	note := func(verb string, o runtime.Object) { w.requests = append(w.requests, verb+" "+kind(o)) }
	funcs := interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			note("create", o)
			return c.Create(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			note("delete", o)
			return c.Delete(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			note("update", o)
			return c.Update(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			note("patch", o)
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			note("patch "+sub, o)
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}
	if reads {
		funcs.Get = func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			note("get", o)
			return c.Get(ctx, key, o, opts...)
		}
		funcs.List = func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			note("list", list)
			return c.List(ctx, list, opts...)
		}
	}
	return interceptor.NewClient(under, funcs)
}

func kind(o runtime.Object) string {
	if k := o.GetObjectKind().GroupVersionKind().Kind; k != "" {
		return k
	}
	return "object"
}

// reconcilers returns both reconcilers over a cluster with these objects.
func reconcilers(t interface{ Fatal(args ...any) }, rule ownership.Rule, w *touches,
	objects ...client.Object) map[string]reconcile.Reconciler {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	under := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1.TaskRun{}, &v1.PipelineRun{}).
		WithIndex(&corev1.Event{}, "involvedObject.uid", func(client.Object) []string { return nil }).
		WithIndex(&corev1.Event{}, "type", func(client.Object) []string { return nil }).
		WithObjects(objects...).Build()
	evaluator, err := evaluatorOnce()
	if err != nil {
		t.Fatal(err)
	}
	clock := clocktesting.NewFakePassiveClock(now)
	logs := collect.LogSourceFn(func(context.Context, collect.Log) (io.ReadCloser, error) { return nil, errors.New("no log") })
	collector := collect.New(logs, func(types.NamespacedName) {}, collect.Options{})
	access := sidecarlogs.LogAccessFn(func(context.Context, string) (bool, error) { return true, nil })
	cached, live := checked.New(w.recorded(under, false)), w.recorded(under, true)
	store := config.NewStore(config.Default())
	return map[string]reconcile.Reconciler{
		v1.KindTaskRun: taskrun.NewReconciler(taskrun.Dependencies{
			Runs: rule, Client: cached, Live: live, Recorder: w.recorder, Config: store, Clock: clock, Images: noImages{}, Evaluator: evaluator,
			Transports: transport.Transports{
				config.TerminationMessage: terminationmessage.Transport{},
				config.SidecarLogs:        sidecarlogs.New(collector, access),
			},
			Inpod: taskrun.Inpod{Image: "inpod:1", Delivery: pod.ImageVolume},
		}),
		v1.KindPipelineRun: pipelinerun.NewReconciler(pipelinerun.Dependencies{
			Runs: rule, Client: cached, Live: live, Recorder: w.recorder, Config: store, Clock: clock, Evaluator: evaluator,
		}),
	}
}

func managers() *rapid.Generator[*string] {
	return rapid.OneOf(
		rapid.Just[*string](nil),
		rapid.Map(rapid.SampledFrom([]string{
			"", v1.ManagedByThis, v1.ManagedBySluice, v1.ManagedBySluice + "/x", "sluice.dev/other", "SLUICE.dev/controller",
			" " + v1.ManagedBySluice,
		}), func(s string) *string { return &s }),
		rapid.Map(rapid.String(), func(s string) *string { return &s }),
	)
}

// meta returns metadata of any run: also of one that is deleted, that another run owns, or that another controller labeled.
func meta(t *rapid.T) metav1.ObjectMeta {
	m := metav1.ObjectMeta{
		Namespace: "ci", Name: "run", UID: "uid", ResourceVersion: "1",
		Labels: rapid.MapOf(rapid.SampledFrom([]string{v1.LabelManagedBy, v1.LabelPipeline, v1.LabelTask}),
			rapid.Just("x")).Draw(t, "labels"),
		Annotations: rapid.MapOf(rapid.SampledFrom([]string{v1.AnnotationResultsFrom}),
			rapid.Just("sidecar-logs")).Draw(t, "annotations"),
	}
	if rapid.Bool().Draw(t, "deleted") {
		m.DeletionTimestamp, m.Finalizers = new(metav1.NewTime(now)), []string{"example.com/keep"}
	}
	if rapid.Bool().Draw(t, "child") {
		m.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: v1.GroupVersion.String(), Kind: v1.KindPipelineRun, Name: "parent", UID: "parent", Controller: new(true),
		}}
	}
	return m
}

func conditions(t *rapid.T) []metav1.Condition {
	status := rapid.SampledFrom([]metav1.ConditionStatus{"", metav1.ConditionUnknown, metav1.ConditionTrue}).Draw(t, "succeeded")
	if status == "" {
		return nil
	}
	return []metav1.Condition{{Type: v1.ConditionSucceeded, Status: status, Reason: "Running", LastTransitionTime: start}}
}

func taskSpec() *v1.TaskSpec {
	return &v1.TaskSpec{Steps: []v1.Step{{Name: "s", Image: "busybox", Command: []string{"true"}}}}
}

func anyTaskRun(t *rapid.T) *v1.TaskRun {
	tr := &v1.TaskRun{ObjectMeta: meta(t), Spec: v1.TaskRunSpec{
		ManagedBy: managers().Draw(t, "managedBy"), TaskSpec: taskSpec(),
		Status: rapid.SampledFrom([]v1.TaskRunSpecStatus{"", v1.TaskRunSpecStatusCancelled}).Draw(t, "asked"),
	}}
	if tr.Status.Conditions = conditions(t); tr.Status.Conditions != nil {
		tr.Status.StartTime, tr.Status.PodName = &start, "run-pod"
	}
	return tr
}

func anyPipelineRun(t *rapid.T) *v1.PipelineRun {
	pr := &v1.PipelineRun{ObjectMeta: meta(t), Spec: v1.PipelineRunSpec{
		ManagedBy: managers().Draw(t, "managedBy"),
		PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{{
			Name: "a", TaskSpec: &v1.EmbeddedTask{TaskSpec: *taskSpec()},
		}}},
		Status: rapid.SampledFrom([]v1.PipelineRunSpecStatus{"", v1.PipelineRunSpecStatusCancelled}).Draw(t, "asked"),
	}}
	if pr.Status.Conditions = conditions(t); pr.Status.Conditions != nil {
		pr.Status.StartTime = &start
	}
	return pr
}

// podOf returns a pod that the run seems to own.
func podOf(run client.Object) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: "run-pod", UID: "pod", Labels: map[string]string{v1.LabelTaskRunUID: "uid"},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(run, v1.GroupVersion.WithKind(v1.KindTaskRun))},
	}}
}

// TestBesideTektonOnlyItsOwnRunsAreTouched: whatever a run looks like, a controller beside Tekton sends no request about it, not
// even a read, and emits no event, unless the run names this controller exactly.
func TestBesideTektonOnlyItsOwnRunsAreTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var run client.Object
		var managedBy *string
		which := rapid.SampledFrom([]string{v1.KindTaskRun, v1.KindPipelineRun}).Draw(t, "kind")
		if which == v1.KindTaskRun {
			tr := anyTaskRun(t)
			run, managedBy = tr, tr.Spec.ManagedBy
		} else {
			pr := anyPipelineRun(t)
			run, managedBy = pr, pr.Spec.ManagedBy
		}
		w := &touches{recorder: events.NewFakeRecorder(100)}
		r := reconcilers(t, ownership.Only(""), w, run, podOf(run))[which]
		if _, err := r.Reconcile(context.Background(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(run)}); err != nil {
			t.Logf("reconcile: %v", err)
		}
		ours := managedBy != nil && *managedBy == "sluice.dev/controller"
		touched := w.all()
		if !ours && len(touched) > 0 {
			t.Fatalf("a %s with managedBy %v is not of this controller, but it did %q", which, managedBy, touched)
		}
	})
}

// TestBesideTektonItsOwnRunsAreBegun: a new run that names this controller is begun, and the same run without the name is not.
func TestBesideTektonItsOwnRunsAreBegun(t *testing.T) {
	plain := metav1.ObjectMeta{Namespace: "ci", Name: "run", UID: "uid", ResourceVersion: "1"}
	for _, managedBy := range []*string{nil, new(v1.ManagedBySluice)} {
		for which, run := range map[string]client.Object{
			v1.KindTaskRun: &v1.TaskRun{ObjectMeta: plain, Spec: v1.TaskRunSpec{ManagedBy: managedBy, TaskSpec: taskSpec()}},
			v1.KindPipelineRun: &v1.PipelineRun{ObjectMeta: plain, Spec: v1.PipelineRunSpec{
				ManagedBy:    managedBy,
				PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{{Name: "a", TaskSpec: &v1.EmbeddedTask{TaskSpec: *taskSpec()}}}},
			}},
		} {
			w := &touches{recorder: events.NewFakeRecorder(100)}
			r := reconcilers(t, ownership.Only(""), w, run)[which]
			if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(run)}); err != nil {
				t.Fatal(err)
			}
			if begun := len(w.all()) > 0; begun != (managedBy != nil) {
				t.Errorf("a %s with managedBy %v was begun: %t", which, managedBy, begun)
			}
		}
	}
}
