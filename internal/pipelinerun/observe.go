package pipelinerun

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/dag"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/substitute"
)

// Observation is everything that a pass has read, and what follows from it for the tasks that can start. Nothing writes
// to it once observe has returned it.
type Observation struct {
	// Now is the time of the pass.
	Now time.Time
	// Spec of the pipeline, resolved and with its defaults, before substitution; nil when Unresolvable.
	Spec *v1.PipelineSpec
	// Graph of its tasks; nil when Invalid.
	Graph *dag.Graph
	// Unresolvable is why the pipeline cannot be had.
	Unresolvable error
	// Invalid is why no task may start.
	Invalid *Problem
	// Children are the TaskRuns of the run, by the name of the task.
	Children map[string]Child
	// Results of tasks that have succeeded, as far as this pass needs them: by task, then by name.
	Results map[string]map[string]v1.Value
	// Wanted are the TaskRuns of the tasks that can start now.
	Wanted []*v1.TaskRun
	// Problem is why a task that could start now cannot; then nothing is Wanted.
	Problem *Problem
}

// Child is a TaskRun of the run.
type Child struct {
	// TaskRun as the cache has it, without its results. Of one that is Lost it has the name only.
	TaskRun *v1.TaskRun
	// Lost says that it was made and is gone.
	Lost bool
}

func (c Child) succeeded() bool {
	condition := c.TaskRun.Status.Condition()
	return condition != nil && condition.Status == metav1.ConditionTrue
}

// Problem is why a run, or one of its tasks, cannot go on.
type Problem struct {
	// Reason is that of the condition.
	Reason string
	// Message names what is wrong, and where.
	Message string
	// Task that cannot be started; empty when the problem is the run's.
	Task string
	// SkipReason is why that task is skipped.
	SkipReason string
}

// observe reads all that a pass over pr needs. For a run that has ended that is nothing.
func (r *Reconciler) observe(ctx context.Context, pr *v1.PipelineRun) (Observation, error) {
	obs := Observation{Now: r.clock.Now()}
	if pr.Status.Done() {
		return obs, nil
	}
	if err := r.observePipeline(ctx, pr, &obs); err != nil || obs.Unresolvable != nil || obs.Invalid != nil {
		return obs, err
	}
	if err := r.observeChildren(ctx, pr, &obs); err != nil {
		return obs, err
	}
	obs.Results = map[string]map[string]v1.Value{}
	if ready := obs.ready(); len(ready) > 0 {
		if err := r.observeResults(ctx, pr, &obs, paramsOf(obs.Spec, ready)); err != nil {
			return obs, err
		}
		obs.Wanted, obs.Problem = plan(pr, obs, obs.ready())
	}
	if len(obs.Wanted) > 0 || obs.has(dag.Started) {
		return obs, nil
	}
	return obs, r.observeResults(ctx, pr, &obs, resultsOf(obs.Spec))
}

// paramsOf returns the values that are given to some tasks.
func paramsOf(spec *v1.PipelineSpec, tasks sets.Set[string]) []v1.Value {
	var values []v1.Value
	for i := range spec.Tasks {
		if !tasks.Has(spec.Tasks[i].Name) {
			continue
		}
		for j := range spec.Tasks[i].Params {
			values = append(values, spec.Tasks[i].Params[j].Value)
		}
	}
	return values
}

// resultsOf returns the values that the results of the pipeline are made of.
func resultsOf(spec *v1.PipelineSpec) []v1.Value {
	values := make([]v1.Value, len(spec.Results))
	for i := range spec.Results {
		values[i] = spec.Results[i].Value
	}
	return values
}

// observePipeline resolves the pipeline and makes its graph. An earlier pass that found it valid has noted it in the
// status; from then on the run keeps to that, whatever becomes of the Pipeline.
func (r *Reconciler) observePipeline(ctx context.Context, pr *v1.PipelineRun, obs *Observation) error {
	known := pr.Status.PipelineSpec
	spec := known
	switch {
	case known != nil:
	case pr.Spec.PipelineSpec != nil:
		spec = pr.Spec.PipelineSpec
	case pr.Spec.PipelineRef != nil:
		pipeline, _, err := r.resolver.Pipeline(ctx, pr.Namespace, pr.Spec.PipelineRef)
		if errors.Is(err, resolve.ErrUnresolvable) {
			obs.Unresolvable = err
			return nil
		}
		if err != nil {
			return err
		}
		spec = &pipeline.Spec
	default:
		obs.Unresolvable = fmt.Errorf("%w: give spec.pipelineRef or spec.pipelineSpec", resolve.ErrUnresolvable)
		return nil
	}
	obs.Spec = spec.DeepCopy()
	obs.Spec.SetDefaults()
	if known == nil {
		if obs.Invalid = validate(pr, obs.Spec); obs.Invalid != nil {
			return nil
		}
	}
	graph, err := dag.Build(obs.Spec.Tasks)
	if err != nil {
		obs.Invalid = &Problem{Reason: v1.PipelineRunReasonInvalidGraph, Message: err.Error()}
		return nil
	}
	obs.Graph = graph
	if known == nil {
		obs.Invalid, err = r.checkTasks(ctx, pr, obs.Spec)
	}
	return err
}

// observeChildren finds the run's TaskRuns by their names, which follow from those of the run and of the task. One that
// belongs to somebody else is as good as none; making ours then fails, and says so.
func (r *Reconciler) observeChildren(ctx context.Context, pr *v1.PipelineRun, obs *Observation) error {
	obs.Children = make(map[string]Child, len(obs.Spec.Tasks))
	recorded := make(map[string]bool, len(pr.Status.ChildReferences))
	for i := range pr.Status.ChildReferences {
		recorded[pr.Status.ChildReferences[i].PipelineTaskName] = true
	}
	for i := range obs.Spec.Tasks {
		task := obs.Spec.Tasks[i].Name
		child, found, err := r.child(ctx, pr, childName(pr, task), recorded[task])
		if err != nil {
			return err
		}
		if found {
			obs.Children[task] = child
		}
	}
	return nil
}

func (r *Reconciler) child(ctx context.Context, pr *v1.PipelineRun, name string, recorded bool) (Child, bool, error) {
	key := types.NamespacedName{Namespace: pr.Namespace, Name: name}
	found := &v1.TaskRun{}
	err := r.client.Get(ctx, key, found)
	if apierrors.IsNotFound(err) && recorded {
		// It may have been made a moment ago. Before it is called lost, the API server itself is asked.
		err = r.live.Get(ctx, key, found)
	}
	lost := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: pr.Namespace, Name: name}}
	switch {
	case apierrors.IsNotFound(err):
		return Child{TaskRun: lost, Lost: true}, recorded, nil
	case err != nil:
		return Child{}, false, fmt.Errorf("cannot get TaskRun %q: %w", name, err)
	case !metav1.IsControlledBy(found, pr):
		return Child{TaskRun: lost, Lost: true}, recorded, nil
	}
	return Child{TaskRun: found}, true, nil
}

// observeResults reads the results that values refer to, of tasks that have succeeded. They come from the API server: the
// cache has dropped them, since most are never used again.
func (r *Reconciler) observeResults(ctx context.Context, pr *v1.PipelineRun, obs *Observation, values []v1.Value) error {
	for _, value := range values {
		for _, ref := range value.ResultRefs() {
			if _, known := obs.Results[ref.Task]; known || obs.nodeState(ref.Task) != dag.Succeeded {
				continue
			}
			if err := r.observeResultsOf(ctx, pr, obs, ref.Task); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Reconciler) observeResultsOf(ctx context.Context, pr *v1.PipelineRun, obs *Observation, task string) error {
	child := obs.Children[task].TaskRun
	whole := &v1.TaskRun{}
	err := r.live.Get(ctx, types.NamespacedName{Namespace: pr.Namespace, Name: child.Name}, whole)
	if apierrors.IsNotFound(err) || err == nil && whole.UID != child.UID {
		// Deleted a moment ago, and its results with it: a run that needs them must not go on as if there were none.
		obs.Children[task] = Child{TaskRun: child, Lost: true}
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot get results of TaskRun %q: %w", child.Name, err)
	}
	results := make(map[string]v1.Value, len(whole.Status.Results))
	for _, result := range whole.Status.Results {
		results[result.Name] = result.Value
	}
	obs.Results[task] = results
	return nil
}

// Combinations is for substitute.Tasks; no task has a matrix.
func (o Observation) Combinations(string) (int, bool) { return 0, false }

// Result is for substitute.Tasks.
func (o Observation) Result(task, result string) (v1.Value, bool) {
	value, ok := o.Results[task][result]
	return value, ok
}

// variables are those that the pipeline's tasks and results can refer to.
func variables(pr *v1.PipelineRun, spec *v1.PipelineSpec) substitute.Variables {
	bound := make([]string, len(pr.Spec.Workspaces))
	for i := range pr.Spec.Workspaces {
		bound[i] = pr.Spec.Workspaces[i].Name
	}
	return substitute.ForPipelineRun(spec, pr.Spec.Params, substitute.PipelineRunContext{
		Name: pr.Name, Namespace: pr.Namespace, UID: string(pr.UID), Pipeline: pipelineName(pr), Workspaces: bound,
	})
}

// pipelineName is the name of the Pipeline that the run refers to; one that is written out in a run has the run's.
func pipelineName(pr *v1.PipelineRun) string {
	if pr.Spec.PipelineRef != nil {
		return pr.Spec.PipelineRef.Name
	}
	return pr.Name
}
