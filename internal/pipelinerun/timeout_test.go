package pipelinerun

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// timeUp is a run whose time, or that of a part of it, is up in the very moment at which the timeout of its TaskRun fires.
type timeUp struct {
	// part whose time is up: pipeline, tasks or finally.
	part string
	// continues says that the failure of the task is ignored.
	continues bool
	// order is the order of the later events.
	order []string
	// late is how long after the deadline the first of them happens.
	late time.Duration
}

// timeUps returns all orders: the TaskRun ends through its own timeout, or because it is cancelled, before or after the run
// is reconciled.
func timeUps() []timeUp {
	orders := [][]string{
		{"ends", "look"},
		{"look", "ends"},
		{"look", "told"},
		{"look", "look", "ends"},
		{"ends", "restart", "look"},
		{"look", "restart", "ends"},
		{"look", "restart", "told"},
	}
	var all []timeUp
	for _, part := range []string{"pipeline", "tasks", "finally"} {
		for _, continues := range []bool{false, true} {
			for _, order := range orders {
				for _, late := range []time.Duration{0, time.Second} {
					all = append(all, timeUp{part, continues, order, late})
				}
			}
		}
	}
	return all
}

// start brings the run to where its TaskRun runs, and returns it, with the deadline.
func (u timeUp) start(t *testing.T) (c *cluster, pr *v1.PipelineRun, child *v1.TaskRun, deadline time.Time) {
	t.Helper()
	first, last := plain("first"), plain("last")
	minutes := func(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Minute} }
	if u.continues {
		first.OnError, last.OnError = v1.OnErrorContinue, v1.OnErrorContinue
	}
	pr = finally(run(first), last)
	pr.Spec.Timeouts = map[string]*v1.Timeouts{
		"pipeline": {Pipeline: minutes(1)},
		"tasks":    {Pipeline: minutes(10), Tasks: minutes(1)},
		"finally":  {Pipeline: minutes(10), Finally: minutes(1)},
	}[u.part]
	c = newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	name := "first"
	if u.part == "finally" {
		c.end(t, pr, "first", done())
		pr = c.settle(t, pr)
		name = "last"
	}
	child = c.child(t, pr, name, -1)
	if child.Spec.Timeout.Duration != time.Minute {
		t.Fatalf("want the TaskRun to have the time of its part, got %s", child.Spec.Timeout.Duration)
	}
	return c, pr, child, start.Add(time.Minute)
}

// TestTwoTimeoutsInOneInstant: a run whose time is over has timed out, whether its own deadline or the timeout of its TaskRun
// is observed first.
func TestTwoTimeoutsInOneInstant(t *testing.T) {
	for _, u := range timeUps() {
		t.Run(fmt.Sprintf("%+v", u), func(t *testing.T) {
			c, pr, child, deadline := u.start(t)
			c.clock.SetTime(deadline.Add(u.late))
			for _, what := range u.order {
				switch what {
				case "ends":
					endAt(t, c, child, v1.Failed(v1.TaskRunReasonTimedOut, "late"), deadline.Add(u.late))
				case "told":
					endAt(t, c, child, stopped(), deadline.Add(u.late))
				case "restart":
					c.restart(t, interceptor.Funcs{})
				default:
					pr, _ = c.pass(t, pr)
				}
			}
			pr = c.settle(t, pr)
			if u.part == "tasks" { // whose finally runs
				c.end(t, pr, "last", done())
				pr = c.settle(t, pr)
			}
			wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonTimedOut, "longer than 1m0s")
		})
	}
}

// TestTwoTimeoutsOfPartsOfASecond: the status of a TaskRun has whole seconds, so that it seems to have ended before its timeout.
func TestTwoTimeoutsOfPartsOfASecond(t *testing.T) {
	pr := run(plain("first"))
	pr.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: 1500 * time.Millisecond}}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	child := c.child(t, pr, "first", -1)
	child.Status.StartTime = &metav1.Time{Time: start}
	if err := c.Status().Update(t.Context(), child); err != nil {
		t.Fatal(err)
	}
	c.clock.SetTime(start.Add(1500 * time.Millisecond))
	endAt(t, c, child, v1.Failed(v1.TaskRunReasonTimedOut, "late"), start.Add(time.Second))
	wantCondition(t, c.settle(t, pr), metav1.ConditionFalse, v1.PipelineRunReasonTimedOut, "longer than 1.5s")
}

func endAt(t *testing.T, c *cluster, child *v1.TaskRun, condition metav1.Condition, at time.Time) {
	t.Helper()
	now := get(t, c, client.ObjectKeyFromObject(child), &v1.TaskRun{})
	now.Status.CompletionTime = &metav1.Time{Time: at}
	c.endOf(t, now, condition)
}

// TestEarlierTimeoutOfATask: a TaskRun whose own timeout fires before the time of the run is up has failed, and so has the run,
// however late that is seen.
func TestEarlierTimeoutOfATask(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		u := timeUp{part: rapid.SampledFrom([]string{"pipeline", "tasks", "finally"}).Draw(rt, "part")}
		c, pr, child, deadline := u.start(t)
		early := time.Duration(rapid.IntRange(1, 59).Draw(rt, "seconds")) * time.Second
		late := time.Duration(rapid.IntRange(0, 59).Draw(rt, "seen")) * time.Second
		endAt(t, c, child, v1.Failed(v1.TaskRunReasonTimedOut, "late"), deadline.Add(-early))
		c.clock.SetTime(deadline.Add(-early + late))
		pr = c.settle(t, pr)
		if u.part == "pipeline" && late >= early {
			return // finally is left, and has no time any more
		}
		if u.part != "finally" {
			c.end(t, pr, "last", done())
			pr = c.settle(t, pr)
		}
		if got := pr.Status.Condition(); got.Reason != v1.PipelineRunReasonFailed {
			rt.Fatalf("%+v: want the failure of the task, got %+v", u, got)
		}
	})
}

// TestStartOfUnrecordedTaskRuns: a TaskRun that was made by a pass which could not record it counts as the start of the run, so
// that its own timeout does not fire before the deadline of the run.
func TestStartOfUnrecordedTaskRuns(t *testing.T) {
	pr := run(plain("a"))
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	made := c.child(t, pr, "a", -1)
	made.CreationTimestamp = metav1.NewTime(start.Add(-time.Minute))
	effect := Effect{Started: map[int][]Child{0: {{Run: taskRun{made}}}}}
	plan := Plan{Tasks: []TaskState{{Task: &pr.Spec.PipelineSpec.Tasks[0]}}}
	if got := effect.startOf(metav1.NewTime(start), plan, false); !got.Equal(&made.CreationTimestamp) {
		t.Errorf("want %v, got %v", made.CreationTimestamp, got)
	}
	if got := effect.startOf(metav1.NewTime(start), plan, true); !got.Time.Equal(start) {
		t.Errorf("want finally to start now, got %v", got)
	}
}
