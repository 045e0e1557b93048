package timeline_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/timeline"
)

// anyTime draws a time, or none.
func anyTime(t *rapid.T, label string) *metav1.Time {
	if !rapid.Bool().Draw(t, label+"?") {
		return nil
	}
	return ptr(rapid.IntRange(-20, 200).Draw(t, label))
}

func anyCondition(t *rapid.T) []metav1.Condition {
	status := rapid.SampledFrom([]metav1.ConditionStatus{"", "True", "False", "Unknown"}).Draw(t, "status")
	if status == "" {
		return nil
	}
	return condition(status, rapid.SampledFrom([]string{v1.TaskRunReasonCancelled, v1.TaskRunReasonFailed}).Draw(t, "reason"), "m")
}

func anySteps(t *rapid.T) []v1.StepState {
	var steps []v1.StepState
	for i := range rapid.IntRange(0, 4).Draw(t, "steps") {
		name := fmt.Sprintf("s%d", i)
		from, to := rapid.IntRange(-20, 200).Draw(t, "from"), rapid.IntRange(-20, 200).Draw(t, "to")
		switch rapid.IntRange(0, 2).Draw(t, "state") {
		case 0:
			steps = append(steps, v1.StepState{Name: name})
		case 1:
			steps = append(steps, running(name, from))
		default:
			steps = append(steps, ended(name, from, to, int32(rapid.IntRange(0, 1).Draw(t, "code")), ""))
		}
	}
	return steps
}

func anyTaskRun(t *rapid.T, name string) *v1.TaskRun {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if created := anyTime(t, "created"); created != nil {
		tr.CreationTimestamp = *created
	}
	for range rapid.IntRange(0, 2).Draw(t, "attempts") {
		tr.Status.RetriesStatus = append(tr.Status.RetriesStatus, v1.TaskRunAttempt{
			StartTime: anyTime(t, "start"), CompletionTime: anyTime(t, "end"), Conditions: anyCondition(t), PodName: "p", Steps: anySteps(t),
		})
	}
	tr.Status.StartTime, tr.Status.CompletionTime = anyTime(t, "start"), anyTime(t, "end")
	tr.Status.Conditions, tr.Status.PodName, tr.Status.Steps = anyCondition(t), "p", anySteps(t)
	return tr
}

func anyPods(t *rapid.T) timeline.Pods {
	if rapid.Bool().Draw(t, "no pod") {
		return nil
	}
	seconds := rapid.IntRange(-20, 200)
	p := pod(seconds.Draw(t, "pod"), seconds.Draw(t, "scheduled"), seconds.Draw(t, "initialized"))
	p.Status.Phase = corev1.PodRunning
	return timeline.Pods{"p": p}
}

func anyPipelineRun(t *rapid.T) (*v1.PipelineRun, []*v1.TaskRun) {
	pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: "pr"}}
	if created := anyTime(t, "created"); created != nil {
		pr.CreationTimestamp = *created
	}
	pr.Status.StartTime, pr.Status.CompletionTime = anyTime(t, "start"), anyTime(t, "end")
	pr.Status.FinallyStartTime, pr.Status.Conditions = anyTime(t, "finally"), anyCondition(t)
	if rapid.Bool().Draw(t, "resolved") {
		pr.Status.PipelineSpec = pipelineRun(0).Status.PipelineSpec
	}
	var tasks []*v1.TaskRun
	for range rapid.IntRange(0, 4).Draw(t, "tasks") {
		task := rapid.SampledFrom([]string{"build", "test", "clean", ""}).Draw(t, "task")
		pr.Status.ChildReferences = append(pr.Status.ChildReferences, reference(task))
		tasks = append(tasks, anyTaskRun(t, task))
	}
	return pr, tasks
}

func timelineOf(pr *v1.PipelineRun, tasks []*v1.TaskRun, pods timeline.Pods) timeline.Span {
	var children []timeline.Child
	for i, tr := range tasks {
		children = append(children, timeline.Child{
			Task: pr.Status.ChildReferences[i].PipelineTaskName, Span: timeline.OfTaskRun(tr, pods, at(100)),
		})
	}
	return timeline.OfPipelineRun(pr, children, at(100))
}

func checkSpan(t *rapid.T, s *timeline.Span) {
	if s.End.Before(s.Start) {
		t.Fatalf("%s %q ends before it starts", s.Kind, s.Name)
	}
	if s.Open && s.Kind != timeline.Waiting && s.State != timeline.StateRunning && s.State != timeline.StateWaiting {
		t.Fatalf("%s %q has not ended, and is %s", s.Kind, s.Name, s.State)
	}
	for i := range s.Children {
		c := &s.Children[i]
		if c.Start.Before(s.Start) || c.End.After(s.End) {
			t.Fatalf("%s %q is not within %s %q", c.Kind, c.Name, s.Kind, s.Name)
		}
		if i > 0 && c.Start.Before(s.Children[i-1].Start) {
			t.Fatalf("%s %q is not in order", c.Kind, c.Name)
		}
		if c.Open && !s.Open {
			t.Fatalf("%s %q has not ended, and %s %q, which it is within, has", c.Kind, c.Name, s.Kind, s.Name)
		}
		checkSpan(t, c)
	}
}

// TestSpansAreWithinTheirParents: whatever the clocks of the cluster are, children lie within their parents, no span has a negative
// length, nothing is open in a run that has ended, and the same objects have the same timeline.
func TestSpansAreWithinTheirParents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pr, tasks := anyPipelineRun(t)
		pods := anyPods(t)
		s := timelineOf(pr, tasks, pods)
		checkSpan(t, &s)
		if diff := cmp.Diff(s, timelineOf(pr.DeepCopy(), tasks, pods)); diff != "" {
			t.Fatalf("another timeline of the same objects: %s", diff)
		}
	})
}
