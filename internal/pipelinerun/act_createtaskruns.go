package pipelinerun

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
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
		case quotaExceeded(err):
			effect.Waiting, err = fmt.Sprintf("TaskRun %q cannot be made yet: %v", wanted.Name, err), nil
		case refused(err):
			effect.Problem, err = cannotCreate(task, fmt.Sprintf("the API server refuses TaskRun %q: %v", wanted.Name, err)), nil
		default:
			err = fmt.Errorf("cannot create TaskRun %q: %w", wanted.Name, err)
		}
		if err != nil || effect.Waiting != "" || effect.Problem != nil {
			return effect, err
		}
	}
	return effect, nil
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

// quotaExceeded reports whether the API server would take the object once others are gone.
func quotaExceeded(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota")
}

// refused reports whether the API server will refuse the same object for ever.
func refused(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		apierrors.IsNotFound(err) || apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsMethodNotSupported(err)
}
