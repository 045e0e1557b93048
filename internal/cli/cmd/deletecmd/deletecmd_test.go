package deletecmd

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

func TestChoose(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	ended := func(name string, hours int) runs.Run {
		tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name}}
		tr.Status.CompletionTime = &metav1.Time{Time: now.Add(-time.Duration(hours) * time.Hour)}
		tr.Status.Conditions = []metav1.Condition{v1.Succeeded("done")}
		return runs.OfTask(tr)
	}
	goes := runs.OfTask(&v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "goes"}})
	child := ended("child", 9)
	child.TaskRun.OwnerReferences = []metav1.OwnerReference{{Kind: v1.KindPipelineRun, Controller: new(true)}}
	all := []runs.Run{ended("one", 1), ended("five", 5), goes, ended("three", 3), child}
	for name, tc := range map[string]struct {
		reason string
		age    time.Duration
		keep   int
		want   []string
	}{
		"All":         {reason: "What goes on, and what belongs to another run, is left.", want: []string{"one", "three", "five"}},
		"Old":         {reason: "What ended less long ago is left.", age: 2 * time.Hour, want: []string{"three", "five"}},
		"Keep":        {reason: "The latest are left.", keep: 2, want: []string{"five"}},
		"Keep all":    {reason: "More than there are can be kept.", keep: 9},
		"Old, latest": {reason: "Both must hold.", age: 4 * time.Hour, keep: 1, want: []string{"five"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range choose(all, tc.age, tc.keep, now) {
				got = append(got, r.Name())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
