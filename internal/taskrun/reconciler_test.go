package taskrun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	testingclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/partial/checked"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/resolve/request"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/transport/sidecarlogs"
	"github.com/sluice-ci/sluice/internal/transport/terminationmessage"
	"github.com/sluice-ci/sluice/internal/when"
	"github.com/sluice-ci/sluice/test/testutil/want"
)

// world is a reconciler on an in-memory API server, with everything that it writes counted.
type world struct {
	*Reconciler
	deps    Dependencies
	client  client.WithWatch
	clock   *testingclock.FakePassiveClock
	store   *config.Store
	patches int
	allowed bool
	// log is what the results sidecar has said; nil: the log cannot be read.
	log []byte
	// images are what images run, or why that is not known.
	images map[string]error
	// forgotten counts how often the lookups of a run are dropped.
	forgotten int
	// requests counts what reaches the API server, by verb and kind; reads from the cache do not.
	requests map[string]int
	// woken takes the runs that the collector has woken.
	woken     chan types.NamespacedName
	collector *collect.Collector
}

func newWorld(t *testing.T, objects []client.Object, intercept interceptor.Funcs) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1.AddToScheme(scheme), v1beta1.AddToScheme(scheme),
		resolutionv1beta1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	w := &world{
		clock:    testingclock.NewFakePassiveClock(epoch()),
		allowed:  true,
		images:   map[string]error{},
		requests: map[string]int{},
		woken:    make(chan types.NamespacedName, 100),
	}
	w.store = config.NewStore(config.Default())
	if intercept.SubResourcePatch == nil {
		intercept.SubResourcePatch = func(ctx context.Context, c client.Client, sub string, o client.Object,
			p client.Patch, opts ...client.SubResourcePatchOption) error {
			w.patches++
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		}
	}
	w.client = eventIndexes(fake.NewClientBuilder().WithScheme(scheme).
		WithStatusSubresource(&v1.TaskRun{}, &resolutionv1beta1.ResolutionRequest{})).
		WithObjects(objects...).WithInterceptorFuncs(intercept).Build()
	w.collector = collect.New(collect.LogSourceFn(func(context.Context, collect.Log) (io.ReadCloser, error) {
		if w.log == nil {
			return nil, errors.New("kubelet away")
		}
		return io.NopCloser(bytes.NewReader(w.log)), nil
	}), func(run types.NamespacedName) { w.woken <- run }, collect.Options{})
	access := sidecarlogs.LogAccessFn(func(context.Context, string) (bool, error) { return w.allowed, nil })
	evaluator, err := when.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	w.deps = Dependencies{
		Client:    checked.New(w.counted(w.client)),
		Live:      w.countedReads(w.client),
		Images:    w,
		Evaluator: evaluator,
		Recorder:  events.NewFakeRecorder(100),
		Config:    w.store,
		Transports: transport.Transports{
			config.TerminationMessage: terminationmessage.Transport{},
			config.SidecarLogs:        sidecarlogs.New(w.collector, access),
		},
		Inpod: Inpod{Image: "inpod:1", Delivery: pod.ImageVolume},
		Clock: w.clock,
	}
	w.deps.Requests = request.New(request.Options{Client: w.deps.Client, Live: w.deps.Live, Clock: w.clock, Config: w.store})
	w.Reconciler = NewReconciler(w.deps)
	return w
}

// Entrypoint finds that an image runs its own name.
func (w *world) Entrypoint(_ image.Owner, name string, pull image.Pull) (image.Entrypoint, error) {
	w.requests["look up "+name+" as "+pull.ServiceAccount]++
	return image.Entrypoint{Image: name + "@sha256:00", Entrypoint: []string{"/" + name, "$HOME"}, Cmd: []string{"default"}}, w.images[name]
}

// counted counts writes.
func (w *world) counted(c client.WithWatch) client.Client {
	count := func(verb string, o client.Object) {
		kind := fmt.Sprintf("%T", o)
		if partial, ok := o.(*metav1.PartialObjectMetadata); ok {
			kind = partial.Kind + ", answered with its metadata"
		}
		w.requests[verb+" "+kind]++
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			count("create", o)
			return c.Create(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			count("delete", o)
			return c.Delete(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			count("patch", o)
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			count("patch "+sub+" of", o)
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
}

// countedReads counts reads that no cache answers.
func (w *world) countedReads(c client.WithWatch) client.Reader {
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			w.requests[fmt.Sprintf("get %T", o)]++
			return c.Get(ctx, key, o, opts...)
		},
	})
}

// pass reconciles once and returns the run as it then stands.
func (w *world) pass(t *testing.T) *v1.TaskRun {
	t.Helper()
	key := keyOf(taskRun())
	if _, err := w.Reconcile(context.Background(), ctrl.Request{NamespacedName: key}); err != nil {
		t.Fatal(err)
	}
	tr := &v1.TaskRun{}
	if err := w.client.Get(context.Background(), key, tr); err != nil {
		t.Fatal(err)
	}
	decodesStrictly(t, tr)
	return tr
}

func (w *world) pod(t *testing.T) *corev1.Pod {
	t.Helper()
	return w.podNamed(t, "build-pod")
}

func (w *world) podNamed(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	p := &corev1.Pod{}
	if err := w.client.Get(context.Background(), client.ObjectKey{Namespace: "ci", Name: name}, p); err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) pods(t *testing.T) []corev1.Pod {
	t.Helper()
	list := &corev1.PodList{}
	if err := w.client.List(context.Background(), list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// play sets the pod's status, as its kubelet would.
func (w *world) play(t *testing.T, phase corev1.PodPhase, states ...corev1.ContainerState) {
	t.Helper()
	w.playOn(t, "build-pod", phase, states...)
}

func (w *world) playOn(t *testing.T, name string, phase corev1.PodPhase, states ...corev1.ContainerState) {
	t.Helper()
	p := w.podNamed(t, name)
	played := runPod(phase, states...)
	p.Spec.NodeName = played.Spec.NodeName
	if err := w.client.Update(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	p.Status = played.Status
	if err := w.client.Status().Update(context.Background(), p); err != nil {
		t.Fatal(err)
	}
}

// nonceOf is the nonce that the pod's results sidecar was given.
func nonceOf(t *testing.T, p *corev1.Pod) string {
	t.Helper()
	for _, c := range p.Spec.Containers {
		if i := slices.Index(c.Args, "-nonce"); c.Name == podpaths.ResultsContainer && i >= 0 {
			return c.Args[i+1]
		}
	}
	t.Fatal("the pod has no results sidecar with a nonce")
	return ""
}

func reason(tr *v1.TaskRun) string {
	if c := tr.Status.Condition(); c != nil {
		return string(c.Status) + " " + c.Reason
	}
	return "none"
}

// wantCondition stops the test unless the condition of the run is expected, such as "False TaskRunTimeout", and fails it
// for each of parts that the message does not contain.
func wantCondition(t *testing.T, tr *v1.TaskRun, expected string, parts ...string) {
	t.Helper()
	status, why, _ := strings.Cut(expected, " ")
	want.Condition(t, tr.Status.Condition(), metav1.ConditionStatus(status), why, parts...)
}

func TestReconcileTerminationMessage(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{})
	tr := w.pass(t)
	if got := reason(tr); got != "Unknown Pending" || tr.Status.PodName != "build-pod" || tr.Status.StartTime == nil ||
		tr.Status.TaskSpec == nil {
		t.Fatalf("the first pass makes the pod and says so, got %s, %+v", got, tr.Status)
	}
	if got := tr.Status.Provenance.FeatureFlags.ResultExtractionMethod; got != "termination-message" {
		t.Errorf("the flags in force stand in the status, got %q", got)
	}
	w.play(t, corev1.PodRunning, running(), running())
	wantCondition(t, w.pass(t), "Unknown Running")
	before := w.patches
	w.pass(t)
	if w.patches != before {
		t.Errorf("a pass that finds nothing new writes nothing, got %d patches", w.patches-before)
	}
	w.play(t, corev1.PodSucceeded, terminated(0, record(0, value("digest", "", "d"))), terminated(0, record(0)))
	tr = w.pass(t)
	if got := reason(tr); got != "True Succeeded" || len(tr.Status.Results) != 1 || tr.Status.CompletionTime == nil || w.patches != before+1 {
		t.Errorf("the outcome and the results are one patch, got %s, %+v, %d patches", got, tr.Status.Results, w.patches-before)
	}
}

func TestReconcileSidecarLogs(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{})
	w.store.SetFlags(config.Flags{ResultsFrom: config.SidecarLogs, MaxResultSize: 4096})
	w.pass(t)
	nonce := nonceOf(t, w.pod(t))
	var log bytes.Buffer
	writer := frame.NewWriter(&log, nonce)
	if err := errors.Join(writer.Step(step("step-one", 0, frame.ReasonCompleted)), writer.Step(step("step-two", 0, frame.ReasonCompleted)),
		writer.Result(frame.Result{Name: "digest", Type: "string", Value: []byte("d")}), writer.End(false)); err != nil {
		t.Fatal(err)
	}
	w.log = log.Bytes()
	w.play(t, corev1.PodRunning, running(), running(), running())
	w.pass(t)
	select {
	case <-w.woken:
	case <-time.After(30 * time.Second):
		t.Fatal("nobody was woken by the end of the stream")
	}
	tr := w.pass(t)
	if got := reason(tr); got != "True Succeeded" || len(tr.Status.Results) != 1 {
		t.Fatalf("the stream's end is the run's end, whatever the kubelet says yet, got %s, %+v", got, tr.Status.Results)
	}
	for _, s := range tr.Status.Steps {
		if s.Terminated == nil || s.Terminated.ExitCode != 0 || s.ImageID == "" || s.TerminationReason != "Completed" {
			t.Errorf("the steps' own records fill what the kubelet has not said yet, got %+v", s)
		}
	}
	w.pass(t) // releases
	if got := w.collector.Progress(runUID); got.Set != nil {
		t.Errorf("what was held for a run is dropped when it has ended, got %+v", got)
	}
}

func TestReconcileOutcomesWithoutPod(t *testing.T) {
	cases := map[string]struct {
		reason  string
		tr      *v1.TaskRun
		denied  bool
		want    string
		message string
	}{
		"UnknownTask": {
			reason:  "the Task is named",
			tr:      taskRun(func(tr *v1.TaskRun) { tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: "nope"} }),
			want:    "False TaskRunResolutionFailed",
			message: `"nope"`,
		},
		"MissingParam": {
			reason:  "the param is named",
			tr:      taskRun(func(tr *v1.TaskRun) { tr.Spec.TaskSpec.Params = []v1.ParamSpec{{Name: "image"}} }),
			want:    "False TaskRunValidationFailed",
			message: `"image"`,
		},
		"ReservedSidecar": {
			reason: "nobody injects a sidecar over the reserved one",
			tr: taskRun(func(tr *v1.TaskRun) {
				tr.Spec.TaskSpec.Sidecars = []v1.Sidecar{{Name: "tekton-log-results", Image: "x"}}
			}),
			want:    "False TaskRunValidationFailed",
			message: `spec.taskSpec.sidecars[0].name: Invalid value: "tekton-log-results"`,
		},
		"ArgumentTooLong": {
			reason: "what Linux would refuse is refused with the way out",
			tr: taskRun(func(tr *v1.TaskRun) {
				tr.Spec.TaskSpec.Steps = []v1.Step{{Image: "x", Command: []string{"echo", strings.Repeat("x", 200000)}}}
			}),
			want:    "False TaskRunValidationFailed",
			message: "spec.steps[0].command[1]: 200000 bytes",
		},
		"LogAccessDenied": {
			reason:  "named before a step runs",
			tr:      taskRun(),
			denied:  true,
			want:    "False TaskRunResultsLogAccessDenied",
			message: "enable-log-access-to-controller",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{tc.tr}, interceptor.Funcs{})
			if tc.denied {
				w.allowed = false
				w.store.SetFlags(config.Flags{ResultsFrom: config.SidecarLogs, MaxResultSize: 4096})
			}
			tr := w.pass(t)
			wantCondition(t, tr, tc.want, tc.message)
			if pods := w.pods(t); len(pods) != 0 {
				t.Errorf("%s: no pod is made, got %d", tc.reason, len(pods))
			}
		})
	}
}

func TestReconcilePodCreation(t *testing.T) {
	group := schema.GroupResource{Resource: "pods"}
	failWith := func(err error) interceptor.Funcs {
		return interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*corev1.Pod); ok {
				return err
			}
			return c.Create(ctx, o, opts...)
		}}
	}
	earlier := runPod(corev1.PodRunning, running(), running())
	earlier.OwnerReferences[0].UID = "an-earlier-uid"
	stranger := runPod(corev1.PodRunning, running(), running())
	stranger.OwnerReferences[0].Name, stranger.OwnerReferences[0].UID = "another-run", "another-uid"
	ours := runPod(corev1.PodRunning, running(), running())
	cases := map[string]struct {
		reason    string
		objects   []client.Object
		intercept interceptor.Funcs
		want      string
	}{
		"Foreign": {
			reason:  "a pod of the right name that is not ours is not believed (CVE-2023-37264)",
			objects: []client.Object{taskRun(), stranger},
			want:    "False PodCreationFailed",
		},
		"Leftover": {
			reason:  "the pod of an earlier run of the same name is about to be collected",
			objects: []client.Object{taskRun(), earlier},
			want:    "Unknown Pending",
		},
		"OursAlready": {
			reason:  "a pod that a killed controller made is taken over, not made twice",
			objects: []client.Object{taskRun(), ours},
			want:    "Unknown Running",
		},
		"Refused": {
			reason:    "what the API server refuses for ever ends the run",
			objects:   []client.Object{taskRun()},
			intercept: failWith(apierrors.NewForbidden(group, "build-pod", errors.New("denied by a policy"))),
			want:      "False PodCreationFailed",
		},
		"PodSecurity": {
			reason:    "what Pod Security refuses has a reason that clients know",
			objects:   []client.Object{taskRun()},
			intercept: failWith(apierrors.NewForbidden(group, "build-pod", errors.New("violates PodSecurity \"restricted:latest\""))),
			want:      "False PodAdmissionFailed",
		},
		"Quota": {
			reason:    "a quota is waited for",
			objects:   []client.Object{taskRun()},
			intercept: failWith(apierrors.NewForbidden(group, "build-pod", errors.New("exceeded quota: small"))),
			want:      "Unknown ExceededResourceQuota",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := reason(newWorld(t, tc.objects, tc.intercept).pass(t)); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

// TestQuotaTakesNoTime: a run that waits for a quota has not started, and its timeout begins when there is room.
func TestQuotaTakesNoTime(t *testing.T) {
	full := true
	w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*corev1.Pod); ok && full {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "build-pod", errors.New("exceeded quota: small"))
			}
			return c.Create(ctx, o, opts...)
		},
	})
	for hours := range 3 {
		w.clock.SetTime(epoch().Add(time.Duration(hours) * time.Hour))
		tr := w.pass(t)
		wantCondition(t, tr, "Unknown ExceededResourceQuota")
		if tr.Status.StartTime != nil {
			t.Errorf("want no start, got %v", tr.Status.StartTime)
		}
	}
	full = false
	tr := w.pass(t)
	wantCondition(t, tr, "Unknown Pending")
	if !tr.Status.StartTime.Time.Equal(epoch().Add(2 * time.Hour)) {
		t.Errorf("want the start now, got %v", tr.Status.StartTime)
	}
}

func TestReconcileTimeoutStopsThePodAndKeepsIt(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{})
	w.pass(t)
	w.play(t, corev1.PodRunning, running(), running())
	w.clock.SetTime(epoch().Add(time.Hour))
	wantCondition(t, w.pass(t), "False TaskRunTimeout")
	if got := w.pod(t).Spec.ActiveDeadlineSeconds; got == nil || *got != 1 {
		t.Errorf("the pod is stopped by its deadline and stays for inspection, got %v", got)
	}
}

// TestReconcileConflict: of two concurrent controllers one loses, silently; the newer object starts another reconcile.
func TestReconcileConflict(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return apierrors.NewConflict(schema.GroupResource{Group: v1.GroupName, Resource: "taskruns"}, "build", errors.New("changed"))
		},
	})
	if got := reason(w.pass(t)); got != "none" {
		t.Errorf("a conflict is no error and writes nothing, got %s", got)
	}
}

func TestTrim(t *testing.T) {
	finished := taskRun(done)
	finished.Status.Results = []v1.TaskRunResult{{Name: "r", Value: v1.StringValue("large")}}
	finished.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "x"}}
	Trim(finished)
	if finished.Status.Results != nil || finished.Spec.TaskSpec != nil || finished.ManagedFields != nil || !finished.Status.Done() {
		t.Errorf("a finished run keeps its outcome only, got %+v", finished)
	}
	goingOn := taskRun(started)
	goingOn.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "counts"}
	Trim(goingOn)
	if goingOn.Spec.TaskSpec == nil || goingOn.Annotations == nil {
		t.Error("a run that goes on keeps what its passes read")
	}
}
