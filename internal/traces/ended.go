package traces

import (
	"context"
	"fmt"
	"strings"
	"time"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/timeline"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// ended is a run that has ended. One of its fields is set.
type ended struct {
	taskRun     *v1.TaskRun
	pipelineRun *v1.PipelineRun
}

// slimMeta returns what a timeline needs of metadata.
func slimMeta(of *metav1.ObjectMeta) metav1.ObjectMeta {
	slim := metav1.ObjectMeta{
		Namespace: of.Namespace, Name: of.Name, UID: of.UID, CreationTimestamp: of.CreationTimestamp, Labels: map[string]string{},
	}
	for _, key := range []string{v1.LabelTask, v1.LabelPipeline, v1.LabelPipelineTask} {
		if value, ok := of.Labels[key]; ok {
			slim.Labels[key] = value
		}
	}
	return slim
}

// slimTaskRun returns what a timeline needs of a TaskRun: without results, artifacts and the task.
func slimTaskRun(tr *v1.TaskRun) *v1.TaskRun {
	s := &tr.Status
	slim := &v1.TaskRun{ObjectMeta: slimMeta(&tr.ObjectMeta), Status: v1.TaskRunStatus{
		Conditions: slimConditions(s.Conditions), PodName: s.PodName, StartTime: s.StartTime, CompletionTime: s.CompletionTime,
		Steps: slimSteps(s.Steps), SpanContext: s.SpanContext,
	}}
	for i := range s.RetriesStatus {
		a := &s.RetriesStatus[i]
		slim.Status.RetriesStatus = append(slim.Status.RetriesStatus, v1.TaskRunAttempt{
			Conditions: slimConditions(a.Conditions), PodName: a.PodName, StartTime: a.StartTime, CompletionTime: a.CompletionTime,
			Steps: slimSteps(a.Steps),
		})
	}
	return slim
}

// slimSteps returns the steps without what they wrote.
func slimSteps(steps []v1.StepState) []v1.StepState {
	slim := make([]v1.StepState, len(steps))
	for i := range steps {
		s := &steps[i]
		slim[i] = v1.StepState{Name: s.Name, Container: s.Container, ImageID: s.ImageID, TerminationReason: s.TerminationReason}
		slim[i].Running = s.Running
		if ended := s.Terminated; ended != nil {
			slim[i].Terminated = &corev1.ContainerStateTerminated{
				ExitCode: ended.ExitCode, StartedAt: ended.StartedAt, FinishedAt: ended.FinishedAt,
			}
		}
	}
	return slim
}

// slimConditions returns the condition with the outcome, and of its message the part that a span has.
func slimConditions(all []metav1.Condition) []metav1.Condition {
	c := meta.FindStatusCondition(all, v1.ConditionSucceeded)
	if c == nil {
		return nil
	}
	slim := *c
	// A copy, because the cut text would keep the whole one in memory.
	slim.Message = strings.Clone(truncate.Text(c.Message, timeline.MaxMessage))
	return []metav1.Condition{slim}
}

// parts returns how many parts of a run the queue holds: the run, and its attempts, steps and children.
func (e ended) parts() int {
	if tr := e.taskRun; tr != nil {
		n := 1 + len(tr.Status.Steps)
		for i := range tr.Status.RetriesStatus {
			n += 1 + len(tr.Status.RetriesStatus[i].Steps)
		}
		return n
	}
	s := &e.pipelineRun.Status
	n := 1 + len(s.ChildReferences)
	if s.PipelineSpec != nil {
		n += len(s.PipelineSpec.Finally)
	}
	return n
}

// slimPipelineRun returns what a timeline needs of a PipelineRun: of the pipeline only the names of the tasks of finally.
func slimPipelineRun(pr *v1.PipelineRun) *v1.PipelineRun {
	s := &pr.Status
	slim := &v1.PipelineRun{ObjectMeta: slimMeta(&pr.ObjectMeta), Status: v1.PipelineRunStatus{
		Conditions: slimConditions(s.Conditions), StartTime: s.StartTime, CompletionTime: s.CompletionTime,
		FinallyStartTime: s.FinallyStartTime, SpanContext: s.SpanContext,
	}}
	for _, ref := range s.ChildReferences {
		slim.Status.ChildReferences = append(slim.Status.ChildReferences,
			v1.ChildReference{Kind: ref.Kind, Name: ref.Name, PipelineTaskName: ref.PipelineTaskName})
	}
	if s.PipelineSpec != nil {
		slim.Status.PipelineSpec = &v1.PipelineSpec{}
		for i := range s.PipelineSpec.Finally {
			slim.Status.PipelineSpec.Finally = append(slim.Status.PipelineSpec.Finally, v1.PipelineTask{Name: s.PipelineSpec.Finally[i].Name})
		}
	}
	return slim
}

// spans returns the spans of a run. What the cache no longer has makes them less detailed.
func (e *Exporter) spans(ctx context.Context, run ended) []*trace.Span {
	now := e.Now()
	if tr := run.taskRun; tr != nil {
		s := timeline.OfTaskRun(tr, e.pods(ctx, tr), now)
		return spansOf(&s, tr.Status.SpanContext)
	}
	s := timeline.OfPipelineRun(run.pipelineRun, e.children(ctx, run.pipelineRun, now), now)
	return spansOf(&s, run.pipelineRun.Status.SpanContext)
}

// pods returns the pods of a TaskRun that the cache has.
func (e *Exporter) pods(ctx context.Context, tr *v1.TaskRun) timeline.Pods {
	names := []string{tr.Status.PodName}
	for i := range tr.Status.RetriesStatus {
		names = append(names, tr.Status.RetriesStatus[i].PodName)
	}
	pods := timeline.Pods{}
	for _, name := range names {
		found := &corev1.Pod{}
		if name == "" || e.Cache.Get(ctx, client.ObjectKey{Namespace: tr.Namespace, Name: name}, found) != nil {
			continue
		}
		if found.Labels[v1.LabelTaskRunUID] == string(tr.UID) {
			pods[name] = found
		}
	}
	return pods
}

// children returns the children of a PipelineRun that the cache has. Of a TaskRun and of a PipelineRun only the times are used.
func (e *Exporter) children(ctx context.Context, pr *v1.PipelineRun, now time.Time) []timeline.Child {
	var all []timeline.Child
	for _, ref := range pr.Status.ChildReferences {
		key := client.ObjectKey{Namespace: pr.Namespace, Name: ref.Name}
		child := timeline.Child{Task: ref.PipelineTaskName}
		var err error
		switch ref.Kind {
		case v1beta1.KindCustomRun:
			found := &v1beta1.CustomRun{}
			err = e.Cache.Get(ctx, key, found)
			child.Span = timeline.OfCustomRun(found, now)
		case v1.KindPipelineRun:
			found := &v1.PipelineRun{}
			err = e.Cache.Get(ctx, key, found)
			child.Span = timeline.OfPipelineRun(found, nil, now)
		default:
			found := &v1.TaskRun{}
			err = e.Cache.Get(ctx, key, found)
			child.Span = timeline.OfTaskRun(found, nil, now)
		}
		if err == nil {
			all = append(all, child)
		}
	}
	return all
}

func errSecret(key client.ObjectKey, err error) error {
	return fmt.Errorf("cannot read Secret %q in namespace %q, which credentialsSecret of config-tracing names: %w",
		key.Name, key.Namespace, err)
}

// errIncomplete does not show what the Secret has.
func errIncomplete(key client.ObjectKey) error {
	return fmt.Errorf("cannot use Secret %q in namespace %q, which credentialsSecret of config-tracing names: "+
		"it needs the keys username and password", key.Name, key.Namespace)
}
