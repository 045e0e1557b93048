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
		{"it is seen for the first time", v1.Running(v1.TaskRunReasonStarted, ""), 0, "task make started as taskrun/r-make"},
		{"it goes on", v1.Running(v1.TaskRunReasonRunning, ""), time.Second, ""},
		{"it has ended", v1.Succeeded(""), 2500 * time.Millisecond, "task make ended after 2.5 s: Succeeded"},
		{"it is only touched after its end", v1.Succeeded("again"), 9 * time.Second, ""},
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
