package pipelinerun

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// A name is no proof of belonging to the run.
func TestTaskRunsOfOthersAreNotTrusted(t *testing.T) {
	owned := func(owner types.UID, ownerName string) *v1.TaskRun {
		controller := true
		tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "run-a"}}
		if owner != "" {
			tr.OwnerReferences = []metav1.OwnerReference{{
				APIVersion: "tekton.dev/v1", Kind: "PipelineRun", Name: ownerName, UID: owner, Controller: &controller,
			}}
		}
		tr.Status.SetCondition(v1.Succeeded("forged"), metav1.NewTime(start))
		return tr
	}
	cases := map[string]struct {
		reason  string
		there   *v1.TaskRun
		status  metav1.ConditionStatus
		message string
		retried bool
	}{
		"Nobodys": {
			reason:  "A TaskRun without an owner was not made by us.",
			there:   owned("", ""),
			status:  metav1.ConditionFalse,
			message: "does not belong to this PipelineRun (UID pr-uid)",
		},
		"AnotherRun": {
			reason:  "One of another run is not ours.",
			there:   owned("x", "other"),
			status:  metav1.ConditionFalse,
			message: "does not belong to this PipelineRun (UID pr-uid)",
		},
		"EarlierRun": {
			reason:  "One of a deleted run of the same name will go away.",
			there:   owned("x", "run"),
			status:  metav1.ConditionUnknown,
			message: "is still being deleted",
			retried: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := run(embedded("a", v1.TaskSpec{}))
			c := newCluster(t, interceptor.Funcs{}, pr, tc.there)
			_, result := c.pass(t, pr)
			pr = c.settle(t, pr)
			reason := v1.PipelineRunReasonCreateRunFailed
			if tc.status == metav1.ConditionUnknown {
				reason = v1.PipelineRunReasonStarted
			}
			wantCondition(t, pr, tc.status, reason, tc.message, `"run-a"`)
			if retried := result.RequeueAfter == reconcile.RetryPeriod; retried != tc.retried {
				t.Errorf("\n%s\ntried again: want %v, got %v", tc.reason, tc.retried, retried)
			}
			if len(pr.Status.ChildReferences) != 0 {
				t.Errorf("\n%s\nit stands in childReferences", tc.reason)
			}
		})
	}
}

// The controller can be killed between making a TaskRun and recording it, and a cache can lag behind.
func TestTaskRunThatWasNotRecordedIsTaken(t *testing.T) {
	pr := run(embedded("a", v1.TaskSpec{}), embedded("b", v1.TaskSpec{}))
	refuse := true
	c := newCluster(t, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, under client.Client, sub string, o client.Object,
			patch client.Patch, opts ...client.SubResourcePatchOption) error {
			if refuse {
				return apierrors.NewConflict(schema.GroupResource{Resource: "pipelineruns"}, o.GetName(), nil)
			}
			return under.SubResource(sub).Patch(ctx, o, patch, opts...)
		},
		Get: func(ctx context.Context, under client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			if _, ok := into.(*v1.TaskRun); ok {
				return apierrors.NewNotFound(schema.GroupResource{Resource: "taskruns"}, key.Name)
			}
			return under.Get(ctx, key, into, opts...)
		},
	}, pr)
	pr = c.settle(t, pr)
	if len(pr.Status.ChildReferences) != 0 {
		t.Fatal("the status was written although the API server refused")
	}
	refuse = false
	pr = c.settle(t, pr)
	if diff := cmp.Diff([]string{"run-a", "run-b"}, c.children(t)); diff != "" {
		t.Errorf("TaskRuns: -want, +got:\n%s", diff)
	}
	if len(pr.Status.ChildReferences) != 2 {
		t.Errorf("want both TaskRuns recorded, got %v", pr.Status.ChildReferences)
	}
	c.pass(t, pr)
	if c.calls["create"] != 4 {
		t.Errorf("a recorded TaskRun that the cache does not have yet must not be made again: want 4 calls, got %d", c.calls["create"])
	}
}
