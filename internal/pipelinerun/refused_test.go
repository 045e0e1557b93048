package pipelinerun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	limits "github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/test/testutil/limited"
)

// limitedServer is an API server that stores no PipelineRun of more than 1.5 MiB.
type limitedServer struct {
	limited.Server[*v1.PipelineRun]
}

func newLimited() *limitedServer {
	return &limitedServer{limited.Server[*v1.PipelineRun]{New: func() *v1.PipelineRun { return &v1.PipelineRun{} }}}
}

func (l *limitedServer) funcs() interceptor.Funcs {
	return interceptor.Funcs{SubResourcePatch: l.Patch, Get: l.get}
}

// get answers as the cache does.
func (l *limitedServer) get(ctx context.Context, under client.WithWatch, key client.ObjectKey, into client.Object,
	opts ...client.GetOption) error {
	if err := under.Get(ctx, key, into, opts...); err != nil {
		return err
	}
	if pr, ok := into.(*v1.PipelineRun); ok {
		pr.ManagedFields = l.Fields()
		Trim(pr)
	}
	return nil
}

// settleWhile reconciles until the run has ended or does nothing more, and lets its TaskRuns end with what end gives them. Each
// pass may fail, as one does whose write is refused.
func settleWhile(t *testing.T, c *cluster, pr *v1.PipelineRun, end func(*v1.TaskRun)) *v1.PipelineRun {
	t.Helper()
	key := client.ObjectKeyFromObject(pr)
	for range 40 {
		if _, err := c.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err != nil {
			t.Logf("a pass failed: %v", err)
		}
		if pr = get(t, c, key, &v1.PipelineRun{}); pr.Status.Done() {
			return pr
		}
		list := &v1.TaskRunList{}
		if err := c.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			if tr := &list.Items[i]; !tr.Status.Done() {
				end(tr)
			}
		}
	}
	return pr
}

// sized is a run whose parts have about these sizes, in bytes. It produces a result and passes it to another task.
type sized struct {
	params, spec, managed, result int
}

func (s sized) run() *v1.PipelineRun {
	producer := producing("make", "r")
	producer.TaskSpec.Steps[0].Script = strings.Repeat("s", s.spec)
	pr := run(producer, taking("use", "$(tasks.make.results.r)"))
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "out", Value: v1.StringValue("$(tasks.make.results.r)")}}
	pr.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "p"}}
	pr.Spec.Params = []v1.Param{param("p", strings.Repeat("p", s.params))}
	return pr
}

// drawSized draws a run that the API server has accepted: it fits without a status.
func drawSized(t *rapid.T) sized {
	part := rapid.SampledFrom([]int{1, 1000, 200_000, 500_000, 740_000, 1_200_000, 1_540_000})
	s := sized{
		params: part.Draw(t, "params"), spec: part.Draw(t, "spec"),
		managed: rapid.SampledFrom([]int{0, 1000, 30_000, 500_000}).Draw(t, "managed"), result: part.Draw(t, "result"),
	}
	// One more kilobyte is what the rest of the object takes.
	for s.params+s.spec+s.managed+2048 > limits.ObjectLimit {
		s.params, s.spec, s.managed = s.params/2+1, s.spec/2+1, s.managed/2
	}
	return s
}

// TestEveryStoredRunEnds: whatever is large in a run, and whatever the API server refuses, the run ends with an outcome after
// a bounded number of writes, none of which is over the limit, and none of its TaskRuns is left to run.
func TestEveryStoredRunEnds(t *testing.T) {
	runs := rapid.Custom(func(t *rapid.T) limitedRun {
		return limitedRun{drawSized(t), rapid.SampledFrom([]int{0, 0, 1, 2, 3, 4, 7}).Draw(t, "refusals")}
	})
	const examples = 24 // each has a megabyte, and is encoded at each write
	for seed := range examples {
		drawn := runs.Example(seed)
		t.Run(fmt.Sprintf("%+v", drawn), func(t *testing.T) {
			l := newLimited()
			l.Managed, l.Refusals, l.Cause = drawn.managed, drawn.refusals, limited.Invalid(v1.KindPipelineRun, "run")
			pr := drawn.run()
			c := newCluster(t, l.funcs(), pr)
			pr = settleWhile(t, c, pr, func(tr *v1.TaskRun) {
				if tr.Spec.Status != "" {
					c.endOf(t, tr, stopped())
					return
				}
				c.endOf(t, tr, done(), text("r", strings.Repeat("r", min(drawn.result, objectsize.Limit-objectsize.Encoded(tr)-4096))))
			})
			if !pr.Status.Done() {
				t.Fatalf("the run has not ended: %+v", pr.Status.Condition())
			}
			if l.Writes > 10+drawn.refusals || l.Largest > limits.ObjectLimit {
				t.Errorf("%d writes, the largest of %d bytes", l.Writes, l.Largest)
			}
			checkNoneRuns(t, c)
		})
	}
}

type limitedRun struct {
	sized

	refusals int
}

func checkNoneRuns(t *testing.T, c *cluster) {
	t.Helper()
	list := &v1.TaskRunList{}
	if err := c.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if tr := &list.Items[i]; !tr.Status.Done() && tr.Spec.Status != v1.TaskRunSpecStatusCancelled {
			t.Errorf("TaskRun %q runs on, and its run has ended", tr.Name)
		}
	}
}

// TestRefusedStatusEndsTheRun: a status that the API server never takes ends the run, with its words, and cancels what runs.
func TestRefusedStatusEndsTheRun(t *testing.T) {
	tooLarge := apierrors.NewInternalError(errors.New("etcdserver: request is too large"))
	cases := map[string]struct {
		reason   string
		cause    error
		refusals int
		want     string
		words    string
		kept     int
	}{
		"TooLarge": {
			reason:   "What etcd refuses for its size is refused for ever.",
			cause:    tooLarge,
			refusals: 1,
			want:     v1.PipelineRunReasonResultTooLarge,
			words:    "1572864",
			kept:     1,
		},
		"Invalid": {
			reason:   "What no schema takes is refused for ever.",
			cause:    limited.Invalid(v1.KindPipelineRun, "run"),
			refusals: 1,
			want:     v1.PipelineRunReasonStatusRefused,
			words:    "is invalid",
			kept:     1,
		},
		"InvalidTwice": {
			reason:   "So is what is wrong with a part that is left at first.",
			cause:    limited.Invalid(v1.KindPipelineRun, "run"),
			refusals: 2,
			want:     v1.PipelineRunReasonStatusRefused,
			words:    "is invalid",
			kept:     1,
		},
		"Bare": {
			reason:   "In the end the outcome stands alone.",
			cause:    limited.Invalid(v1.KindPipelineRun, "run"),
			refusals: 3,
			want:     v1.PipelineRunReasonStatusRefused,
			words:    "is invalid",
		},
		"Replaced": {
			reason:   "It takes the place of all that was there.",
			cause:    tooLarge,
			refusals: 4,
			want:     v1.PipelineRunReasonResultTooLarge,
			words:    "the API server refuses",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLimited()
			l.Refusals, l.Cause = tc.refusals, tc.cause
			pr := chain()
			c := newCluster(t, l.funcs(), pr)
			if _, err := c.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(pr)}); err != nil {
				t.Fatal(err)
			}
			pr = get(t, c, client.ObjectKeyFromObject(pr), &v1.PipelineRun{})
			wantCondition(t, pr, metav1.ConditionFalse, tc.want, tc.words)
			if pr.Status.StartTime == nil || pr.Status.CompletionTime == nil || len(pr.Status.ChildReferences) != tc.kept {
				t.Errorf("%s: want when it began and ended, and %d references, got %+v", tc.reason, tc.kept, pr.Status)
			}
			if child := c.child(t, pr, "make", -1); child.Spec.Status != v1.TaskRunSpecStatusCancelled {
				t.Errorf("%s: the TaskRun runs on", tc.reason)
			}
		})
	}
}

// TestManagedFieldsCount: 9,000 params have half a megabyte of managed fields. A run that cannot be stored with its status and
// those must not begin: no TaskRun is made.
func TestManagedFieldsCount(t *testing.T) {
	l := newLimited()
	l.Managed = 530_000
	pr := sized{params: 200_000, spec: 420_000, result: 1}.run()
	c := newCluster(t, l.funcs(), pr)
	pr, _ = c.pass(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonValidationFailed, "530", "in metadata.managedFields")
	if made := c.children(t); len(made) > 0 {
		t.Errorf("TaskRuns were made: %v", made)
	}
}

// TestFullObject: an object that even its bare outcome does not fit into says so in an event, and starts nothing.
func TestFullObject(t *testing.T) {
	l := newLimited()
	pr := sized{params: 1, spec: limits.ObjectLimit - 1000, result: 1}.run()
	c := newCluster(t, l.funcs(), pr)
	for range 3 {
		if _, err := c.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(pr)}); err == nil ||
			!strings.Contains(err.Error(), "delete it") {
			t.Fatalf("want an error that says what to do, got %v", err)
		}
	}
	if made := c.children(t); len(made) > 0 || l.Writes > 0 {
		t.Errorf("want nothing made and nothing written that is over the limit, got %v and %d writes", made, l.Writes)
	}
	if event := <-c.recorder.Events; !strings.Contains(event, v1.PipelineRunReasonStatusRefused) {
		t.Errorf("want an event, got %q", event)
	}
}

// TestStartTimeIsStored: a run without TaskRuns, because the API server fails at each, still has a deadline.
func TestStartTimeIsStored(t *testing.T) {
	fails := true
	funcs := interceptor.Funcs{Create: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if fails {
			return apierrors.NewInternalError(errors.New("failed calling webhook"))
		}
		return under.Create(ctx, o, opts...)
	}}
	pr := run(plain("a"))
	pr.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: time.Minute}}
	c := newCluster(t, funcs, pr)
	key := client.ObjectKeyFromObject(pr)
	for range 3 {
		if _, err := c.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err == nil {
			t.Fatal("want the error, so that the pass is repeated with backoff")
		}
	}
	pr = get(t, c, key, &v1.PipelineRun{})
	if pr.Status.StartTime == nil || !strings.Contains(pr.Status.Condition().Message, "failed calling webhook") {
		t.Fatalf("want the start, and what the run waits for, got %+v", pr.Status)
	}
	if c.calls["status"] != 1 {
		t.Errorf("want one write, got %d", c.calls["status"])
	}
	c.clock.SetTime(start.Add(2 * time.Minute))
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonTimedOut, "longer than 1m0s")
}
