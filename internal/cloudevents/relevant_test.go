package cloudevents

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	changes "sigs.k8s.io/controller-runtime/pkg/event"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestRelevant: the record of what was sent starts no reconcile of an ended run, and every other change does.
func TestRelevant(t *testing.T) {
	taskRun := func(version, recorded string, c metav1.Condition, change ...func(*v1.TaskRun)) client.Object {
		tr := run("build")
		tr.ResourceVersion = version
		tr.SetSelfLink(version) // its length in etcd, which the cache notes
		tr.Status.SetCondition(c, metav1.Unix(1_700_000_000, 0))
		if recorded != "" {
			tr.Status.Annotations = map[string]string{v1.AnnotationEvents: recorded}
		}
		for _, f := range change {
			f(tr)
		}
		return tr
	}
	pipelineRun := func(recorded string, c metav1.Condition) client.Object {
		pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{ResourceVersion: recorded}}
		pr.Status.SetCondition(c, metav1.Unix(1_700_000_000, 0))
		pr.Status.Annotations = map[string]string{v1.AnnotationEvents: recorded, "other": "same"}
		return pr
	}
	const due = "2 1:queued 2:successful"
	cases := map[string]struct {
		reason        string
		before, after client.Object
		want          bool
	}{
		"Record": {
			reason: "only the record was written",
			before: taskRun("1", due, finished()),
			after:  taskRun("2", "", finished()), // the cache drops a record without events that are due
		},
		"RecordOfPipelineRun": {
			reason: "the same for a PipelineRun",
			before: pipelineRun(due, finished()),
			after:  pipelineRun("2", finished()),
		},
		"End": {
			reason: "the run has ended",
			before: taskRun("1", "1 1:queued", running()),
			after:  taskRun("2", due, finished()),
			want:   true,
		},
		"EndOfPipelineRun": {
			reason: "the same for a PipelineRun",
			before: pipelineRun("1 1:queued", running()),
			after:  pipelineRun(due, finished()),
			want:   true,
		},
		"Running": {
			reason: "the next write of the status needs the record",
			before: taskRun("1", "1 1:queued", running()),
			after:  taskRun("2", "1", running()),
			want:   true,
		},
		"More": {
			reason: "a finalizer was removed at the same time",
			before: taskRun("1", due, finished(), func(tr *v1.TaskRun) { tr.Finalizers = []string{"example.com/wait"} }),
			after:  taskRun("2", "2", finished()),
			want:   true,
		},
		"Same": {
			reason: "a resync, which looks at a run again",
			before: taskRun("1", "", finished()),
			after:  taskRun("1", "", finished()),
			want:   true,
		},
		"Other": {
			reason: "objects of other kinds have no record",
			before: &v1.Task{},
			after:  &v1.Task{},
			want:   true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Relevant().Update(changes.UpdateEvent{ObjectOld: tc.before, ObjectNew: tc.after}); got != tc.want {
				t.Errorf("%s: want %v, got %v", tc.reason, tc.want, got)
			}
		})
	}
}
