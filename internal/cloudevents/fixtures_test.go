package cloudevents

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/partial/checked"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// limit bounds each wait of a test. It is never reached unless the test fails.
const limit = time.Minute

// receiver is a receiver of CloudEvents, which decodes them with the SDK of the specification.
type receiver struct {
	*httptest.Server

	got chan cloudevents.Event
	mu  sync.Mutex
	// answers are the next statuses; after them it answers 202.
	answers []int
}

func newReceiver(t *testing.T, answers ...int) *receiver {
	t.Helper()
	r := &receiver{got: make(chan cloudevents.Event, 1000), answers: answers}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		e, err := cloudevents.NewEventFromHTTPRequest(request)
		if err == nil {
			err = e.Validate()
		}
		if err != nil {
			t.Errorf("this is not a CloudEvent: %v", err)
			return
		}
		status := http.StatusAccepted
		r.mu.Lock()
		if len(r.answers) > 0 {
			status, r.answers = r.answers[0], r.answers[1:]
		}
		r.mu.Unlock()
		w.WriteHeader(status)
		r.got <- *e
	}))
	t.Cleanup(r.Close)
	return r
}

// next returns the identifiers and phases of the next events.
func (r *receiver) next(t *testing.T, count int) []string {
	t.Helper()
	var all []string
	for range count {
		select {
		case e := <-r.got:
			all = append(all, e.ID()+" "+strings.TrimSuffix(strings.TrimPrefix(e.Type(), "dev.tekton.event."), ".v1"))
		case <-time.After(limit):
			t.Fatalf("got the events %v, want %d", all, count)
		}
	}
	return all
}

// counts has the number of events by what happened to them.
type counts struct {
	mu  sync.Mutex
	all map[string]int
}

func (c *counts) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[what]++
}
func (c *counts) Sent(string, string)  { c.count("sent") }
func (c *counts) Failed(cause string)  { c.count("failed " + cause) }
func (c *counts) Dropped(cause string) { c.count("dropped " + cause) }

// store is an API server for the runs of a test, which is its own cache. It has no CustomRuns to watch.
type store struct {
	client.WithWatch

	mu sync.Mutex
	// patches are the records that were written, and marks the writes of the mark.
	patches, marks int
	// looked gets a value when all runs were listed.
	looked chan struct{}
}

// List implements Cache.
func (s *store) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	err := s.WithWatch.List(ctx, list, opts...)
	if _, last := list.(*v1.PipelineRunList); last {
		s.looked <- struct{}{}
	}
	return err
}

func (*store) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return nil, &meta.NoKindMatchError{}
}

func newStore(t *testing.T, objects ...client.Object) *store {
	t.Helper()
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1.AddToScheme, v1beta1.AddToScheme, corev1.AddToScheme} {
		if err := add(kinds); err != nil {
			t.Fatal(err)
		}
	}
	s := &store{looked: make(chan struct{}, 100)}
	s.WithWatch = fake.NewClientBuilder().WithScheme(kinds).WithObjects(objects...).
		WithStatusSubresource(&v1.TaskRun{}, &v1.PipelineRun{}).WithInterceptorFuncs(interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, under client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			s.mu.Lock()
			s.patches++
			s.mu.Unlock()
			return refused(under.SubResource(sub).Patch(ctx, o, p, opts...))
		},
		Update: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			s.mu.Lock()
			s.marks++
			s.mu.Unlock()
			return under.Update(ctx, o, opts...)
		},
	}).Build()
	return s
}

// refused returns the error about a patch whose test fails as the API server has it.
func refused(err error) error {
	if err == nil || reconcile.Answered(err) {
		return err
	}
	return apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "patch", schema.GroupResource{}, "", err.Error(), 0, false)
}

// replica is a Delivery that works.
type replica struct {
	*Delivery

	counts   *counts
	recorder *events.FakeRecorder
	store    *store
	writer   *writer
	stop     func()
}

// writer writes the records of one replica.
type writer struct {
	client.Client

	// refuse is the error of each write; nil unless the replica was killed or may not write.
	refuse atomic.Pointer[error]
	// refused is how many writes had that error.
	refused atomic.Int32
}

// Status implements client.Client.
func (w *writer) Status() client.SubResourceWriter {
	if err := w.refuse.Load(); err != nil {
		w.refused.Add(1)
		return refusing{w.Client.Status(), *err}
	}
	return w.Client.Status()
}

// Update implements client.Client.
func (w *writer) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	if err := w.refuse.Load(); err != nil {
		return *err
	}
	return w.Client.Update(ctx, o, opts...)
}

// refusing is the client of a replica whose writes are refused.
type refusing struct {
	client.SubResourceWriter

	err error
}

// Patch implements client.SubResourceWriter.
func (r refusing) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	return r.err
}

// start starts a Delivery to a sink, and waits until it has looked at all runs. Its end is orderly: see kill.
func start(t *testing.T, s *store, sink string) *replica {
	t.Helper()
	c := config.Default()
	c.Events.Sink = sink
	r := &replica{
		counts: &counts{all: map[string]int{}}, recorder: events.NewFakeRecorder(100), store: s, writer: &writer{Client: checked.New(s)},
	}
	r.Delivery = New(Options{
		Client: r.writer, Live: s, Cache: s, Config: config.NewStore(c), Recorder: r.recorder, Clock: clock.RealClock{}, Meter: r.counts,
		Log: logr.Discard(), Namespace: "installation",
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Start(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	if sink != "" {
		<-s.looked
	}
	return r
}

// kill ends a Delivery so that it records nothing any more.
func (r *replica) kill() {
	killed := errors.New("killed")
	r.writer.refuse.Store(&killed)
	r.stop()
}

// write stores a status of a TaskRun as its reconciler does. If known is false, the process ends before it learns of the write.
func (r *replica) write(t *testing.T, name string, known bool, change func(*v1.TaskRunStatus)) {
	t.Helper()
	w := r.prepare(t, name, change)
	w.store(t)
	if known {
		w.known()
	}
}

// statusWrite is a write of a status that is under way.
type statusWrite struct {
	replica       *replica
	before, after *v1.TaskRun
}

// prepare makes the write of a status, with the record that is right at this moment.
func (r *replica) prepare(t *testing.T, name string, change func(*v1.TaskRunStatus)) statusWrite {
	t.Helper()
	before := &v1.TaskRun{}
	if err := r.store.Get(t.Context(), client.ObjectKey{Namespace: "ci", Name: name}, before); err != nil {
		t.Fatal(err)
	}
	status := *before.Status.DeepCopy()
	change(&status)
	after := before.DeepCopy()
	after.Status = r.TaskRuns().Due(before, status)
	return statusWrite{r, before, after}
}

// store stores the status, unless another write was stored since it was prepared.
func (w statusWrite) store(t *testing.T) {
	t.Helper()
	if err := w.replica.store.Status().Update(t.Context(), w.after); err != nil {
		t.Fatal(err)
	}
}

// known lets the process learn that the status is stored.
func (w statusWrite) known() { w.replica.TaskRuns().Written(w.before, w.after) }

func is(c metav1.Condition) func(*v1.TaskRunStatus) {
	return func(s *v1.TaskRunStatus) { s.SetCondition(c, metav1.Now()) }
}

func run(name string) *v1.TaskRun {
	return &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: name, UID: "uid", CreationTimestamp: metav1.NewTime(time.Unix(1_700_000_000, 0)),
	}}
}

func pending() metav1.Condition  { return v1.Running(v1.TaskRunReasonPending, "starting") }
func running() metav1.Condition  { return v1.Running(v1.TaskRunReasonRunning, "running") }
func finished() metav1.Condition { return v1.Succeeded("done") }

// emptyMark is the ConfigMap that the manifests create. Without it, each run has its own record.
func emptyMark() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "installation", Name: mark.Name}}
}

// recorded waits until the record of the run is as wanted.
func recorded(t *testing.T, s *store, want string) {
	t.Helper()
	deadline := time.After(limit)
	for {
		var tr v1.TaskRun
		if err := s.Get(t.Context(), client.ObjectKey{Namespace: "ci", Name: "build"}, &tr); err != nil {
			t.Fatal(err)
		}
		got := tr.Status.Annotations[v1.AnnotationEvents]
		if got == want {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("the record is %q, want %q", got, want)
		case <-time.After(time.Millisecond):
		}
	}
}

func (cacheOf) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return nil, &meta.NoKindMatchError{}
}
