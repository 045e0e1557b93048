package ownership_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/ownership"
)

// moved returns a namespace whose label was set at a time.
func moved(value string, at time.Time) *metav1.PartialObjectMetadata {
	n := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "ci", Labels: map[string]string{v1.LabelEngine: value}}}
	if !at.IsZero() {
		n.ManagedFields = []metav1.ManagedFieldsEntry{
			{Time: new(metav1.NewTime(at.Add(-time.Hour))), FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:team":{}}}}`)},
			{Time: new(metav1.NewTime(at)), FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:sluice.dev/engine":{}}}}`)},
		}
	}
	return n
}

func TestMissed(t *testing.T) {
	cases := map[string]struct {
		reason    string
		namespace *metav1.PartialObjectMetadata
		managedBy *string
		created   time.Time
		child     bool
		want      bool
	}{
		"Missed": {
			reason:    "Created after the label, and names no controller.",
			namespace: moved("sluice", now),
			created:   now.Add(time.Minute),
			want:      true,
		},
		"Before": {
			reason:    "Created before the label: it is Tekton's by right.",
			namespace: moved("sluice", now),
			created:   now.Add(-time.Minute),
		},
		"SameSecond": {
			reason:    "Created in the second of the label.",
			namespace: moved("sluice", now),
			created:   now,
		},
		"Marked": {
			reason:    "The webhook marked it.",
			namespace: moved("sluice", now),
			managedBy: new("sluice.dev/controller"),
			created:   now.Add(time.Minute),
		},
		"NamesTekton": {
			reason:    "Its user wants Tekton.",
			namespace: moved("sluice", now),
			managedBy: new("tekton.dev/pipeline"),
			created:   now.Add(time.Minute),
		},
		"Child": {
			reason:    "A run of Tekton that began before the label creates its tasks after it.",
			namespace: moved("sluice", now),
			created:   now.Add(time.Minute),
			child:     true,
		},
		"OtherNamespace": {
			reason:    "The label has another value.",
			namespace: moved("tekton", now),
			created:   now.Add(time.Minute),
		},
		"UnknownTime": {
			reason:    "The API server does not say since when the namespace has the label.",
			namespace: moved("sluice", time.Time{}),
			created:   now.Add(time.Minute),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(tc.created)}}
			if tc.child {
				run.OwnerReferences = []metav1.OwnerReference{{APIVersion: "tekton.dev/v1", Kind: "PipelineRun", Name: "p"}}
			}
			if got := ownership.Missed(run, tc.managedBy, tc.namespace); got != tc.want {
				t.Errorf("%s: want %t, got %t", tc.reason, tc.want, got)
			}
			ownership.TrimNamespace(tc.namespace)
			if len(tc.namespace.ManagedFields) > 0 {
				t.Error("want no managed fields in the cache")
			}
			if got := ownership.Missed(run, tc.managedBy, tc.namespace); got != tc.want {
				t.Errorf("%s: after the namespace is trimmed: want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}
