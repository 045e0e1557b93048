package reconcile

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// due is an outbox that records the same for each write, and the pod names before and after it.
type due struct {
	seen   [][2]string
	failed []string
}

func (s *due) Written(before, after *v1.TaskRun) {
	s.seen = append(s.seen, [2]string{before.Status.PodName, after.Status.PodName + after.Status.Annotations["due"]})
}

func (s *due) Failed(before *v1.TaskRun) { s.failed = append(s.failed, before.Status.PodName) }

func (*due) Due(_ *v1.TaskRun, status v1.TaskRunStatus) v1.TaskRunStatus {
	status.Annotations = map[string]string{"due": "+1"}
	return status
}

// silent counts no writes.
type silent struct{}

func (silent) Wrote(error)     {}
func (silent) Refused(Refusal) {}

// TestOutbox: the outbox sees each stored status and no other, and its record is in the same write. A record in a
// second write would be lost if the process ended between both.
func TestOutbox(t *testing.T) {
	cases := map[string]struct {
		reason  string
		status  v1.TaskRunStatus
		refused error
		want    [][2]string
		failed  []string
		writes  int
	}{
		"Stored": {
			reason: "a change is stored together with its record",
			status: v1.TaskRunStatus{PodName: "new"},
			want:   [][2]string{{"old", "new+1"}},
			writes: 1,
		},
		"Failed": {
			reason:  "what the API server has not stored did not happen",
			status:  v1.TaskRunStatus{PodName: "new"},
			refused: errors.New("unavailable"),
			failed:  []string{"old"},
			writes:  1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := v1.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "build", UID: "uid"}}
			run.Status.PodName = "old"
			writes := 0
			c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(run).WithStatusSubresource(run).WithInterceptorFuncs(interceptor.Funcs{
				SubResourcePatch: func(ctx context.Context, under client.Client, sub string, o client.Object, p client.Patch,
					opts ...client.SubResourcePatchOption) error {
					writes++
					if tc.refused != nil {
						return tc.refused
					}
					return under.SubResource(sub).Patch(ctx, o, p, opts...)
				},
			}).Build()
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(run), run); err != nil {
				t.Fatal(err)
			}
			outbox := &due{}
			clock := clocktesting.NewFakePassiveClock(metav1.Now().Time)
			statuses := Statuses[*v1.TaskRun, v1.TaskRunStatus]{
				Kind: Kind[*v1.TaskRun, v1.TaskRunStatus]{
					Name:   v1.KindTaskRun,
					Status: func(tr *v1.TaskRun) *v1.TaskRunStatus { return &tr.Status },
					With: func(tr *v1.TaskRun, status v1.TaskRunStatus) *v1.TaskRun {
						whole := *tr
						whole.Status = status
						return &whole
					},
					Events: func(_, _ v1.TaskRunStatus) []Event { return nil },
				},
				Client: c, Recorder: events.NewFakeRecorder(1), Clock: clock, Writes: NewWriteTracker(clock), Meter: silent{},
				Changed: func(_ *v1.TaskRun, _, _ *v1.TaskRunStatus) {},
				Outbox:  outbox,
			}
			if err := statuses.write(t.Context(), run, tc.status); !errors.Is(err, tc.refused) {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, outbox.seen); diff != "" || writes != tc.writes {
				t.Errorf("%s: %d writes, want %d; the outbox (-want +got):\n%s", tc.reason, writes, tc.writes, diff)
			}
			if diff := cmp.Diff(tc.failed, outbox.failed); diff != "" {
				t.Errorf("%s: writes that failed (-want +got):\n%s", tc.reason, diff)
			}
			var stored v1.TaskRun
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(run), &stored); err != nil {
				t.Fatal(err)
			}
			if got := stored.Status.Annotations["due"]; (got != "") != (tc.refused == nil) {
				t.Errorf("%s: the record in the API server is %q", tc.reason, got)
			}
		})
	}
}
