package pipelinerun

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// startTasks creates the children of the tasks that can start. Before the first ones, it creates the claims of the run's
// workspaces. A task whose children were all created is in the effect, whatever the outcome of the others.
func (r *Reconciler) startTasks(ctx context.Context, pr *v1.PipelineRun, plan Plan) (Effect, error) {
	if len(pr.Status.ChildReferences) == 0 {
		if effect, err := r.createClaims(ctx, pr, plan); err != nil || effect.Waiting != "" || effect.Problem != nil {
			return effect, err
		}
	}
	var planned []Run
	for i := range plan.Wanted {
		planned = append(planned, plan.Wanted[i].Runs...)
	}
	all := make([]createResult, len(planned))
	full := &quotaAnswers{}
	reconcile.Each(len(planned), func(i int) { all[i] = r.createChild(ctx, pr, planned[i], full) })
	effect, err := effectOf(plan, all)
	if err != nil {
		return effect, err
	}
	return effect, r.cancelChildren(ctx, effect.Abandoned)
}

// effectOf summarizes the outcomes of the children that a plan starts, in their order.
func effectOf(plan Plan, all []createResult) (Effect, error) {
	effect := Effect{Started: map[int][]Child{}}
	for i := range plan.Wanted {
		w := &plan.Wanted[i]
		task := plan.Tasks[w.Task].Task.Name
		if err := effect.add(task, w, all[:len(w.Runs)]); err != nil {
			return effect, err
		}
		all = all[len(w.Runs):]
	}
	return effect, nil
}

// createResult is the outcome of the creation of one child.
type createResult struct {
	run Run
	// waiting is what must happen first, and refused is why it can never be created.
	waiting, refused string
	err              error
}

// add records the outcomes of the children of one task.
func (e *Effect) add(task string, w *Wanted, all []createResult) error {
	children := make([]Child, 0, len(all))
	var refused, waiting string
	for i, created := range all {
		switch {
		case created.err != nil:
			return created.err
		case created.refused != "":
			refused = cmp.Or(refused, created.refused)
		case created.waiting != "":
			waiting = created.waiting
		default:
			children = append(children, Child{Reference: w.References[i], Run: created.run})
		}
	}
	switch {
	case refused != "" && e.Problem == nil:
		e.Problem = cannotStart(task, refused, v1.PipelineRunReasonCreateRunFailed, v1.SkipReasonRefused)
		for i := range children {
			if children[i].stoppable(givenUp()) {
				e.Abandoned = append(e.Abandoned, cancellation{children[i].Run, givenUp()})
			}
		}
	case refused != "": // the next reconcile skips the task, and finds those of its children that exist
	case waiting != "":
		e.Waiting = waiting
	default:
		e.Started[w.Task] = children
	}
	return nil
}

// quotaAnswers are the first answers in a pass that a quota is full, by kind. The pass then sends no further request for the same answer.
// A quota counts the objects of one kind.
type quotaAnswers struct{ texts sync.Map }

// of returns the answer about a kind; "" if there is none.
func (q *quotaAnswers) of(kind Kind) string {
	text, _ := q.texts.Load(kind.Name())
	answer, _ := text.(string)
	return answer
}

func (q *quotaAnswers) note(kind Kind, answer string) { q.texts.LoadOrStore(kind.Name(), answer) }

// createChild creates one child, or adopts it. The planned child shares memory with the cache, and the API server's response
// is written into the created one. After a quota was full, it only adopts what the cache has.
func (r *Reconciler) createChild(ctx context.Context, pr *v1.PipelineRun, planned Run, full *quotaAnswers) createResult {
	if existing := r.cachedChild(ctx, pr, planned); existing != nil {
		return createResult{run: existing, refused: otherTask(planned, existing)}
	}
	if answer := full.of(planned.Kind()); answer != "" {
		return createResult{waiting: answer}
	}
	wanted, found := planned.Copy(), planned.Kind().New()
	kind := reconcile.ChildKind[client.Object]{Noun: planned.Kind().Name(), New: found.Object}
	creation, waiting, err := create(ctx, r, pr, kind, wanted.Object())
	if creation.Quota {
		full.note(planned.Kind(), waiting)
	}
	result := createResult{run: wanted, waiting: waiting, refused: creation.Refused, err: err}
	if creation.Adopted {
		result.run, result.refused = found, otherTask(planned, found)
	}
	return result
}

// cachedChild returns the child of a run that the cache has under the name of a planned one; nil if it has none. An earlier pass has
// created it and could not record it. So passes that wait, for example for a quota, send no request for it.
func (r *Reconciler) cachedChild(ctx context.Context, pr *v1.PipelineRun, planned Run) Run {
	found := planned.Kind().New()
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(planned.Object()), found.Object(), client.UnsafeDisableDeepCopy)
	if err != nil || !metav1.IsControlledBy(found, pr) || found.GetDeletionTimestamp() != nil {
		return nil // its creation decides
	}
	return found
}

// create creates an object that the run owns, or adopts it. It returns what the run must wait for before that, if anything.
func create[T client.Object](
	ctx context.Context, r *Reconciler, pr *v1.PipelineRun, kind reconcile.ChildKind[T], wanted T,
) (creation reconcile.Creation[T], waiting string, err error) {
	owner := reconcile.Owner{Client: r.Client, Live: r.Live, Kind: v1.KindPipelineRun, Run: pr}
	creation, err = reconcile.Create(ctx, owner, kind, wanted)
	if creation.Waiting != "" {
		waiting = fmt.Sprintf("%s %q cannot be made yet: %s", kind.Noun, wanted.GetName(), creation.Waiting)
	}
	return creation, waiting, err
}

// otherTask returns a message if a child of this run with the planned name belongs to another task, and "" otherwise. A
// combination of task a and the task a-0 can have the same name, and neither may replace the other.
func otherTask(planned, found Run) string {
	task, other := planned.GetLabels()[v1.LabelPipelineTask], found.GetLabels()[v1.LabelPipelineTask]
	if task == other {
		return ""
	}
	return fmt.Sprintf("%s %q is the one of task %q, and that of task %q would have the same name; rename one of the two tasks",
		found.Kind().Name(), found.GetName(), other, task)
}

// createClaims creates the claims of the run, or adopts them.
func (r *Reconciler) createClaims(ctx context.Context, pr *v1.PipelineRun, plan Plan) (Effect, error) {
	for _, claim := range claims(pr) {
		creation, waiting, err := create(ctx, r, pr, reconcile.ClaimKind(), claim)
		switch {
		case err != nil:
			return Effect{}, err
		case waiting != "":
			return Effect{Waiting: waiting}, nil
		case creation.Refused != "":
			task := plan.Tasks[plan.Wanted[0].Task].Task.Name
			return Effect{Problem: cannotStart(task, creation.Refused, v1.PipelineRunReasonClaimCreationFailed, v1.SkipReasonClaimRefused)}, nil
		}
	}
	return Effect{}, nil
}
