package sweep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/partial"
	"github.com/sluice-ci/sluice/internal/partial/checked"
	"github.com/sluice-ci/sluice/internal/retention"
	"github.com/sluice-ci/sluice/internal/scheme"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// slice is a cache of runs.
type slice []client.Object

func (s slice) Each(namespace string, do func(run any)) error {
	for _, run := range s {
		if run.GetNamespace() == namespace {
			do(run)
		}
	}
	return nil
}

// tally counts as the metrics do.
type tally struct{ lines []string }

func (t *tally) Deleted(kind, reason string) { t.lines = append(t.lines, "deleted "+kind+" "+reason) }
func (t *tally) Refused(kind, cause string)  { t.lines = append(t.lines, "refused "+kind+" "+cause) }

// bench is a sweeper with everything that it depends on.
type bench struct {
	*Sweeper

	clock    *clocktesting.FakeClock
	recorder *events.FakeRecorder
	tally    *tally
	// deletes are the requests, with their options; refuse answers them.
	deletes []string
	refuse  func(name string) error
}

func newBench(t *testing.T, settings *retention.Settings, manages ownership.Rule, runs ...client.Object) *bench {
	t.Helper()
	kinds, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{clock: clocktesting.NewFakeClock(noon), recorder: events.NewFakeRecorder(50), tally: &tally{}}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "tekton-pipelines", Name: config.DefaultsName}}
	c := fake.NewClientBuilder().WithScheme(kinds).WithObjects(cm).WithInterceptorFuncs(interceptor.Funcs{
		Delete: func(_ context.Context, _ client.WithWatch, o client.Object, options ...client.DeleteOption) error {
			var with client.DeleteOptions
			with.ApplyOptions(options)
			b.deletes = append(b.deletes, fmt.Sprintf("%s uid=%s version=%s %s", o.GetName(), *with.Preconditions.UID,
				*with.Preconditions.ResourceVersion, *with.PropagationPolicy))
			if b.refuse != nil {
				return b.refuse(o.GetName())
			}
			return nil
		},
	}).Build()
	values := config.Default()
	values.Defaults.Retention = settings
	b.Sweeper = New(Options{
		Client: checked.New(c), Runs: slice(runs), Manages: manages, Config: config.NewStore(values), Recorder: b.recorder, Clock: b.clock,
		Settings: client.ObjectKeyFromObject(cm), Meter: b.tally, Ledger: NewLedger(),
	})
	return b
}

// pass makes one pass over the namespace ci.
func (b *bench) pass(t *testing.T) (ctrl.Result, error) {
	t.Helper()
	return b.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "ci", Name: passes}})
}

func (b *bench) events() []string {
	var all []string
	for len(b.recorder.Events) > 0 {
		all = append(all, strings.Join(strings.Fields(<-b.recorder.Events)[:2], " "))
	}
	return all
}

// finished returns a TaskRun as the cache keeps it, which ended minutes ago.
func finished(name string, minutes int, bytes string, change ...func(*v1.TaskRun)) *v1.TaskRun {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: name, UID: types.UID(name), ResourceVersion: "7",
	}}
	tr.SetSelfLink(bytes)
	tr.Status.Conditions = []metav1.Condition{v1.Succeeded("done")}
	tr.Status.CompletionTime = new(metav1.NewTime(noon.Add(-time.Duration(minutes) * time.Minute)))
	for _, c := range change {
		c(tr)
	}
	return tr
}

func keepNone() *retention.Settings {
	return &retention.Settings{Policy: retention.Policy{HistoryLimit: new(int64(0))}}
}

// TestPassDeletes: a run is deleted in the version that the decision was about, in the background, and once, although the cache
// still shows it.
func TestPassDeletes(t *testing.T) {
	b := newBench(t, keepNone(), ownership.Rule{}, finished("b", 5, "10"), finished("a", 9, "10"))
	for range 2 {
		if result, err := b.pass(t); err != nil || result.RequeueAfter != sweepEvery {
			t.Fatalf("want the next pass after %s, got %+v, %v", sweepEvery, result, err)
		}
	}
	if diff := cmp.Diff([]string{"a uid=a version=7 Background", "b uid=b version=7 Background"}, b.deletes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"deleted TaskRun history", "deleted TaskRun history"}, b.tally.lines); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	b.clock.Step(sentFor + time.Second)
	if _, err := b.pass(t); err != nil || len(b.deletes) != 4 {
		t.Errorf("want runs that are still there deleted again, got %q, %v", b.deletes, err)
	}
}

// TestPassLeavesOthers: runs of other controllers stay, and without rules no run is deleted.
func TestPassLeavesOthers(t *testing.T) {
	ours := finished("ours", 9, "10", func(tr *v1.TaskRun) { tr.Spec.ManagedBy = new(v1.ManagedBySluice) })
	b := newBench(t, keepNone(), ownership.Only(""), finished("tektons", 9, "10"), ours)
	if _, err := b.pass(t); err != nil || len(b.deletes) != 1 || !strings.HasPrefix(b.deletes[0], "ours ") {
		t.Errorf("want only the run of this controller deleted, got %q, %v", b.deletes, err)
	}
	off := newBench(t, nil, ownership.Rule{}, finished("a", 9, "10"))
	if result, err := off.pass(t); err != nil || len(off.deletes) != 0 || result.RequeueAfter != 0 {
		t.Errorf("want nothing done without retention, got %q, %+v, %v", off.deletes, result, err)
	}
}

// TestPassWaitsForEvents: a run whose events are due stays, as long as there is a sink, for ten minutes. Then an event and the log say that
// events may be lost.
func TestPassWaitsForEvents(t *testing.T) {
	unsent := finished("unsent", 4, "10", func(tr *v1.TaskRun) {
		tr.Status.Annotations = map[string]string{v1.AnnotationEvents: "3 3:successful"}
	})
	b := newBench(t, keepNone(), ownership.Rule{}, unsent, finished("sent", 5, "10"))
	values := b.Config.Load()
	values.Events.Sink = "http://sink.example"
	b.Config = config.NewStore(values)
	if result, err := b.pass(t); err != nil || result.RequeueAfter != 6*time.Minute {
		t.Errorf("want the next pass when the time for events is over, got %+v, %v", result, err)
	}
	if len(b.deletes) != 1 || !strings.HasPrefix(b.deletes[0], "sent ") {
		t.Errorf("want only the run deleted whose events are sent, got %q", b.deletes)
	}
	b.clock.Step(6 * time.Minute)
	b.Runs = slice{unsent}
	if _, err := b.pass(t); err != nil || len(b.deletes) != 2 {
		t.Errorf("want the other run deleted, too, got %q, %v", b.deletes, err)
	}
	if diff := cmp.Diff([]string{"Warning " + ReasonUnsent}, b.events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	off := newBench(t, keepNone(), ownership.Rule{}, unsent)
	if _, err := off.pass(t); err != nil || len(off.deletes) != 1 || len(off.events()) != 0 {
		t.Errorf("want the run deleted without a sink, got %q, %v", off.deletes, err)
	}
}

// TestPassSparesCustomRuns: a PipelineRun that gave up on a custom task was deleted, and with it the CustomRun that still ran. One that no
// run owns stays as well.
func TestPassSparesCustomRuns(t *testing.T) {
	pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "release", UID: "release", ResourceVersion: "7"}}
	pr.Status.Conditions = []metav1.Condition{v1.Succeeded("done")}
	pr.Status.CompletionTime = new(metav1.NewTime(noon.Add(-time.Hour)))
	approve := &v1beta1.CustomRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: "approve", UID: "approve",
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(pr, v1.GroupVersion.WithKind(v1.KindPipelineRun))},
	}}
	alone := approve.DeepCopy()
	alone.Name, alone.UID, alone.OwnerReferences = "alone", "alone", nil
	b := newBench(t, keepNone(), ownership.Rule{}, pr, approve, alone)
	if _, err := b.pass(t); err != nil || len(b.deletes) != 0 {
		t.Errorf("want no run deleted, got %q, %v", b.deletes, err)
	}
	ended := v1beta1.Condition{Type: v1.ConditionSucceeded, Status: metav1.ConditionFalse, LastTransitionTime: noon.Format(time.RFC3339)}
	approve.Status.Conditions, alone.Status.Conditions = []v1beta1.Condition{ended}, []v1beta1.Condition{ended}
	if _, err := b.pass(t); err != nil || len(b.deletes) != 1 || !strings.HasPrefix(b.deletes[0], "release ") {
		t.Errorf("want only the PipelineRun deleted, got %q, %v", b.deletes, err)
	}
}

// TestPassIsBounded: a namespace of many runs gives others their turn, and continues soon.
func TestPassIsBounded(t *testing.T) {
	runs := make([]client.Object, perPass+1)
	for i := range runs {
		runs[i] = finished(fmt.Sprintf("run-%d", i), 9, "10")
	}
	b := newBench(t, keepNone(), ownership.Rule{}, runs...)
	b.limiter = rate.NewLimiter(perSecond, perPass) // so that the test does not wait
	result, err := b.pass(t)
	if err != nil || len(b.deletes) != perPass || result.RequeueAfter != time.Second {
		t.Errorf("want %d deletions and the next pass after a second, got %d, %+v, %v", perPass, len(b.deletes), result, err)
	}
}

// TestPassIsRefused: what the API server refuses is counted, and delays as much as its cause needs.
func TestPassIsRefused(t *testing.T) {
	runs := schema.GroupResource{Group: v1.GroupName, Resource: "taskruns"}
	for name, tc := range map[string]struct {
		reason string
		err    error
		// requests is how many of five deletions are tried, fails whether the pass fails, and after when the next one is.
		requests int
		fails    bool
		after    time.Duration
		counted  string
		events   []string
	}{
		"Conflict": {
			reason:   "The run has changed: its event starts the next pass.",
			err:      apierrors.NewConflict(runs, "a", errors.New("changed")),
			requests: 5,
			after:    sweepEvery,
			counted:  "refused TaskRun conflict",
		},
		"NotFound": {
			reason:   "Its user has deleted it.",
			err:      apierrors.NewNotFound(runs, "a"),
			requests: 5,
			after:    sweepEvery,
		},
		"Forbidden": {
			reason:   "The right is missing: an event says so, and one request in ten minutes is enough.",
			err:      apierrors.NewForbidden(runs, "a", errors.New("no")),
			requests: 1,
			after:    refusedFor,
			counted:  "refused TaskRun forbidden",
			events:   []string{"Warning " + ReasonForbidden},
		},
		"Webhook": {
			reason:   "A webhook protects a run with the status of a missing right: the others go.",
			err:      apierrors.NewForbidden(runs, "a", errors.New(`admission webhook "keep.example.com" denied the request: protected`)),
			requests: 5,
			after:    sweepEvery,
			counted:  "refused TaskRun denied",
		},
		"Policy": {
			reason:   "So does a policy.",
			err:      apierrors.NewForbidden(runs, "a", errors.New("ValidatingAdmissionPolicy 'keep' with binding 'all' denied request: no")),
			requests: 5,
			after:    sweepEvery,
			counted:  "refused TaskRun denied",
		},
		"Other": {
			reason:   "After three errors the pass ends, and is tried again with a delay that grows.",
			err:      apierrors.NewInternalError(errors.New("broken")),
			requests: maxFailures,
			fails:    true,
			counted:  "refused TaskRun other",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var five []client.Object
			for i := range 5 {
				five = append(five, finished(fmt.Sprint(i), 9, "10"))
			}
			b := newBench(t, keepNone(), ownership.Rule{}, five...)
			b.refuse = func(string) error { return tc.err }
			result, err := b.pass(t)
			if (err != nil) != tc.fails || len(b.deletes) != tc.requests || result.RequeueAfter != tc.after {
				t.Errorf("%s: got %d requests, %+v, %v", tc.reason, len(b.deletes), result, err)
			}
			if tc.counted != "" && (len(b.tally.lines) != tc.requests || b.tally.lines[0] != tc.counted) {
				t.Errorf("%s: got %q", tc.reason, b.tally.lines)
			}
			if diff := cmp.Diff(tc.events, b.events()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRefusedRunsDoNotBlock: more runs that a webhook protects than one pass has deletions do not keep the later ones from going, and are
// tried again after an hour.
func TestRefusedRunsDoNotBlock(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		err    error
		// first is how many runs cannot be deleted, and again when they are tried again.
		first int
		again time.Duration
	}{
		"Denied": {
			reason: "a pass tries a hundred",
			err:    errors.New(`admission webhook "keep.example.com" denied the request`),
			first:  perPass,
			again:  deniedFor,
		},
		"Other": {
			reason: "a pass ends after three errors",
			err:    apierrors.NewInternalError(errors.New("failed calling webhook")),
			first:  maxFailures,
			again:  brokenFor,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var all []client.Object
			for i := range tc.first {
				all = append(all, finished(fmt.Sprint("protected-", i), 9, "10"))
			}
			b := newBench(t, keepNone(), ownership.Rule{}, append(all, finished("later", 5, "10"))...)
			b.limiter = rate.NewLimiter(rate.Inf, 1)
			b.refuse = func(name string) error {
				if name == "later" {
					return nil
				}
				return tc.err
			}
			for range 2 {
				if _, err := b.pass(t); (err != nil) != (name == "Other" && len(b.deletes) == tc.first) {
					t.Errorf("%s: %v", tc.reason, err)
				}
			}
			if len(b.deletes) != tc.first+1 || !strings.HasPrefix(b.deletes[tc.first], "later ") {
				t.Fatalf("%s: want the later run deleted after %d requests, got %d", tc.reason, tc.first, len(b.deletes))
			}
			all[0].SetResourceVersion("8")
			_, _ = b.pass(t) // its error is that of the first pass
			if len(b.deletes) != tc.first+2 || !strings.HasPrefix(b.deletes[tc.first+1], "protected-0 ") {
				t.Errorf("%s: want the run tried again that has changed, got %q", tc.reason, b.deletes[tc.first:])
			}
			b.clock.Step(tc.again)
			_, _ = b.pass(t)
			if len(b.deletes) <= tc.first+2 || len(b.refused) > tc.first {
				t.Errorf("%s: want the runs tried again, and each remembered once, got %d requests and %d runs",
					tc.reason, len(b.deletes), len(b.refused))
			}
		})
	}
}

// TestSettingsChangeDuringAPass: an administrator who removes the rules, or corrects them, stops a pass that decided by the old ones.
func TestSettingsChangeDuringAPass(t *testing.T) {
	for name, settings := range map[string]*retention.Settings{
		"Off":     nil,
		"Changed": {Policy: retention.Policy{HistoryLimit: new(int64(2))}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, keepNone(), ownership.Rule{}, finished("a", 9, "10"), finished("b", 8, "10"), finished("c", 7, "10"))
			b.refuse = func(string) error {
				values := b.Config.Load().Defaults
				values.Retention = settings
				b.Config.SetDefaults(values)
				return nil
			}
			for range 2 {
				if _, err := b.pass(t); err != nil {
					t.Fatal(err)
				}
			}
			if len(b.deletes) != 1 {
				t.Errorf("want one deletion, before the change, got %q", b.deletes)
			}
		})
	}
}

// TestNextPass: the next pass is when the next time to live ends.
func TestNextPass(t *testing.T) {
	b := newBench(t, &retention.Settings{Policy: retention.Policy{TTLSecondsAfterFinished: new(int64(600))}}, ownership.Rule{},
		finished("a", 7, "10"))
	if result, err := b.pass(t); err != nil || result.RequeueAfter != 3*time.Minute {
		t.Errorf("want the next pass after three minutes, got %+v, %v", result, err)
	}
}

// TestWarnings: a namespace that comes near its limit gets one event until it has been well below it, and one that cannot be held
// gets one event in an hour.
func TestWarnings(t *testing.T) {
	limit := &retention.Settings{Policy: retention.Policy{StoredBytesLimit: new(resource.MustParse("1000"))}}
	b := newBench(t, limit, ownership.Rule{})
	step := func(want []string, runs ...client.Object) {
		t.Helper()
		b.Runs = slice(runs)
		if _, err := b.pass(t); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.events()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	near, over := []string{"Warning " + ReasonNearLimit}, []string{"Warning " + ReasonOverLimit}
	keep := func(tr *v1.TaskRun) { tr.Annotations = map[string]string{v1.AnnotationKeep: "true"} }
	step(nil, finished("a", 9, "799"))
	step(near, finished("a", 9, "800"))
	step(nil, finished("a", 9, "700"))
	step(nil, finished("a", 9, "900"))
	step(nil, finished("a", 9, "599"))
	step(near, finished("a", 9, "800"))
	step(over, finished("a", 9, "1100", keep))
	step(nil, finished("a", 9, "1100", keep))
	b.clock.Step(repeatAfter)
	step(over, finished("a", 9, "1100", keep))
	if len(b.deletes) > 0 {
		t.Errorf("want a kept run kept, got %q", b.deletes)
	}
}

// TestWarnCluster: runs that need most of etcd's quota are reported once in an hour, also while retention is off.
func TestWarnCluster(t *testing.T) {
	b := newBench(t, nil, ownership.Rule{})
	values := b.Config.Load().Defaults
	values.EtcdQuota = 1000
	b.Config.SetDefaults(values)
	look := func(want ...string) {
		t.Helper()
		if _, err := b.Reconcile(t.Context(), ctrl.Request{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.events()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	b.Ledger.Replace(nil, finished("a", 9, "799"))
	look()
	b.Ledger.Replace(finished("a", 9, "799"), finished("a", 9, "800"))
	look("Warning " + ReasonNearQuota)
	look()
	b.clock.Step(repeatAfter)
	look("Warning " + ReasonNearQuota)
	values.EtcdQuota = 0
	b.Config.SetDefaults(values)
	b.clock.Step(repeatAfter)
	look()
}

// TestLedger: the bytes of a namespace follow the versions of its runs, and a namespace without any has no entry.
func TestLedger(t *testing.T) {
	l := NewLedger()
	under := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "b"}}
	a := finished("a", 9, "100")
	l.Replace(nil, under)
	l.Replace(nil, a)
	l.Replace(under, finished("b", 1, "30"))
	if got := l.All(); cmp.Diff(map[string]int64{"ci": 130}, got) != "" || l.Total() != 130 {
		t.Errorf("want 130 bytes, got %v, %d", got, l.Total())
	}
	l.Replace(a, nil)
	l.Replace(finished("b", 1, "30"), nil)
	if got := l.Namespaces(); len(got) > 0 || l.Total() != 0 {
		t.Errorf("want no namespace, got %q, %d", got, l.Total())
	}
}

// TestKeptFields: what the cache keeps of a run is enough for a decision, and the bytes are those in etcd.
func TestKeptFields(t *testing.T) {
	whole := finished("a", 9, "", func(tr *v1.TaskRun) {
		tr.Status.Results = []v1.TaskRunResult{{Name: "r", Value: v1.StringValue(strings.Repeat("x", 5000))}}
	})
	cached := whole.DeepCopy()
	objectsize.KeepLength(cached)
	partial.FinishedTaskRun.Put(cached)
	cached.Status.Results = nil
	objectsize.KeepLength(cached)
	if got, want := retention.OfTaskRun(cached, mark.Mark{}.At(noon)).Bytes, int64(objectsize.Stored(whole)); got != want || got < 5000 {
		t.Errorf("want %d bytes, got %d", want, got)
	}
}
