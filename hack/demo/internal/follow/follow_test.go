package follow

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestTracker(t *testing.T) {
	start := time.Unix(1000, 0)
	run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "r-make", Labels: map[string]string{v1.LabelPipelineTask: "make"}}}
	var tracker Tracker
	steps := []struct {
		reason    string
		condition metav1.Condition
		after     time.Duration
		want      string
	}{
		{
			reason:    "it is seen for the first time",
			condition: v1.Running(v1.TaskRunReasonStarted, ""),
			want:      "task make started as taskrun/r-make",
		},
		{
			reason:    "it goes on",
			condition: v1.Running(v1.TaskRunReasonRunning, ""),
			after:     time.Second,
		},
		{
			reason:    "it has ended",
			condition: v1.Succeeded(""),
			after:     2500 * time.Millisecond,
			want:      "task make ended after 2.5 s: Succeeded",
		},
		{
			reason:    "a change after the end is not reported",
			condition: v1.Succeeded("again"),
			after:     9 * time.Second,
		},
	}
	for _, s := range steps {
		run.Status.SetCondition(s.condition, metav1.Time{})
		if got, _ := tracker.See(run, start.Add(s.after)); got != s.want {
			t.Errorf("See: %s: got %q, want %q", s.reason, got, s.want)
		}
	}
	if got, want := tracker.Took("r-make"), 2500*time.Millisecond; got != want {
		t.Errorf("Took: got %v, want %v", got, want)
	}
	if got := tracker.Took("unknown"); got != 0 {
		t.Errorf("Took of a run that was never seen: got %v, want 0", got)
	}
}
