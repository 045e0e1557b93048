package standin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// interval is the time between two looks at the cluster.
const interval = 100 * time.Millisecond

// Engine stands in for Tekton's controller. It acts on the runs on which that acts, those without managedBy or with
// tekton.dev/pipeline, and on no others. It executes nothing: Results says what the steps would have written.
//
// It creates a pod for a TaskRun if Pods is set, and a TaskRun for each task of a PipelineRun whose pipeline is written in the
// run. A result of a pipeline must be a whole result of a task.
type Engine struct {
	// Client writes as this engine. The audit log shows its user.
	Client client.Client
	// Results returns the results of a TaskRun; nil: none.
	Results func(tr *v1.TaskRun) []v1.TaskRunResult
	// Hold keeps a TaskRun running while it returns true; nil: none.
	Hold func(tr *v1.TaskRun) bool
	// Pods creates a pod for each TaskRun. No node needs to run it.
	Pods bool
}

// Run acts until ctx ends. A failed write is repeated: another client may have changed the run.
func (e *Engine) Run(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := e.Act(ctx); err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Act looks at all runs once, and moves each run on which the engine acts by one state.
func (e *Engine) Act(ctx context.Context) error {
	var pipelineRuns v1.PipelineRunList
	var taskRuns v1.TaskRunList
	if err := errors.Join(e.Client.List(ctx, &pipelineRuns), e.Client.List(ctx, &taskRuns)); err != nil {
		return fmt.Errorf("cannot list runs: %w", err)
	}
	for i := range pipelineRuns.Items {
		if pr := &pipelineRuns.Items[i]; mine(pr.Spec.ManagedBy) && !pr.Status.Done() && pr.Spec.Status != v1.PipelineRunSpecStatusPending {
			if err := e.pipelineRun(ctx, pr, taskRuns.Items); err != nil {
				return err
			}
		}
	}
	for i := range taskRuns.Items {
		if tr := &taskRuns.Items[i]; mine(tr.Spec.ManagedBy) && !tr.Status.Done() {
			if err := e.taskRun(ctx, tr); err != nil {
				return err
			}
		}
	}
	return nil
}

// mine reports whether Tekton's controller runs a run with this managedBy.
func mine(managedBy *string) bool {
	return managedBy == nil || *managedBy == "" || *managedBy == v1.ManagedByThis
}

// taskRun starts a TaskRun, and ends it at the next look.
func (e *Engine) taskRun(ctx context.Context, tr *v1.TaskRun) error {
	now := metav1.Now()
	switch {
	case tr.Status.StartTime == nil:
		tr.Status.StartTime = &now
		tr.Status.PodName = tr.Name + "-pod"
		tr.Status.SetCondition(v1.Running(v1.TaskRunReasonRunning, "the stand-in runs it"), now)
		if e.Pods {
			if err := e.Client.Create(ctx, podOf(tr)); err != nil && !apierrors.IsAlreadyExists(err) {
				return fmt.Errorf("cannot create the pod of TaskRun %q: %w", tr.Name, err)
			}
		}
	case tr.Spec.Status == v1.TaskRunSpecStatusCancelled:
		tr.Status.CompletionTime = &now
		tr.Status.SetCondition(v1.Failed(v1.TaskRunReasonCancelled, "cancelled"), now)
	case e.Hold != nil && e.Hold(tr):
		return nil
	default:
		tr.Status.CompletionTime = &now
		tr.Status.SetCondition(v1.Succeeded("the stand-in has ended it"), now)
		tr.Status.Steps = stepsOf(tr, *tr.Status.StartTime, now)
		if e.Results != nil {
			tr.Status.Results = e.Results(tr)
		}
	}
	if err := e.Client.Status().Update(ctx, tr); err != nil {
		return fmt.Errorf("cannot write the status of TaskRun %q: %w", tr.Name, err)
	}
	return nil
}

// stepsOf returns the states of the steps as if all had succeeded. The steps of a Task by reference are unknown here.
func stepsOf(tr *v1.TaskRun, from, to metav1.Time) []v1.StepState {
	var states []v1.StepState
	if tr.Spec.TaskSpec == nil {
		return nil
	}
	for i, step := range tr.Spec.TaskSpec.Steps {
		name := step.Name
		if name == "" {
			name = fmt.Sprintf("unnamed-%d", i)
		}
		ended := &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: from, FinishedAt: to}
		states = append(states, v1.StepState{Name: name, Container: "step-" + name, ContainerState: corev1.ContainerState{Terminated: ended}})
	}
	return states
}

// podOf returns a pod that does nothing.
func podOf(tr *v1.TaskRun) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: tr.Namespace, Name: tr.Status.PodName,
			Labels:          map[string]string{v1.LabelTaskRun: tr.Name, v1.LabelManagedBy: v1.ManagedBy},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(tr, v1.GroupVersion.WithKind(v1.KindTaskRun))},
		},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers:    []corev1.Container{{Name: "nothing", Image: "docker.io/library/busybox:1", Command: []string{"true"}}},
		},
	}
}

// pipelineRun creates the TaskRuns of a PipelineRun, and ends it when all of them have ended.
func (e *Engine) pipelineRun(ctx context.Context, pr *v1.PipelineRun, all []v1.TaskRun) error {
	if pr.Spec.PipelineSpec == nil {
		return fmt.Errorf("cannot run PipelineRun %q: the stand-in needs spec.pipelineSpec", pr.Name)
	}
	now := metav1.Now()
	if pr.Status.StartTime == nil {
		return e.startPipelineRun(ctx, pr, now)
	}
	results := map[string]v1.Value{}
	for _, task := range pr.Spec.PipelineSpec.Tasks {
		child := find(all, pr.Namespace, childName(pr, task.Name))
		if child == nil || !child.Status.Done() {
			return nil
		}
		for _, r := range child.Status.Results {
			results["$(tasks."+task.Name+".results."+r.Name+")"] = r.Value
		}
	}
	for _, r := range pr.Spec.PipelineSpec.Results {
		value, ok := results[strings.TrimSpace(r.Value.String)]
		if !ok {
			return fmt.Errorf("cannot end PipelineRun %q: the stand-in does not know the value %q of result %q", pr.Name, r.Value.String, r.Name)
		}
		pr.Status.Results = append(pr.Status.Results, v1.PipelineRunResult{Name: r.Name, Value: value})
	}
	pr.Status.CompletionTime = &now
	text := fmt.Sprintf("Tasks Completed: %d (Failed: 0, Cancelled 0), Skipped: 0", len(pr.Spec.PipelineSpec.Tasks)) // as Tekton
	pr.Status.SetCondition(v1.Succeeded(text), now)
	return e.writePipelineRun(ctx, pr)
}

func (e *Engine) startPipelineRun(ctx context.Context, pr *v1.PipelineRun, now metav1.Time) error {
	for _, task := range pr.Spec.PipelineSpec.Tasks {
		child := &v1.TaskRun{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: pr.Namespace, Name: childName(pr, task.Name),
				Labels:          map[string]string{v1.LabelPipelineRun: pr.Name, v1.LabelPipelineTask: task.Name},
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(pr, v1.GroupVersion.WithKind(v1.KindPipelineRun))},
			},
			Spec: v1.TaskRunSpec{ManagedBy: pr.Spec.ManagedBy, TaskRef: task.TaskRef},
		}
		if task.TaskSpec != nil {
			child.Spec.TaskSpec = &task.TaskSpec.TaskSpec
		}
		if err := e.Client.Create(ctx, child); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("cannot create TaskRun %q: %w", child.Name, err)
		}
		pr.Status.ChildReferences = append(pr.Status.ChildReferences, v1.ChildReference{
			APIVersion: v1.GroupVersion.String(), Kind: v1.KindTaskRun, Name: child.Name, PipelineTaskName: task.Name,
		})
	}
	pr.Status.StartTime = &now
	pr.Status.SetCondition(v1.Running(v1.PipelineRunReasonRunning, "the stand-in runs it"), now)
	return e.writePipelineRun(ctx, pr)
}

func (e *Engine) writePipelineRun(ctx context.Context, pr *v1.PipelineRun) error {
	if err := e.Client.Status().Update(ctx, pr); err != nil {
		return fmt.Errorf("cannot write the status of PipelineRun %q: %w", pr.Name, err)
	}
	return nil
}

func childName(pr *v1.PipelineRun, task string) string { return pr.Name + "-" + task }

func find(all []v1.TaskRun, namespace, name string) *v1.TaskRun {
	for i := range all {
		if all[i].Namespace == namespace && all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}
