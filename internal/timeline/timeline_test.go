package timeline_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/timeline"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// begin is the creation of every run in these tests.
var begin = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

// at returns the time some seconds after begin.
func at(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

func meta(seconds int) metav1.Time { return metav1.NewTime(at(seconds)) }

func ptr(seconds int) *metav1.Time { return new(meta(seconds)) }

func condition(status metav1.ConditionStatus, reason, message string) []metav1.Condition {
	return []metav1.Condition{{Type: v1.ConditionSucceeded, Status: status, Reason: reason, Message: message}}
}

func ended(name string, from, to int, code int32, reason string) v1.StepState {
	return v1.StepState{
		Name: name, Container: "step-" + name, TerminationReason: reason,
		ContainerState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: code, StartedAt: meta(from), FinishedAt: meta(to),
		}},
	}
}

func running(name string, from int) v1.StepState {
	return v1.StepState{Name: name, ContainerState: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: meta(from)}}}
}

// taskRun returns a TaskRun that was created at a time and started a second later.
func taskRun(name string, created int) *v1.TaskRun {
	tr := &v1.TaskRun{}
	tr.Namespace, tr.Name, tr.UID, tr.CreationTimestamp = "ci", name, "uid-1", meta(created)
	tr.Status.StartTime, tr.Status.PodName = ptr(created+1), name+"-pod"
	tr.Status.Conditions = condition(metav1.ConditionUnknown, v1.TaskRunReasonRunning, "")
	return tr
}

// succeeded returns a TaskRun with two steps that ended at a time.
func succeeded(name string, created, end int) *v1.TaskRun {
	tr := taskRun(name, created)
	tr.Status.Steps = []v1.StepState{ended("one", created+4, created+6, 0, "Completed"), ended("two", created+4, end-1, 0, "Completed")}
	tr.Status.CompletionTime = ptr(end)
	tr.Status.Conditions = condition(metav1.ConditionTrue, v1.TaskRunReasonSucceeded, "All Steps have completed executing")
	return tr
}

func pod(created, scheduled, initialized int) *corev1.Pod {
	p := &corev1.Pod{}
	p.CreationTimestamp = meta(created)
	for kind, reached := range map[corev1.PodConditionType]int{corev1.PodScheduled: scheduled, corev1.PodInitialized: initialized} {
		c := corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: meta(reached)}
		if reached == 0 {
			c.Status, c.LastTransitionTime = corev1.ConditionFalse, meta(created)
		}
		p.Status.Conditions = append(p.Status.Conditions, c)
	}
	return p
}

func retried() *v1.TaskRun {
	tr := taskRun("flaky", 0)
	first := v1.TaskRunAttempt{
		StartTime: ptr(1), CompletionTime: ptr(9), PodName: "flaky-pod", Steps: []v1.StepState{ended("one", 3, 8, 1, "Error")},
		Conditions: condition(metav1.ConditionFalse, v1.TaskRunReasonFailed, "step one failed"),
	}
	tr.Status.RetriesStatus = []v1.TaskRunAttempt{first}
	tr.Status.StartTime, tr.Status.PodName = ptr(11), "flaky-pod-retry1"
	tr.Status.Steps = []v1.StepState{ended("one", 14, 15, 0, "Completed"), running("two", 13), running("three", 13)}
	return tr
}

func pipelineRun(start int) *v1.PipelineRun {
	pr := &v1.PipelineRun{}
	pr.Namespace, pr.Name, pr.UID, pr.CreationTimestamp = "ci", "release", "uid-0", meta(0)
	pr.Labels = map[string]string{v1.LabelPipeline: "release"}
	pr.Status.StartTime = ptr(start)
	pr.Status.Conditions = condition(metav1.ConditionUnknown, v1.PipelineRunReasonRunning, "")
	pr.Status.PipelineSpec = &v1.PipelineSpec{
		Tasks:   []v1.PipelineTask{{Name: "build"}, {Name: "test"}, {Name: "approve"}, {Name: "never"}},
		Finally: []v1.PipelineTask{{Name: "clean"}},
	}
	return pr
}

func reference(task string) v1.ChildReference { return v1.ChildReference{PipelineTaskName: task} }

// timelines returns the timelines that golden files have.
func timelines() map[string]timeline.Span {
	now := at(60)
	failed := taskRun("stuck", 0)
	failed.Status.Conditions = condition(metav1.ConditionFalse, v1.TaskRunReasonTimedOut, "not done in 30s")
	failed.Status.CompletionTime = ptr(30)
	cr := &v1beta1.CustomRun{}
	cr.Name, cr.UID, cr.CreationTimestamp = "release-approve", "uid-9", meta(20)
	cr.Status.StartTime = ptr(22)

	done := pipelineRun(1)
	done.Status.FinallyStartTime, done.Status.CompletionTime = ptr(41), ptr(52)
	done.Status.Conditions = condition(metav1.ConditionFalse, v1.PipelineRunReasonFailed, "task test failed")
	test := succeeded("release-test-1", 15, 40)
	test.Status.Conditions = condition(metav1.ConditionFalse, v1.TaskRunReasonFailed, "step two failed")
	test.Status.Steps[1] = ended("two", 21, 39, 3, "Error")
	children := []timeline.Child{
		{Task: "build", Span: timeline.OfTaskRun(succeeded("release-build", 3, 14), nil, now)},
		{Task: "test", Span: timeline.OfTaskRun(succeeded("release-test-0", 15, 30), nil, now)},
		{Task: "test", Span: timeline.OfTaskRun(test, nil, now)},
		{Task: "clean", Span: timeline.OfTaskRun(succeeded("release-clean", 41, 51), nil, now)},
	}

	open := pipelineRun(1)
	open.Status.ChildReferences = []v1.ChildReference{reference("build"), reference("approve")}
	open.Status.SkippedTasks = []v1.SkippedTask{{Name: "never"}}
	return map[string]timeline.Span{
		"taskrun":         timeline.OfTaskRun(succeeded("make", 0, 20), nil, now),
		"taskrun-pod":     timeline.OfTaskRun(succeeded("make", 0, 20), timeline.Pods{"make-pod": pod(2, 3, 4)}, now),
		"not-scheduled":   timeline.OfTaskRun(failed, timeline.Pods{"stuck-pod": pod(2, 0, 0)}, now),
		"retried-running": timeline.OfTaskRun(retried(), timeline.Pods{"flaky-pod-retry1": pod(12, 12, 13)}, now),
		"pipeline":        timeline.OfPipelineRun(done, children, now),
		"pipeline-running": timeline.OfPipelineRun(open, []timeline.Child{
			{Task: "build", Span: timeline.OfTaskRun(succeeded("release-build", 3, 14), nil, now)},
			{Task: "approve", Span: timeline.OfCustomRun(cr, now)},
		}, now),
		"new": timeline.OfTaskRun(&v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "new", CreationTimestamp: meta(55)}}, nil, now),
	}
}

// lines writes a timeline as text: times in seconds after begin, and attributes.
func lines(b *strings.Builder, s *timeline.Span, indent string) {
	open := ""
	if s.Open {
		open = " open"
	}
	fmt.Fprintf(b, "%s%s %q %v-%v %s%s", indent, s.Kind, s.Name, s.Start.Sub(begin).Seconds(), s.End.Sub(begin).Seconds(), s.State, open)
	for _, a := range s.Attributes {
		if a.Numeric {
			fmt.Fprintf(b, " %s=%d", a.Key, a.Number)
		} else {
			fmt.Fprintf(b, " %s=%q", a.Key, a.Text)
		}
	}
	b.WriteString("\n")
	for i := range s.Children {
		lines(b, &s.Children[i], indent+"  ")
	}
	if s.More > 0 {
		fmt.Fprintf(b, "%s  and %d more\n", indent, s.More)
	}
}

func TestTimelines(t *testing.T) {
	for name, span := range timelines() {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			lines(&b, &span, "")
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("timeline: -want, +got:\n%s", diff)
			}
		})
	}
}

// TestFinishedRunIsFinal: a finished run has the same timeline at any later time, with everything that is within it.
func TestFinishedRunIsFinal(t *testing.T) {
	tr := succeeded("make", 0, 20)
	pods := timeline.Pods{"make-pod": pod(2, 3, 4)}
	if diff := cmp.Diff(timeline.OfTaskRun(tr, pods, at(21)), timeline.OfTaskRun(tr, pods, at(9000))); diff != "" {
		t.Errorf("the timeline changes: %s", diff)
	}
}

// TestMostSpans: a timeline has a limit, and says how many spans it leaves out. It keeps the tasks before the steps.
func TestMostSpans(t *testing.T) {
	pr := pipelineRun(1)
	var children []timeline.Child
	for i := range timeline.MaxSpans {
		children = append(children, timeline.Child{
			Task: fmt.Sprintf("task%d", i), Span: timeline.OfTaskRun(succeeded("t", 3, 14), nil, at(60)),
		})
	}
	all := timeline.OfPipelineRun(pr, children, at(60))
	if n := all.Count(); n != timeline.MaxSpans {
		t.Errorf("want %d spans, got %d", timeline.MaxSpans, n)
	}
	// Five waiting tasks, the queue and the resolution are there, too.
	if all.More != timeline.MaxSpans+7-(timeline.MaxSpans-1) {
		t.Errorf("want 8 tasks left out, got %d", all.More)
	}
	inner := 0
	for i := range all.Children {
		inner += all.Children[i].More
	}
	if inner == 0 || len(all.Children) != timeline.MaxSpans-1 {
		t.Errorf("want tasks without their steps, got %d tasks, and %d steps left out", len(all.Children), inner)
	}
}
