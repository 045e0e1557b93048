package server

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestSizes: finished runs count with their bytes, also those that a PipelineRun owns, and no other run does.
func TestSizes(t *testing.T) {
	run := func(name string, bytes int) *v1.TaskRun {
		tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
		tr.OwnerReferences = []metav1.OwnerReference{{Kind: v1.KindPipelineRun, Controller: new(true)}}
		tr.Status.Results = []v1.TaskRunResult{{Name: "r", Value: v1.StringValue(strings.Repeat("x", bytes))}}
		if bytes > 0 {
			tr.Status.Conditions = []metav1.Condition{v1.Succeeded("done")}
		}
		return tr
	}
	s := newSizes()
	check := func(least, most int64) {
		t.Helper()
		if s.total < least || s.total > most {
			t.Errorf("want %d to %d bytes, got %d", least, most, s.total)
		}
	}
	s.apply(change{event: watch.Event{Type: watch.Added, Object: run("a", 0)}})
	check(0, 0)
	s.apply(change{event: watch.Event{Type: watch.Modified, Object: run("a", 10_000)}})
	check(10_000, 11_000)
	s.apply(change{event: watch.Event{Type: watch.Modified, Object: run("a", 20_000)}})
	check(20_000, 21_000)
	s.apply(change{event: watch.Event{Type: watch.Added, Object: run("b", 5000)}})
	check(25_000, 27_000)
	s.apply(change{event: watch.Event{Type: watch.Deleted, Object: run("a", 20_000)}})
	check(5000, 6000)
	s.apply(change{kind: v1.KindPipelineRun})
	check(5000, 6000)
	s.apply(change{kind: v1.KindTaskRun, listed: []runtime.Object{run("c", 40_000)}})
	check(40_000, 41_000)
	if got := s.storage(50_000); !got.Near || got.Bytes != s.total {
		t.Errorf("want a warning, got %+v", got)
	}
	if s.storage(1<<30).Near || s.storage(0).Near {
		t.Error("want no warning far from the quota, nor without one")
	}
	s.apply(change{event: watch.Event{Type: watch.Bookmark, Object: &metav1.Status{}}})
	check(40_000, 41_000)
}
