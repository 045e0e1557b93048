package server

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/scheme"
)

func TestNote(t *testing.T) {
	at := func(name string, second int64) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(time.Unix(second, 0))}
	}
	child := &v1.TaskRun{ObjectMeta: at("child", 4)}
	child.OwnerReferences = []metav1.OwnerReference{{Kind: v1.KindPipelineRun, Controller: new(true)}}
	known := map[types.UID]runs.Run{}
	for _, event := range []watch.Event{
		{Type: watch.Added, Object: &v1.TaskRun{ObjectMeta: at("old", 1)}},
		{Type: watch.Added, Object: &v1.PipelineRun{ObjectMeta: at("new", 3)}},
		{Type: watch.Added, Object: &v1.TaskRun{ObjectMeta: at("gone", 2)}},
		{
			Type:   watch.Modified,
			Object: &v1.TaskRun{ObjectMeta: at("old", 1), Status: v1.TaskRunStatus{Results: []v1.TaskRunResult{{Name: "large"}}}},
		},
		{Type: watch.Deleted, Object: &v1.TaskRun{ObjectMeta: at("gone", 2)}},
	} {
		if !note(known, event) {
			t.Errorf("%s of %T changes the list", event.Type, event.Object)
		}
	}
	for _, event := range []watch.Event{{Type: watch.Added, Object: child}, {Type: watch.Bookmark, Object: &metav1.Status{}}} {
		if note(known, event) {
			t.Errorf("%s of %T does not change the list", event.Type, event.Object)
		}
	}
	var names []string
	for _, e := range listed(known, time.Unix(10, 0)) {
		names = append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"new", "old"}, names); diff != "" {
		t.Errorf("the latest comes first, and what a PipelineRun has made is not listed\n%s", diff)
	}
	if len(known["old"].TaskRun.Status.Results) != 0 {
		t.Error("results are not kept for the list")
	}
}

// TestRunsDeletedBetweenWatches: what a new list does not have is gone. The page showed such runs until it was loaded again.
func TestRunsDeletedBetweenWatches(t *testing.T) {
	task := func(name string) *v1.TaskRun {
		return &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
	}
	pipeline := func(name string) *v1.PipelineRun {
		return &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
	}
	cases := map[string]struct {
		reason  string
		change  change
		want    []string
		changes bool
	}{
		"Deleted": {
			reason:  "A run that the list lacks goes, one that is new comes.",
			change:  change{kind: v1.KindTaskRun, listed: []runtime.Object{task("t2"), task("t3")}},
			want:    []string{"p1", "t2", "t3"},
			changes: true,
		},
		"AllDeleted": {
			reason:  "Runs of the other kind stay.",
			change:  change{kind: v1.KindPipelineRun},
			want:    []string{"t1", "t2"},
			changes: true,
		},
		"Event": {
			reason:  "An event is about one run.",
			change:  change{event: watch.Event{Type: watch.Deleted, Object: task("t1")}},
			want:    []string{"p1", "t2"},
			changes: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			known := map[types.UID]runs.Run{}
			for _, object := range []runtime.Object{task("t1"), task("t2"), pipeline("p1")} {
				note(known, watch.Event{Type: watch.Added, Object: object})
			}
			if got := tc.change.apply(known); got != tc.changes {
				t.Errorf("%s\nit says that the list changes: %t", tc.reason, got)
			}
			var names []string
			for _, e := range listed(known, time.Unix(10, 0)) {
				names = append(names, e.Name)
			}
			slices.Sort(names)
			if diff := cmp.Diff(tc.want, names); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
	if replace(map[types.UID]runs.Run{}, v1.KindTaskRun, nil) {
		t.Error("nothing in the place of nothing changes the list")
	}
}

// TestWatchAgain: a watch that breaks is followed by a list, which is sent before any event.
func TestWatchAgain(t *testing.T) {
	registry, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gone := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "gone", UID: "gone"}}
	broken := watch.NewFake()
	first := true
	c := fake.NewClientBuilder().WithScheme(registry).WithObjects(gone).WithInterceptorFuncs(interceptor.Funcs{
		Watch: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
			if !first {
				return c.Watch(ctx, list, options...)
			}
			first = false
			return broken, nil
		},
	}).Build()
	s := &Server{Options: Options{Cluster: &cluster.Cluster{Namespace: "ns", Client: c}, Now: time.Now}}
	changes := make(chan change)
	go s.watch(ctx, v1.KindTaskRun, changes)
	known := map[types.UID]runs.Run{}
	(<-changes).apply(known)
	if len(known) != 1 {
		t.Fatalf("the first list has %d runs", len(known))
	}
	if err := c.Delete(ctx, gone); err != nil {
		t.Fatal(err)
	}
	broken.Stop()
	(<-changes).apply(known)
	if len(known) != 0 {
		t.Errorf("a run that was deleted while nothing watched is still known: %v", known)
	}
}
