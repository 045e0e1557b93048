//go:build fault

package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/test/testutil/customtask"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestUnrecordedChildren kills the controller after it has created a child of each kind, and before it could record one. The next
// controller records these children, creates no others, and the results are whole.
func TestUnrecordedChildren(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	n.ServeCustomTasks(t)
	allow := denyPipelineStatuses(t, n)
	run := &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: everyKind(t)}}
	run.Namespace, run.Name = n.Name, "run"
	if err := n.Client.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	want := []string{"CustomRun run-approve", "PipelineRun run-inner", "TaskRun run-inner-leaf", "TaskRun run-make"}
	created := awaitChildren(t, n, want)
	before := kill(t, n)
	if err := n.Client.Get(t.Context(), client.ObjectKeyFromObject(run), run); err != nil {
		t.Fatal(err)
	}
	if len(run.Status.ChildReferences) > 0 {
		t.Fatalf("the controller could record children: %+v", run.Status.ChildReferences)
	}
	allow(t)
	n.FinishPipeline(t, run)
	suite.WantSucceeded(t, run.Status.Condition())
	results := map[string]string{}
	for _, result := range run.Status.Results {
		results[result.Name] = result.Value.String
	}
	if diff := cmp.Diff(map[string]string{"made": "the first", "approved": "yes", "inner": "the first"}, results); diff != "" {
		t.Errorf("results: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(created, awaitChildren(t, n, want)); diff != "" {
		t.Errorf("children, by kind and name: -before +after the kill\n%s", diff)
	}
	var recorded []string
	for _, child := range run.Status.ChildReferences {
		recorded = append(recorded, child.Kind+" "+child.Name)
	}
	slices.Sort(recorded)
	if diff := cmp.Diff([]string{"CustomRun run-approve", "PipelineRun run-inner", "TaskRun run-make"}, recorded); diff != "" {
		t.Errorf("children in the status: -want +got\n%s", diff)
	}
	replace(t, n, before)
}

// everyKind is a pipeline with a task of each kind of children.
func everyKind(t *testing.T) *v1.PipelineSpec {
	t.Helper()
	task, _ := small()
	leaf := v1.PipelineTask{Name: "leaf", TaskSpec: &v1.EmbeddedTask{TaskSpec: task}}
	inner, err := json.Marshal(v1.PipelineSpec{
		Tasks:   []v1.PipelineTask{leaf},
		Results: []v1.PipelineResult{{Name: "one", Value: v1.StringValue("$(tasks.leaf.results.one)")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &v1.PipelineSpec{
		Tasks: []v1.PipelineTask{
			{Name: "make", TaskSpec: &v1.EmbeddedTask{TaskSpec: task}},
			customtask.Task("approve", customtask.Echo, v1.Param{Name: "approved", Value: v1.StringValue("yes")}),
			{Name: "inner", PipelineSpec: &runtime.RawExtension{Raw: inner}},
		},
		Results: []v1.PipelineResult{
			{Name: "made", Value: v1.StringValue("$(tasks.make.results.one)")},
			{Name: "approved", Value: v1.StringValue("$(tasks.approve.results.approved)")},
			{Name: "inner", Value: v1.StringValue("$(tasks.inner.results.one)")},
		},
	}
}

// awaitChildren waits until there are these children, and returns their identities. Others are an error.
func awaitChildren(t *testing.T, n *suite.Namespace, want []string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	var found map[string]string
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		var err error
		found, err = children(ctx, n)
		return len(found) >= len(want), err
	})
	if names := slices.Sorted(maps.Keys(found)); err != nil || !slices.Equal(names, want) {
		t.Fatalf("want the children %q, got %q: %v", want, names, err)
	}
	return found
}

// children returns the identities of the objects that the controller has created from PipelineRuns, by kind and name.
func children(ctx context.Context, n *suite.Namespace) (map[string]string, error) {
	found := map[string]string{}
	for _, kind := range []schema.GroupVersionKind{
		v1.GroupVersion.WithKind(v1.KindTaskRun), v1.GroupVersion.WithKind(v1.KindPipelineRun),
		v1beta1.GroupVersion.WithKind(v1beta1.KindCustomRun),
	} {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := n.Client.List(ctx, list, client.InNamespace(n.Name), client.HasLabels{v1.LabelPipelineRun}); err != nil {
			return nil, fmt.Errorf("cannot list objects of kind %s: %w", kind.Kind, err)
		}
		for i := range list.Items {
			found[kind.Kind+" "+list.Items[i].Name] = string(list.Items[i].UID)
		}
	}
	return found, nil
}

// denyPipelineStatuses takes the right to write the statuses of PipelineRuns from the controller. A run with a missing right is
// continued when the right is there again, so that nothing is recorded until allow is called.
func denyPipelineStatuses(t *testing.T, n *suite.Namespace) (allow func(*testing.T)) {
	t.Helper()
	set := func(ctx context.Context, t *testing.T, allowed bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, suite.Patience)
		defer cancel()
		if err := setStatusRight(ctx, n, allowed); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { set(context.Background(), t, true) }) // before later tests; this test's context has ended then
	set(t.Context(), t, false)
	return func(t *testing.T) {
		t.Helper()
		set(t.Context(), t, true)
	}
}

// setStatusRight gives the controller the right to write the statuses of PipelineRuns, or takes it, and waits until that has an effect.
func setStatusRight(ctx context.Context, n *suite.Namespace, allowed bool) error {
	const right = "pipelineruns/status"
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		role, err := n.Kube.RbacV1().ClusterRoles().Get(ctx, kube.ControllerName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for i := range role.Rules {
			resources := &role.Rules[i].Resources
			if !slices.Contains(*resources, "taskruns/status") {
				continue
			}
			*resources = slices.DeleteFunc(*resources, func(resource string) bool { return resource == right })
			if allowed {
				*resources = append(*resources, right)
			}
		}
		_, err = n.Kube.RbacV1().ClusterRoles().Update(ctx, role, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot change the rights of the controller: %w", err)
	}
	return n.AwaitAccess(ctx, allowed, authorizationv1.ResourceAttributes{
		Namespace: n.Name, Verb: "patch", Group: v1.GroupName, Resource: "pipelineruns", Subresource: "status",
	})
}
