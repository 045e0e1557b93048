package pipelinerun

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// startTasks makes the TaskRuns of the tasks that can start. Before the first ones, it makes the claims that the run's
// workspaces ask for. A task that could be started whole is in the effect, whatever became of others.
func (r *Reconciler) startTasks(ctx context.Context, pr *v1.PipelineRun, obs Observation) (Effect, error) {
	if len(pr.Status.ChildReferences) == 0 {
		if effect, err := r.makeClaims(ctx, pr, obs); err != nil || effect.Waiting != "" || effect.Problem != nil {
			return effect, err
		}
	}
	var planned []*v1.TaskRun
	for i := range obs.Wanted {
		planned = append(planned, obs.Wanted[i].TaskRuns...)
	}
	all := make([]made, len(planned))
	each(len(planned), func(i int) { all[i] = r.make(ctx, pr, planned[i]) })

	effect := Effect{Started: map[int][]Child{}}
	for i := range obs.Wanted {
		w := &obs.Wanted[i]
		task := obs.Tasks[w.Task].Task.Name
		if err := effect.add(task, w, all[:len(w.TaskRuns)]); err != nil {
			return effect, err
		}
		all = all[len(w.TaskRuns):]
	}
	return effect, nil
}

// made is what became of one TaskRun that was to be made.
type made struct {
	taskRun *v1.TaskRun
	// waiting says what has to happen first, and refused why it will never be.
	waiting, refused string
	err              error
}

// add notes what became of the TaskRuns of one task.
func (e *Effect) add(task string, w *Wanted, all []made) error {
	children := make([]Child, 0, len(all))
	for i, m := range all {
		switch {
		case m.err != nil:
			return m.err
		case m.refused != "":
			if e.Problem == nil {
				e.Problem = cannotStart(task, m.refused, v1.PipelineRunReasonCreateRunFailed, v1.SkipReasonRefused)
			}
			return nil
		case m.waiting != "":
			e.Waiting = m.waiting
			return nil
		}
		children = append(children, Child{Reference: w.References[i], TaskRun: m.taskRun})
	}
	e.Started[w.Task] = children
	return nil
}

// make makes one TaskRun, or takes it over.
func (r *Reconciler) make(ctx context.Context, pr *v1.PipelineRun, planned *v1.TaskRun) made {
	wanted := planned.DeepCopy() // it shares what the cache holds, and the API server's answer is written into it
	err := r.client.Create(ctx, wanted)
	switch {
	case err == nil:
		return made{taskRun: wanted}
	case apierrors.IsAlreadyExists(err):
		found := &v1.TaskRun{}
		m := r.adopt(ctx, pr, planned, found, v1.KindTaskRun)
		if m == (made{}) {
			m = ofTask(planned, found)
		}
		return m
	}
	return notMade(v1.KindTaskRun, planned.Name, err)
}

// ofTask takes over a TaskRun of this run that has the planned name, if it is one of the same task: one of the combinations
// of task a and the task a-0 have the same name, and neither may stand for the other.
func ofTask(planned, found *v1.TaskRun) made {
	task, other := planned.Labels[v1.LabelPipelineTask], found.Labels[v1.LabelPipelineTask]
	if task != other {
		return made{refused: fmt.Sprintf(
			"TaskRun %q is the one of task %q, and that of task %q would have the same name; rename one of the two tasks", found.Name, other, task)}
	}
	return made{taskRun: found}
}

// notMade says what is to be done about an object that could not be made.
func notMade(kind, name string, err error) made {
	switch reconcile.Classify(err) {
	case reconcile.Exhausted:
		return made{waiting: fmt.Sprintf("%s %q cannot be made yet: %v", kind, name, err)}
	case reconcile.Rejected, reconcile.NotFound, reconcile.TooLarge:
		return made{refused: fmt.Sprintf("the API server refuses %s %q: %v", kind, name, err)}
	default:
		return made{err: fmt.Errorf("cannot create %s %q: %w", kind, name, err)}
	}
}

// adopt reads the object that has the wanted name into found, and returns nothing if this run owns it: an earlier pass
// made it and could not record it. A name is no proof: whoever may make such objects could have made one that waits there
// to be believed.
func (r *Reconciler) adopt(ctx context.Context, pr *v1.PipelineRun, wanted, found client.Object, kind string) made {
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(wanted), found); err != nil {
		return made{err: fmt.Errorf("cannot get %s %q: %w", kind, wanted.GetName(), err)}
	}
	switch {
	case found.GetDeletionTimestamp() != nil || leftover(pr, found):
		return made{waiting: fmt.Sprintf("%s %q of an earlier run of the same name is still being deleted", kind, found.GetName())}
	case !metav1.IsControlledBy(found, pr):
		return made{refused: fmt.Sprintf(
			"%s %q exists and does not belong to this PipelineRun (UID %s); delete it, or run under another name", kind, found.GetName(), pr.UID)}
	}
	return made{}
}

// leftover reports whether an object belongs to a PipelineRun that had the same name and is gone: the garbage collector
// is about to delete it.
func leftover(pr *v1.PipelineRun, found metav1.Object) bool {
	owner := metav1.GetControllerOf(found)
	return owner != nil && owner.Kind == v1.KindPipelineRun && owner.Name == pr.Name && owner.UID != pr.UID
}

// makeClaims makes the claims of the run, or takes them over.
func (r *Reconciler) makeClaims(ctx context.Context, pr *v1.PipelineRun, obs Observation) (Effect, error) {
	for _, claim := range claims(pr) {
		err := r.client.Create(ctx, claim)
		if err == nil {
			continue
		}
		m := notMade(kindClaim, claim.Name, err)
		if apierrors.IsAlreadyExists(err) {
			m = r.adopt(ctx, pr, claim, &corev1.PersistentVolumeClaim{}, kindClaim)
		}
		switch {
		case m.err != nil:
			return Effect{}, m.err
		case m.waiting != "":
			return Effect{Waiting: m.waiting}, nil
		case m.refused != "":
			task := obs.Tasks[obs.Wanted[0].Task].Task.Name
			return Effect{Problem: cannotStart(task, m.refused, v1.PipelineRunReasonClaimCreationFailed, v1.SkipReasonClaimRefused)}, nil
		}
	}
	return Effect{}, nil
}

const kindClaim = "PersistentVolumeClaim"

// width is how many requests one pass has under way at once.
const width = 8

// each calls do for every number below n, some at once, and returns when all have returned. A panic of one is the caller's,
// and keeps none of the others from being called.
func each(n int, do func(i int)) {
	if n == 1 {
		do(0)
		return
	}
	next := make(chan int)
	var all sync.WaitGroup
	var panics reconcile.Propagator
	guarded := func(i int) {
		defer panics.Catch()
		do(i)
	}
	for range min(n, width) {
		all.Go(func() {
			for i := range next {
				guarded(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	panics.Raise()
}
