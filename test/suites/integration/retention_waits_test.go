//go:build integration

package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// awaitLeft waits until only these runs are left in a namespace.
func awaitLeft(t *testing.T, namespace string, want ...string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		left, err := namesLeft(ctx, namespace)
		if diff := cmp.Diff(want, left); err == nil && diff != "" {
			err = fmt.Errorf("runs that are left (-want +got):\n%s", diff)
		}
		return err
	})
}

// TestRetentionWaitsForEvents: retention deleted a finished run while its CloudEvents were due, and a controller that was then restarted
// could not send them any more. Now the run stays until the sink has accepted them.
func TestRetentionWaitsForEvents(t *testing.T) {
	var open atomic.Bool
	var refused atomic.Int32
	var mu sync.Mutex
	accepted := map[string]int{}
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if !open.Load() {
			refused.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		accepted[request.Header.Get("Ce-Id")]++
		w.WriteHeader(http.StatusAccepted)
	}))
	defer sink.Close()
	place := newPlace(t)
	retain(t, place, "historyLimit: 0")
	permitRetention(t)
	sendEventsTo(t, sink.URL)
	const ago = 2 * time.Minute // longer than every run stays, and shorter than one with events does
	var unsent types.UID
	for name, record := range map[string]string{"sent": "3", "unsent": "3 2:started 3:successful"} {
		run := taskRun(place, name)
		create(t, run)
		run.Status.Annotations = map[string]string{v1.AnnotationEvents: record}
		end(t, run, &run.Status.Conditions, &run.Status.CompletionTime, ago)
		if name == "unsent" {
			unsent = run.UID
		}
	}
	p := supervise(t, newRelay(t), "--leader-elect=false")
	awaitLeft(t, place, "unsent")
	eventually(t, func(context.Context) error {
		if refused.Load() == 0 {
			return fmt.Errorf("the controller has not tried to send the events")
		}
		return nil
	})
	if err := p.process.Load().Signal(syscall.SIGKILL); err != nil {
		t.Fatalf("cannot end the controller: %v", err)
	}
	eventually(t, func(context.Context) error { return p.restarted("killed") })
	open.Store(true)
	awaitLeft(t, place)
	mu.Lock()
	defer mu.Unlock()
	want := map[string]int{string(unsent) + "-2": 1, string(unsent) + "-3": 1}
	if diff := cmp.Diff(want, accepted); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestRetentionSparesCustomRuns: a PipelineRun that gave up on a custom task was deleted, and with it the CustomRun that still ran.
func TestRetentionSparesCustomRuns(t *testing.T) {
	place := newPlace(t)
	retain(t, place, "historyLimit: 0")
	permitRetention(t)
	pr := pipelineRun(place, "gave-up", "task")
	create(t, pr)
	owner := *metav1.NewControllerRef(pr, v1.GroupVersion.WithKind(v1.KindPipelineRun))
	cr := &v1beta1.CustomRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "gave-up-task", OwnerReferences: []metav1.OwnerReference{owner}},
		Spec:       v1beta1.CustomRunSpec{CustomRef: &v1beta1.CustomRef{APIVersion: "example.com/v1", Kind: "Deaf"}},
	}
	create(t, cr)
	pr.Status.ChildReferences = []v1.ChildReference{{
		APIVersion: v1beta1.GroupVersion.String(), Kind: v1beta1.KindCustomRun, Name: cr.Name, PipelineTaskName: "task",
	}}
	end(t, pr, &pr.Status.Conditions, &pr.Status.CompletionTime, time.Hour)
	endedRun(t, place, "other", 2)
	supervise(t, newRelay(t))
	awaitLeft(t, place, "gave-up")

	cr.Status.Conditions = []v1beta1.Condition{{
		Type: v1.ConditionSucceeded, Status: metav1.ConditionFalse, Reason: "Late", LastTransitionTime: time.Now().UTC().Format(time.RFC3339),
	}}
	if err := shared.client.Status().Update(t.Context(), cr); err != nil {
		t.Fatalf("cannot end the CustomRun: %v", err)
	}
	// A change starts a pass, if there was none since.
	look := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"look":"again"}}}`))
	if err := shared.client.Patch(t.Context(), pr, look); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	awaitLeft(t, place)
}
