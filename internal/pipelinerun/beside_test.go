package pipelinerun

import (
	"encoding/json"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

// decodesStrictly checks that Tekton's webhook would accept an object. The tests of this package call it for each status that a
// reconcile has written.
func decodesStrictly(t *testing.T, kind string, object client.Object) {
	t.Helper()
	encoded, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := tektoncrds.Check(kind, "v1", encoded); err != nil {
		t.Error(err)
	}
}

// TestChildrenHaveTheManagerOfTheirRun: the controller of a PipelineRun runs its tasks, so beside Tekton no other takes them.
func TestChildrenHaveTheManagerOfTheirRun(t *testing.T) {
	cases := map[string]struct {
		managedBy *string
	}{
		"None": {},
		"Tekton": {
			managedBy: new(v1.ManagedByThis),
		},
		"Sluice": {
			managedBy: new(v1.ManagedBySluice),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := run(embedded("a", v1.TaskSpec{}), embedded("b", v1.TaskSpec{}))
			pr.Spec.ManagedBy = tc.managedBy
			c := newCluster(t, interceptor.Funcs{}, pr)
			c.manages(tc.managedBy)
			c.pass(t, pr)
			for _, name := range []string{"a", "b"} {
				child := c.child(t, pr, name, -1)
				if (child.Spec.ManagedBy == nil) != (tc.managedBy == nil) || tc.managedBy != nil && *child.Spec.ManagedBy != *tc.managedBy {
					t.Errorf("want the TaskRun of %s managed by %v, got %v", name, tc.managedBy, child.Spec.ManagedBy)
				}
				decodesStrictly(t, v1.KindTaskRun, child)
			}
		})
	}
}
