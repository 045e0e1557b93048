package pipelinerun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/dag"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// Observation is everything that a reconcile has read. Nothing writes to it once observe has returned it.
type Observation struct {
	// Now is the time of the pass.
	Now time.Time
	// Config in force.
	Config config.Config
	// Spec of the pipeline, resolved and with its defaults, before substitution; nil when Unresolvable. It must not be
	// changed.
	Spec *v1.PipelineSpec
	// Source is where the pipeline was fetched from; nil when it is written out in the run, or found by its name.
	Source *v1.RefSource
	// Pipeline is the metadata of the Pipeline; nil when it is written out in the run, or was found by an earlier pass.
	Pipeline *metav1.ObjectMeta
	// Graph of its tasks; nil when Invalid.
	Graph *dag.Graph
	// CancelledBeforeStart says that the user has cancelled the run before anything of it started.
	CancelledBeforeStart bool
	// Unresolvable is why the pipeline is unavailable.
	Unresolvable error
	// Invalid is why no task may start.
	Invalid *Problem
	// Bindings are the workspaces of the run, with their variables substituted.
	Bindings []v1.WorkspaceBinding
	// Tasks are the states of the tasks in the order of the pipeline, and then those of finally, as the status records them.
	Tasks []TaskState
	// Timeouts of the run and of its parts.
	Timeouts Timeouts
	// Vars are the variables that its tasks and its results can refer to.
	Vars substitute.Variables
}

// observe reads all that a pass over pr needs. For a run that has ended, or that is held, that is nothing.
func (r *Reconciler) observe(ctx context.Context, pr *v1.PipelineRun) (Observation, error) {
	obs := Observation{Now: r.Clock.Now(), Config: r.Config.Load()}
	if pr.Status.Done() || held(pr) {
		return obs, nil
	}
	if err := r.observeEarlyCancel(ctx, pr, &obs); err != nil || obs.CancelledBeforeStart {
		return obs, err
	}
	if err := r.observePipeline(ctx, pr, &obs); err != nil || obs.Unresolvable != nil || obs.Invalid != nil {
		return obs, err
	}
	return obs, r.observeTasks(ctx, pr, &obs)
}

// observePipeline resolves the pipeline and builds its graph. After a reconcile has found the pipeline valid, it is in the
// status; from that time the run uses that copy, even if the Pipeline changes.
func (r *Reconciler) observePipeline(ctx context.Context, pr *v1.PipelineRun, obs *Observation) error {
	known := pr.Status.PipelineSpec != nil
	if err := r.resolvePipeline(ctx, pr, obs); err != nil || obs.Unresolvable != nil {
		return err
	}
	obs.Timeouts = timeoutsOf(pr, obs.Config.Defaults)
	obs.Vars = runVariables(pr, obs.Spec, obs.Pipeline)
	if !known {
		if obs.Invalid = validate(pr, obs); obs.Invalid != nil {
			return nil
		}
	}
	var err error
	if obs.Bindings, err = substitute.Bindings(field.NewPath("spec", "workspaces"), pr.Spec.Workspaces, obs.Vars); err != nil {
		obs.Invalid = &Problem{Reason: v1.PipelineRunReasonValidationFailed, Message: err.Error()}
		return nil
	}
	if obs.Graph, err = dag.Build(obs.Spec.Tasks); err != nil {
		obs.Invalid = &Problem{Reason: v1.PipelineRunReasonInvalidGraph, Message: err.Error()}
		return nil
	}
	if !known {
		obs.Invalid, err = r.checkTasks(ctx, pr, obs)
		return err
	}
	return nil
}

// resolvePipeline finds the pipeline, and fills in what it leaves out.
func (r *Reconciler) resolvePipeline(ctx context.Context, pr *v1.PipelineRun, obs *Observation) error {
	var spec *v1.PipelineSpec
	switch {
	case pr.Status.PipelineSpec != nil:
		obs.Spec = pr.Status.PipelineSpec
		return nil
	case pr.Spec.PipelineSpec != nil:
		spec = pr.Spec.PipelineSpec
	case pr.Spec.PipelineRef != nil:
		ref, err := substituted(pr, pr.Spec.PipelineRef)
		if err != nil {
			obs.Unresolvable = fmt.Errorf("%w: %w", resolve.ErrUnresolvable, err)
			return nil
		}
		pipeline, source, err := r.resolver.Pipeline(ctx, pr.Namespace, ref)
		if errors.Is(err, resolve.ErrUnresolvable) {
			obs.Unresolvable = err
			return nil
		}
		if err != nil {
			return err
		}
		spec, obs.Source, obs.Pipeline = &pipeline.Spec, source, &pipeline.ObjectMeta
	default:
		obs.Unresolvable = fmt.Errorf("%w: give spec.pipelineRef or spec.pipelineSpec", resolve.ErrUnresolvable)
		return nil
	}
	obs.Spec = spec.DeepCopy()
	validation.DefaultPipelineSpec(obs.Spec)
	return nil
}

// substituted returns a reference to a pipeline with the variables in its params substituted. They see what the run gives.
func substituted(pr *v1.PipelineRun, ref *v1.PipelineRef) (*v1.PipelineRef, error) {
	if len(ref.Params) == 0 {
		return ref, nil
	}
	task := &v1.PipelineTask{TaskRef: &v1.TaskRef{ResolverRef: ref.ResolverRef}}
	out, err := substitute.PipelineTask(task, runVariables(pr, &v1.PipelineSpec{}, nil), view{})
	if err != nil {
		return nil, fmt.Errorf("pipelineRef: %w", err)
	}
	with := *ref
	with.ResolverRef = out.TaskRef.ResolverRef
	return &with, nil
}

// runVariables are those that the pipeline's tasks and results can refer to.
func runVariables(pr *v1.PipelineRun, spec *v1.PipelineSpec, pipeline *metav1.ObjectMeta) substitute.Variables {
	bound := make([]string, len(pr.Spec.Workspaces))
	for i := range pr.Spec.Workspaces {
		bound[i] = pr.Spec.Workspaces[i].Name
	}
	return substitute.ForPipelineRun(spec, pr.Spec.Params, substitute.PipelineRunContext{
		Name: pr.Name, Namespace: pr.Namespace, UID: string(pr.UID), Pipeline: pipelineName(pr, pipeline), Workspaces: bound,
	})
}

// pipelineName returns the name of the Pipeline that the run refers to. One that a resolver has found is pipeline in the pass that
// finds it, and has left its name in a label for all others. A pipeline that is written out in a run has the run's name.
func pipelineName(pr *v1.PipelineRun, pipeline *metav1.ObjectMeta) string {
	switch ref := pr.Spec.PipelineRef; {
	case ref == nil:
		return pr.Name
	case ref.Name != "":
		return ref.Name
	case pipeline != nil && pipeline.Name != "":
		return pipeline.Name
	default:
		return cmp.Or(pr.Labels[v1.LabelPipeline], pr.Name)
	}
}

// held reports whether the user holds back a run that has not started.
func held(pr *v1.PipelineRun) bool {
	return pr.Spec.Status == v1.PipelineRunSpecStatusPending && pr.Status.StartTime == nil
}

// observeEarlyCancel finds out whether the user has cancelled a run before anything of it started. That the status knows of
// nothing is not enough: an earlier pass may have started something, and not lived to record it.
func (r *Reconciler) observeEarlyCancel(ctx context.Context, pr *v1.PipelineRun, obs *Observation) error {
	if pr.Spec.Status != v1.PipelineRunSpecStatusCancelled || pr.Status.StartTime != nil {
		return nil
	}
	found, err := r.taskRuns(ctx, pr)
	obs.CancelledBeforeStart = err == nil && len(found) == 0
	return err
}
