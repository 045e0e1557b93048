package pipelinerun

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// finder finds a child of the run.
type finder func(ref v1.ChildReference) (Child, error)

// observeTasks reads the children in the status.
func (r *Reconciler) observeTasks(ctx context.Context, pr *v1.PipelineRun, obs *Observation) error {
	var err error
	obs.Tasks, err = recordedTasks(pr, obs.Spec, obs.Vars, r.finder(ctx, pr))
	return err
}

// recordedTasks returns the states of the tasks in the status: their children, or that they are skipped. A task with a matrix
// is recorded after all of its children have been created.
func recordedTasks(pr *v1.PipelineRun, spec *v1.PipelineSpec, vars substitute.Variables, find finder) ([]TaskState, error) {
	references := make(map[string][]v1.ChildReference, len(pr.Status.ChildReferences))
	for _, ref := range pr.Status.ChildReferences {
		references[ref.PipelineTaskName] = append(references[ref.PipelineTaskName], ref)
	}
	skipped := make(map[string]*v1.SkippedTask, len(pr.Status.SkippedTasks))
	for i := range pr.Status.SkippedTasks {
		skipped[pr.Status.SkippedTasks[i].Name] = &pr.Status.SkippedTasks[i]
	}
	tasks := taskStates(spec, vars)
	for i := range tasks {
		s := &tasks[i]
		s.Skipped = skipped[s.Task.Name]
		for _, ref := range references[s.Task.Name] {
			child, err := find(ref)
			if err != nil {
				return nil, err
			}
			s.Children = append(s.Children, child)
		}
		s.update()
	}
	return tasks, nil
}

// taskStates returns the tasks of a pipeline, and then those of finally, in their initial states.
func taskStates(spec *v1.PipelineSpec, vars substitute.Variables) []TaskState {
	tasks := make([]TaskState, 0, len(spec.Tasks)+len(spec.Finally))
	for i := range spec.Tasks {
		tasks = append(tasks, TaskState{Task: &spec.Tasks[i], ContinuesOnError: continuesOnError(&spec.Tasks[i], vars), Phase: Waiting})
	}
	for i := range spec.Finally {
		tasks = append(tasks, TaskState{
			Task:             &spec.Finally[i],
			ContinuesOnError: continuesOnError(&spec.Finally[i], vars),
			Phase:            Waiting,
			Final:            true,
		})
	}
	return tasks
}

// continuesOnError reports whether a failure of the task is ignored.
func continuesOnError(task *v1.PipelineTask, vars substitute.Variables) bool {
	if !variables.HasReference(string(task.OnError)) {
		return task.OnError == v1.OnErrorContinue
	}
	out, err := substitute.PipelineTask(&v1.PipelineTask{OnError: task.OnError}, vars, view{})
	return err == nil && out.OnError == v1.OnErrorContinue
}

// finder returns a finder that reads from the cache. A child that has another owner by now counts as lost.
func (r *Reconciler) finder(ctx context.Context, pr *v1.PipelineRun) finder {
	return func(ref v1.ChildReference) (Child, error) {
		key := types.NamespacedName{Namespace: pr.Namespace, Name: ref.Name}
		found := kindNamed(ref.Kind).New()
		err := r.Client.Get(ctx, key, found.Object(), client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			err = r.readLost(ctx, pr, ref, found, err)
		}
		switch {
		case apierrors.IsNotFound(err), meta.IsNoMatchError(err), err == nil && !metav1.IsControlledBy(found, pr):
			lost := kindNamed(ref.Kind).New()
			lost.SetNamespace(pr.Namespace)
			lost.SetName(ref.Name)
			return Child{Reference: ref, Run: lost, Lost: true}, nil
		case err != nil:
			return Child{}, fmt.Errorf("cannot get %s %q: %w", found.Kind().Name(), ref.Name, err)
		}
		progress := found.Progress()
		child := Child{Reference: ref, Run: found, Unanswered: progress.unanswered(r.Clock.Now())}
		if found.GetDeletionTimestamp() != nil && progress.Asked < EndsAll { // a user has deleted it, and a finalizer keeps it
			child.Lost, child.Unanswered = child.Unanswered, false
		}
		return child, nil
	}
}

// readLost reads a child from the API server that the cache does not have, because it may have been created just now. It does so only
// until the API server does not have it either.
func (r *Reconciler) readLost(ctx context.Context, pr *v1.PipelineRun, ref v1.ChildReference, into Run, missing error) error {
	lost := string(pr.UID) + "/" + childKey(ref.Kind, ref.Name)
	if _, known := r.lost.Get(lost); known {
		return missing
	}
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: pr.Namespace, Name: ref.Name}, into.Object())
	if apierrors.IsNotFound(err) {
		r.lost.Add(lost, nil)
	}
	return err
}

// owned returns references to all children of these kinds that the run owns, by task. It reads from the API server.
func (r *Reconciler) owned(ctx context.Context, pr *v1.PipelineRun, kinds []Kind) (map[string][]v1.ChildReference, error) {
	byTask := map[string][]v1.ChildReference{}
	for _, kind := range kinds {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Name() + "List"))
		err := r.Live.List(ctx, list, client.InNamespace(pr.Namespace), client.MatchingLabels{v1.LabelPipelineRunUID: string(pr.UID)})
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			continue // the cluster does not have this kind
		}
		if err != nil {
			return nil, fmt.Errorf("cannot list the children of PipelineRun %q of kind %s: %w", pr.Name, kind.Name(), err)
		}
		for i := range list.Items {
			if found := &list.Items[i]; metav1.IsControlledBy(found, pr) {
				task := found.Labels[v1.LabelPipelineTask]
				byTask[task] = append(byTask[task], referenceTo(kind, found.Name, &v1.PipelineTask{Name: task}))
			}
		}
	}
	return byTask, nil
}

// orphans returns the children of the run that are not in the status, by task. It reads from the API server, once, before the
// run records tasks as skipped that may have such children: they would continue to run, and the status would not name them.
// As long as tasks may start, the creation of their children finds them.
func (r *Reconciler) orphans(ctx context.Context, pr *v1.PipelineRun, obs Observation) (map[string][]Child, error) {
	byTask, err := r.owned(ctx, pr, kindsIn(obs.Spec))
	if err != nil {
		return nil, err
	}
	return orphansOf(byTask, obs.Tasks, r.finder(ctx, pr))
}

// orphansOf returns the children of tasks that are waiting. ByTask has references to all children of the run.
func orphansOf(byTask map[string][]v1.ChildReference, tasks []TaskState, find finder) (map[string][]Child, error) {
	found := map[string][]Child{}
	for i := range tasks {
		s := &tasks[i]
		if s.Phase != Waiting {
			continue
		}
		// Those of a matrix end with their indices, unless their names were too long.
		references := slices.SortedFunc(slices.Values(byTask[s.Task.Name]), func(a, b v1.ChildReference) int {
			return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
		})
		for _, ref := range references {
			ref.DisplayName = s.Task.DisplayName
			child, err := find(ref)
			if err != nil {
				return nil, err
			}
			found[s.Task.Name] = append(found[s.Task.Name], child)
		}
		slices.SortStableFunc(found[s.Task.Name], func(a, b Child) int { return cmp.Compare(placeOf(a.Run).index, placeOf(b.Run).index) })
	}
	return found, nil
}

// referenceTo returns the status entry for a child.
func referenceTo(kind Kind, name string, task *v1.PipelineTask) v1.ChildReference {
	return v1.ChildReference{
		APIVersion: kind.GroupVersion().String(), Kind: kind.Name(), Name: name,
		PipelineTaskName: task.Name, DisplayName: task.DisplayName,
	}
}
