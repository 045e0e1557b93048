package reconcile

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestLoop: the work on a run is done only if the run exists, is this controller's, and is no older than the last write.
func TestLoop(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	run := func(change func(*v1.TaskRun)) *v1.TaskRun {
		tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "build", UID: "uid", ResourceVersion: "10"}}
		change(tr)
		return tr
	}
	plain := func(*v1.TaskRun) {}
	cases := map[string]struct {
		reason string
		run    *v1.TaskRun
		cause  error
		before func(Loop[*v1.TaskRun, v1.TaskRunStatus])
		works  bool
		gone   bool
		after  time.Duration
	}{
		"Plain": {
			reason: "a run of this controller is worked on",
			run:    run(plain),
			works:  true,
		},
		"NotFound": {
			reason: "what is known of a run that is gone is dropped",
			gone:   true,
		},
		"Deleted": {
			reason: "a run that is being deleted is left alone, and what is known of it is dropped",
			run: run(func(tr *v1.TaskRun) {
				tr.Finalizers, tr.DeletionTimestamp = []string{"example.com/keep"}, new(metav1.NewTime(now))
			}),
			gone: true,
		},
		"Elsewhere": {
			reason: "a run of another controller is left alone",
			run:    run(func(tr *v1.TaskRun) { tr.Spec.ManagedBy = new("example.com/other") }),
		},
		"Stale": {
			reason: "the cache does not show the last write yet",
			run:    run(plain),
			before: func(l Loop[*v1.TaskRun, v1.TaskRunStatus]) {
				l.Statuses.Writes.Record(run(func(tr *v1.TaskRun) { tr.ResourceVersion = "11" }))
			},
			after: StalePatience,
		},
		"Rests": {
			reason: "the last reconcile panicked a moment ago",
			run:    run(plain),
			before: func(l Loop[*v1.TaskRun, v1.TaskRunStatus]) { l.Panics.note("uid") },
			after:  pause,
		},
		"Unreadable": {
			reason: "an error of the read is returned",
			run:    run(plain),
			cause:  errors.New("no cache"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := v1.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			builder := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
				Get: func(ctx context.Context, under client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
					if tc.cause != nil {
						return tc.cause
					}
					return under.Get(ctx, key, o, opts...)
				},
			})
			if tc.run != nil {
				builder = builder.WithObjects(tc.run)
			}
			clock := clocktesting.NewFakePassiveClock(now)
			works, gone := false, false
			l := Loop[*v1.TaskRun, v1.TaskRunStatus]{
				Statuses: Statuses[*v1.TaskRun, v1.TaskRunStatus]{
					Kind: Kind[*v1.TaskRun, v1.TaskRunStatus]{
						Name:      v1.KindTaskRun,
						New:       func() *v1.TaskRun { return &v1.TaskRun{} },
						ManagedBy: func(tr *v1.TaskRun) *string { return tr.Spec.ManagedBy },
					},
					Client: builder.Build(), Writes: NewWriteTracker(clock),
				},
				Panics: NewPanicTracker(clock),
				Forget: func(types.NamespacedName) { gone = true },
				Work: func(context.Context, *v1.TaskRun) (ctrl.Result, error) {
					works = true
					return ctrl.Result{}, nil
				},
			}
			if tc.before != nil {
				tc.before(l)
			}
			got, err := l.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "ci", Name: "build"}})
			if !errors.Is(err, tc.cause) || works != tc.works || gone != tc.gone || got.RequeueAfter != tc.after {
				t.Errorf("%s: worked %t, dropped %t, again after %s, error %v; want %t, %t, %s, %v",
					tc.reason, works, gone, got.RequeueAfter, err, tc.works, tc.gone, tc.after, tc.cause)
			}
		})
	}
}
