package coexist_test

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/coexist"
)

// movedAt is when the label of the namespace "moved" was set.
var movedAt = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// namespaces is a cache of one namespace of Sluice.
type namespaces struct{ cache.Cache }

func (namespaces) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if key.Name != "moved" {
		return context.DeadlineExceeded // any error: the cache does not have it
	}
	found := into.(*metav1.PartialObjectMetadata)
	found.Name, found.Labels = key.Name, map[string]string{v1.LabelEngine: v1.EngineSluice}
	found.ManagedFields = []metav1.ManagedFieldsEntry{{
		Time: new(metav1.NewTime(movedAt)), FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:sluice.dev/engine":{}}}}`),
	}}
	return nil
}

func TestReport(t *testing.T) {
	run := func(namespace string, managedBy *string) *v1.PipelineRun {
		return &v1.PipelineRun{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "build", CreationTimestamp: metav1.NewTime(movedAt.Add(time.Minute))},
			Spec:       v1.PipelineRunSpec{ManagedBy: managedBy},
		}
	}
	cases := map[string]struct {
		reason string
		run    client.Object
		leads  bool
		want   int
	}{
		"Missed": {
			reason: "A run that the webhook should have marked.",
			run:    run("moved", nil),
			leads:  true,
			want:   1,
		},
		"TaskRun": {
			reason: "So is a TaskRun.",
			run: &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
				Namespace: "moved", Name: "build", CreationTimestamp: metav1.NewTime(movedAt.Add(time.Minute)),
			}},
			leads: true,
			want:  1,
		},
		"Marked": {
			reason: "The webhook has marked it.",
			run:    run("moved", new(v1.ManagedBySluice)),
			leads:  true,
		},
		"Elsewhere": {
			reason: "The namespace is Tekton's.",
			run:    run("other", nil),
			leads:  true,
		},
		"Standby": {
			reason: "The leader emits the event.",
			run:    run("moved", nil),
		},
		"OtherKind": {
			reason: "Only runs have managers.",
			run:    &v1.Task{ObjectMeta: metav1.ObjectMeta{Namespace: "moved"}},
			leads:  true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			leads := make(chan struct{})
			if tc.leads {
				close(leads)
			}
			recorder := events.NewFakeRecorder(10)
			r := &coexist.Reporter{Cache: namespaces{}, Recorder: recorder, Leads: leads}
			r.Report(t.Context(), tc.run)
			if len(recorder.Events) != tc.want {
				t.Fatalf("%s: want %d events, got %d", tc.reason, tc.want, len(recorder.Events))
			}
			if tc.want > 0 {
				if event := <-recorder.Events; !strings.Contains(event, "Warning ManagedByNotSet") || !strings.Contains(event, `namespace "moved"`) {
					t.Errorf("%s: got %q", tc.reason, event)
				}
			}
		})
	}
}
