package server

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
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
		{Type: watch.Modified, Object: &v1.TaskRun{ObjectMeta: at("old", 1), Status: v1.TaskRunStatus{Results: []v1.TaskRunResult{{Name: "large"}}}}},
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
