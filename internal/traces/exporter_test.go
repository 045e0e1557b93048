package traces_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/scheme"
	"github.com/sluice-ci/sluice/internal/tracecontext"
	"github.com/sluice-ci/sluice/internal/traces"
	"github.com/sluice-ci/sluice/test/testutil/otlpreceiver"
)

var begin = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

func at(seconds int) metav1.Time {
	return metav1.NewTime(begin.Add(time.Duration(seconds) * time.Second))
}

func ptr(seconds int) *metav1.Time { return new(at(seconds)) }

func ended(reason string) []metav1.Condition {
	status := metav1.ConditionFalse
	if reason == v1.TaskRunReasonSucceeded {
		status = metav1.ConditionTrue
	}
	return []metav1.Condition{{Type: v1.ConditionSucceeded, Status: status, Reason: reason, Message: "because"}}
}

// meter counts.
type meter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (m *meter) Runs(outcome traces.Outcome, n int)  { m.add("runs "+string(outcome), n) }
func (m *meter) Spans(outcome traces.Outcome, n int) { m.add("spans "+string(outcome), n) }

func (m *meter) add(key string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > 0 {
		m.counts[key] += n
	}
}

// bench is an exporter with what it needs.
type bench struct {
	*traces.Exporter
	meter   *meter
	store   *config.Store
	workers []manager.Runnable
	waits   []time.Duration
	log     strings.Builder
}

// newBench returns an exporter whose cache has the objects. Its worker runs when the test calls drain.
func newBench(tb testing.TB, settings config.Tracing, objects ...client.Object) *bench {
	tb.Helper()
	known, err := scheme.New()
	if err != nil {
		tb.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(known).WithObjects(objects...).Build()
	b := &bench{meter: &meter{counts: map[string]int{}}, store: config.NewStore(config.Default())}
	b.store.SetTracing(settings)
	fired := make(chan time.Time)
	close(fired)
	b.Exporter = traces.New(traces.Options{
		Cache: c, Live: c, Namespace: "tekton-pipelines", Config: b.store, Meter: b.meter, Release: "v-test",
		Start: func(r manager.Runnable) error {
			b.workers = append(b.workers, r)
			return nil
		},
		Log: funcr.New(func(prefix, args string) { fmt.Fprintln(&b.log, prefix, args) }, funcr.Options{}),
		Now: func() time.Time { return begin.Add(time.Hour) },
		After: func(d time.Duration) <-chan time.Time {
			b.waits = append(b.waits, d)
			return fired
		},
	})
	return b
}

// drain lets the workers send what is queued. It waits for a slow machine, as the end of a controller does not.
func (b *bench) drain(t *testing.T) {
	t.Helper()
	for _, w := range b.workers {
		traces.Drain(t.Context(), w)
	}
}

func on(r *otlpreceiver.Receiver) config.Tracing {
	return config.Tracing{Enabled: true, Endpoint: r.URL()}
}

const secretText = "this is a result, which no trace has"

// makeRuns returns a PipelineRun that has ended, its TaskRun with its pod, and its CustomRun.
func makeRuns(tb testing.TB) (pr *v1.PipelineRun, tr *v1.TaskRun, others []client.Object) {
	tb.Helper()
	pr = &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: "release-x7k2p", UID: "pr-uid", CreationTimestamp: at(0), Labels: map[string]string{v1.LabelPipeline: "release"},
	}}
	pr.Status.StartTime, pr.Status.CompletionTime, pr.Status.Conditions = ptr(1), ptr(40), ended(v1.PipelineRunReasonFailed)
	pr.Status.ChildReferences = []v1.ChildReference{
		{Kind: v1.KindTaskRun, Name: "release-build", PipelineTaskName: "build"},
		{Kind: v1beta1.KindCustomRun, Name: "release-approve", PipelineTaskName: "approve"},
		{Kind: v1.KindTaskRun, Name: "release-gone", PipelineTaskName: "gone"},
	}
	var err error
	if pr.Status.SpanContext, err = tracecontext.OfPipelineRun(pr, true); err != nil {
		tb.Fatal(err)
	}
	tr = &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: "release-build", UID: "tr-uid", CreationTimestamp: at(3), Labels: map[string]string{v1.LabelTask: "make"},
		Annotations: map[string]string{v1.AnnotationTaskRunSpanContext: tracecontext.ForChild(pr.Status.SpanContext, pr.UID)},
	}}
	tr.Status.StartTime, tr.Status.CompletionTime, tr.Status.Conditions = ptr(4), ptr(20), ended(v1.TaskRunReasonFailed)
	tr.Status.PodName = "release-build-pod"
	tr.Status.Results = []v1.TaskRunResult{{Name: "r", Value: v1.StringValue(secretText)}}
	for i, name := range []string{"compile", "link"} {
		tr.Status.Steps = append(tr.Status.Steps, v1.StepState{
			Name: name, Container: "step-" + name, Results: tr.Status.Results,
			ContainerState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: int32(i), StartedAt: at(8), FinishedAt: at(12 + i),
			}},
		})
	}
	if tr.Status.SpanContext, err = tracecontext.OfTaskRun(tr, true); err != nil {
		tb.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: "release-build-pod", CreationTimestamp: at(5), Labels: map[string]string{v1.LabelTaskRunUID: "tr-uid"},
	}}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: at(6)}}
	cr := &v1beta1.CustomRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "release-approve", UID: "cr-uid", CreationTimestamp: at(21)}}
	cr.Status.StartTime, cr.Status.CompletionTime = ptr(22), ptr(38)
	cr.Status.Conditions = []v1beta1.Condition{{Type: v1.ConditionSucceeded, Status: metav1.ConditionTrue}}
	return pr, tr, []client.Object{tr, pod, cr}
}

// tree returns the spans below a parent as text, in the order of their arrival.
func tree(spans []otlpreceiver.Span, parent, indent string) string {
	var b strings.Builder
	for _, s := range spans {
		if s.Parent != parent {
			continue
		}
		failed := ""
		if s.Failed {
			failed = " failed"
		}
		from := time.Unix(0, int64(s.Start)).Sub(begin).Seconds()
		fmt.Fprintf(&b, "%s%s %v-%v%s\n", indent, s.Name, from, time.Unix(0, int64(s.End)).Sub(begin).Seconds(), failed)
		b.WriteString(tree(spans, s.ID, indent+"  "))
	}
	return b.String()
}

// TestTrace: the spans of a PipelineRun and of its TaskRun are one tree, although each run sends its own.
func TestTrace(t *testing.T) {
	receiver := otlpreceiver.New()
	defer receiver.Close()
	pr, tr, others := makeRuns(t)
	b := newBench(t, on(receiver), others...)
	b.TaskRun(tr)
	b.PipelineRun(pr)
	b.drain(t)
	if err := receiver.Check(); err != nil {
		t.Error(err)
	}
	want := strings.TrimPrefix(`
pipelinerun release 0-40 failed
  taskrun make 3-20 failed
    queue 3-4
    resolve 4-5
    schedule 5-6
    images 6-8
    step compile 8-12
    step link 12-13 failed
    results 13-20
  queue 0-1
  resolve 1-3
  customrun approve 21-38
  results 38-40
`, "\n")
	spans := receiver.Spans()
	if diff := cmp.Diff(want, tree(spans, "", "")); diff != "" {
		t.Errorf("spans: -want, +got:\n%s", diff)
	}
	for _, s := range spans {
		if strings.Contains(fmt.Sprint(s), secretText) {
			t.Errorf("span %q has a result: %v", s.Name, s.Attributes)
		}
		if s.Name == "step link" {
			if diff := cmp.Diff(map[string]string{"k8s.container.name": "step-link", "process.exit.code": "1"}, s.Attributes); diff != "" {
				t.Errorf("attributes of a step: -want, +got:\n%s", diff)
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"runs sent": 2, "spans sent": 13}, b.meter.counts); diff != "" {
		t.Errorf("counts: -want, +got:\n%s", diff)
	}
	if n := receiver.Requests(); n != 1 {
		t.Errorf("want one request for both runs, got %d", n)
	}
}

// TestSameTraceAfterRestart: another controller computes the same spans of the same runs, with the same ids.
func TestSameTraceAfterRestart(t *testing.T) {
	pr, tr, others := makeRuns(t)
	var all [2][]otlpreceiver.Span
	for i := range all {
		receiver := otlpreceiver.New()
		defer receiver.Close()
		b := newBench(t, on(receiver), others...)
		b.PipelineRun(pr.DeepCopy())
		b.TaskRun(tr.DeepCopy())
		b.drain(t)
		all[i] = receiver.Spans()
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" || len(all[0]) == 0 {
		t.Errorf("spans: -first, +second:\n%s", diff)
	}
}

// TestOff: a run without a trace, and one that ends with tracing off, start no worker.
func TestOff(t *testing.T) {
	pr, tr, _ := makeRuns(t)
	b := newBench(t, config.Tracing{})
	b.TaskRun(tr)
	b.PipelineRun(pr)
	b.store.SetTracing(config.Tracing{Enabled: true})
	b.TaskRun(&v1.TaskRun{})
	b.PipelineRun(&v1.PipelineRun{})
	if len(b.workers) != 0 {
		t.Errorf("want no worker, got %d", len(b.workers))
	}
	var none *traces.Exporter
	if n := testing.AllocsPerRun(10, func() {
		b.TaskRun(&v1.TaskRun{})
		none.TaskRun(tr)
		none.PipelineRun(pr)
	}); n > 0 {
		t.Errorf("want no memory for a run without a trace, got %v allocations", n)
	}
}

func TestOneWorker(t *testing.T) {
	_, tr, _ := makeRuns(t)
	b := newBench(t, config.Tracing{Enabled: true})
	b.TaskRun(tr)
	b.TaskRun(tr)
	if len(b.workers) != 1 {
		t.Errorf("want one worker, got %d", len(b.workers))
	}
	if w, ok := b.workers[0].(manager.LeaderElectionRunnable); !ok || w.NeedLeaderElection() {
		t.Error("want a worker that a replica without the lease has, too")
	}
}

// TestNotSampled: a trace that its beginner does not sample is not sent.
func TestNotSampled(t *testing.T) {
	receiver := otlpreceiver.New()
	defer receiver.Close()
	_, tr, _ := makeRuns(t)
	tr.Status.SpanContext = map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
	b := newBench(t, on(receiver))
	b.TaskRun(tr)
	b.drain(t)
	if n := receiver.Requests(); n != 0 {
		t.Errorf("want no request, got %d", n)
	}
}

// TestFailures: a collector that is busy gets the spans again, after longer and longer waits. One that refuses them does not.
func TestFailures(t *testing.T) {
	const busy, refused = http.StatusServiceUnavailable, http.StatusBadRequest
	cases := map[string]struct {
		reason   string
		answers  []int
		requests int
		waits    []time.Duration
		counts   map[string]int
	}{
		"Later": {
			reason:   "the collector accepts the spans at last",
			answers:  []int{busy, busy},
			requests: 3,
			waits:    []time.Duration{time.Second, 2 * time.Second},
			counts:   map[string]int{"runs sent": 1, "spans sent": 6},
		},
		"Never": {
			reason:   "the spans are dropped after some tries, and counted",
			answers:  []int{busy, busy, busy, busy, busy},
			requests: 5,
			waits:    []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second},
			counts:   map[string]int{"runs failed": 1, "spans failed": 6},
		},
		"Refused": {
			reason:   "what is refused once would be refused again",
			answers:  []int{refused},
			requests: 1,
			counts:   map[string]int{"runs failed": 1, "spans failed": 6},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			receiver := otlpreceiver.New(tc.answers...)
			defer receiver.Close()
			_, tr, _ := makeRuns(t)
			b := newBench(t, on(receiver))
			b.TaskRun(tr)
			b.drain(t)
			if n := receiver.Requests(); n != tc.requests {
				t.Errorf("%s: want %d requests, got %d", tc.reason, tc.requests, n)
			}
			if diff := cmp.Diff(tc.waits, b.waits); diff != "" {
				t.Errorf("%s: waits: -want, +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.counts, b.meter.counts); diff != "" {
				t.Errorf("%s: counts: -want, +got:\n%s", tc.reason, diff)
			}
			if logged := b.log.Len() > 0; logged != (tc.counts["runs failed"] > 0) {
				t.Errorf("%s: the log is %s", tc.reason, b.log.String())
			}
		})
	}
}

// TestQueueIsBounded: while the collector is away, memory does not grow, and what is dropped is counted.
func TestQueueIsBounded(t *testing.T) {
	receiver := otlpreceiver.New()
	defer receiver.Close()
	_, tr, _ := makeRuns(t)
	b := newBench(t, on(receiver))
	const most, more = 1000, 7
	for i := range most + more {
		tr.UID = types.UID(fmt.Sprint("tr-", i))
		b.TaskRun(tr)
	}
	if diff := cmp.Diff(map[string]int{"runs queue-full": more}, b.meter.counts); diff != "" {
		t.Errorf("counts: -want, +got:\n%s", diff)
	}
	b.drain(t)
	if n := b.meter.counts["runs sent"]; n != most {
		t.Errorf("want %d runs sent, got %d", most, n)
	}
	if err := receiver.Check(); err != nil {
		t.Error(err)
	}
	b.TaskRun(tr) // there is room again
	b.drain(t)
	if n := b.meter.counts["runs sent"]; n != most+1 {
		t.Errorf("want %d runs sent, got %d", most+1, n)
	}
}

// TestCredentials: the Secret is read by its name, in the namespace of the installation. Without it nothing is sent.
func TestCredentials(t *testing.T) {
	secret := func(namespace string, data map[string]string) *corev1.Secret {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "creds"}, Data: map[string][]byte{}}
		for key, value := range data {
			s.Data[key] = []byte(value)
		}
		return s
	}
	cases := map[string]struct {
		reason string
		secret *corev1.Secret
		users  []string
		log    string
	}{
		"There": {
			reason: "its user and password are sent",
			secret: secret("tekton-pipelines", map[string]string{"username": "u", "password": "hidden"}),
			users:  []string{"u:hidden"},
		},
		"Elsewhere": {
			reason: "one of another namespace is not used",
			secret: secret("ci", map[string]string{"username": "u", "password": "hidden"}),
			log:    `cannot read Secret \"creds\" in namespace \"tekton-pipelines\"`,
		},
		"Incomplete": {
			reason: "a collector must not get half of it",
			secret: secret("tekton-pipelines", map[string]string{"password": "hidden"}),
			log:    "it needs the keys username and password",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			receiver := otlpreceiver.New()
			defer receiver.Close()
			settings := on(receiver)
			settings.CredentialsSecret = "creds"
			_, tr, _ := makeRuns(t)
			b := newBench(t, settings, tc.secret)
			b.TaskRun(tr)
			b.drain(t)
			if diff := cmp.Diff(tc.users, receiver.Users()); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
			if log := b.log.String(); !strings.Contains(log, tc.log) || strings.Contains(log, "hidden") {
				t.Errorf("%s: want %q in the log, and no password, got %s", tc.reason, tc.log, log)
			}
		})
	}
}

// stopping is a reader during whose first request the controller is asked to stop.
type stopping struct {
	client.Reader
	stop func()
}

func (s stopping) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	s.stop()
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Reader.Get(ctx, key, o, options...)
}

// TestStopWhileSending: a run whose spans were being sent when the controller was asked to stop lost them.
func TestStopWhileSending(t *testing.T) {
	receiver := otlpreceiver.New()
	defer receiver.Close()
	settings := on(receiver)
	settings.CredentialsSecret = "creds"
	_, tr, _ := makeRuns(t)
	b := newBench(t, settings, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tekton-pipelines", Name: "creds"},
		Data:       map[string][]byte{"username": []byte("u"), "password": []byte("p")},
	})
	ctx, cancel := context.WithCancel(t.Context())
	b.Live = stopping{b.Live, cancel}
	b.TaskRun(tr)
	if err := b.workers[0].Start(ctx); err != nil {
		t.Fatal(err)
	}
	if len(receiver.Spans()) == 0 {
		t.Errorf("want the spans sent, got the log %s", b.log.String())
	}
}
