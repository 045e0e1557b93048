package pipelinerun

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/fault"
)

// createTaskRuns makes the TaskRuns of the tasks that can start, in the order of the pipeline. It stops at the first
// that cannot be made: what is wrong with it ends the run, or passes.
func (r *Reconciler) createTaskRuns(ctx context.Context, pr *v1.PipelineRun, obs Observation) (Effect, error) {
	effect := Effect{Created: map[string]*v1.TaskRun{}}
	for _, planned := range obs.Wanted {
		wanted := planned.DeepCopy()
		task := wanted.Labels[v1.LabelPipelineTask]
		err := r.client.Create(ctx, wanted)
		switch {
		case err == nil:
			effect.Created[task] = wanted
			continue
		case apierrors.IsAlreadyExists(err):
			err = r.adopt(ctx, pr, task, wanted, &effect)
		default:
			err = notCreated(task, wanted, err, &effect)
		}
		if err != nil || effect.Waiting != "" || effect.Problem != nil {
			return effect, err
		}
	}
	return effect, nil
}

// notCreated notes why a TaskRun could not be made; the error is one that passes.
func notCreated(task string, wanted *v1.TaskRun, err error, effect *Effect) error {
	switch fault.Of(err) {
	case fault.Waiting:
		effect.Waiting = fmt.Sprintf("TaskRun %q cannot be made yet: %v", wanted.Name, err)
	case fault.Refused, fault.Gone, fault.TooLarge:
		effect.Problem = cannotCreate(task, fmt.Sprintf("the API server refuses TaskRun %q: %v", wanted.Name, err))
	default:
		return fmt.Errorf("cannot create TaskRun %q: %w", wanted.Name, err)
	}
	return nil
}

// adopt takes the TaskRun that has the wanted name, if this run owns it: an earlier pass made it and could not record
// it. A name is no proof: whoever may make TaskRuns could have made one that waits there to be believed.
func (r *Reconciler) adopt(ctx context.Context, pr *v1.PipelineRun, task string, wanted *v1.TaskRun, effect *Effect) error {
	found := &v1.TaskRun{}
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(wanted), found); err != nil {
		return fmt.Errorf("cannot get TaskRun %q: %w", wanted.Name, err)
	}
	switch {
	case metav1.IsControlledBy(found, pr):
		effect.Created[task] = found
	case found.DeletionTimestamp != nil || leftover(pr, found):
		effect.Waiting = fmt.Sprintf("TaskRun %q of an earlier run of the same name is still being deleted", found.Name)
	default:
		effect.Problem = cannotCreate(task, fmt.Sprintf(
			"TaskRun %q exists and does not belong to this PipelineRun (UID %s); delete it, or run under another name", found.Name, pr.UID))
	}
	return nil
}

// leftover reports whether a TaskRun belongs to a PipelineRun that had the same name and is gone: the garbage collector
// is about to delete it.
func leftover(pr *v1.PipelineRun, found *v1.TaskRun) bool {
	owner := metav1.GetControllerOf(found)
	return owner != nil && owner.Kind == v1.KindPipelineRun && owner.Name == pr.Name && owner.UID != pr.UID
}

func cannotCreate(task, message string) *Problem {
	return &Problem{
		Task: task, Reason: v1.PipelineRunReasonFailed, SkipReason: v1.SkipReasonStopping,
		Message: fmt.Sprintf("task %q cannot start: %s", task, message),
	}
}
