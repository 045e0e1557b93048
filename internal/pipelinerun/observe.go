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
	"github.com/sluice-ci/sluice/internal/trust"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// Observation is everything that a reconcile has read. Nothing writes to it once observe has returned it.
type Observation struct {
	// Now is the time of the reconcile.
	Now time.Time
	// Config is the configuration in force.
	Config config.Config
	// SpanContext is the trace of the run; nil if it has none.
	SpanContext map[string]string
	// Spec is the spec of the pipeline, resolved and with its defaults, before substitution; nil if Unresolvable. It must not
	// be changed.
	Spec *v1.PipelineSpec
	// Source is where a resolver found the pipeline; nil if it is embedded in the run, or was found by its name.
	Source *v1.RefSource
	// Pipeline is the metadata of the Pipeline; nil if it is embedded in the run, or was found by an earlier reconcile.
	Pipeline *metav1.ObjectMeta
	// Graph is the graph of its tasks; nil if Invalid.
	Graph *dag.Graph
	// CancelledBeforeStart reports that the user has cancelled the run before any part of it started.
	CancelledBeforeStart bool
	// Resolving is what the run waits for, if a resolver has not answered yet.
	Resolving *resolve.PendingError
	// Unresolvable is why the pipeline is unavailable, or not trusted.
	Unresolvable error
	// Trust is whether the definitions that this reconcile has fetched are signed.
	Trust trust.Verdict
	// Invalid is why no task may start.
	Invalid *Problem
	// Bindings are the workspaces of the run, with their variables substituted.
	Bindings []v1.WorkspaceBinding
	// Tasks are the states of the tasks in the order of the pipeline, and then those of finally, as the status records them.
	Tasks []TaskState
	// Timeouts are those of the run and of its parts.
	Timeouts Timeouts
	// Vars are the variables to which its tasks and its results can refer.
	Vars substitute.Variables
}

// observe reads everything that a reconcile of pr needs. For a run that has ended, or that is held, that is nothing.
func (r *Reconciler) observe(ctx context.Context, pr *v1.PipelineRun) (Observation, error) {
	obs := Observation{Now: r.Clock.Now(), Config: r.Config.Load()}
	if pr.Status.Done() || held(pr) {
		return obs, nil
	}
	obs.SpanContext = spanContext(ctx, pr, obs.Config)
	if err := r.observeEarlyCancel(ctx, pr, &obs); err != nil || obs.CancelledBeforeStart {
		return obs, err
	}
	if err := r.observePipeline(ctx, pr, &obs); err != nil || obs.Unresolvable != nil || obs.Resolving != nil || obs.Invalid != nil {
		return obs, err
	}
	return obs, r.observeTasks(ctx, pr, &obs)
}

// observePipeline resolves the pipeline and builds its graph. After a reconcile has found the pipeline valid, it is in the
// status; from that time the run uses that copy, even if the Pipeline changes.
func (r *Reconciler) observePipeline(ctx context.Context, pr *v1.PipelineRun, obs *Observation) error {
	known := pr.Status.PipelineSpec != nil
	if !known {
		var err error
		if obs.Invalid, err = r.nesting(ctx, pr); obs.Invalid != nil || err != nil {
			return err
		}
	}
	obs.Timeouts = timeoutsOf(pr, obs.Config.Defaults)
	run := runOf(pr, obs)
	defer func() { obs.Trust = run.Trust.Verdict() }()
	if err := r.resolvePipeline(ctx, pr, run, obs); err != nil || obs.Unresolvable != nil || obs.Resolving != nil {
		return err
	}
	obs.Vars = runVariables(pr, obs.Spec, obs.Pipeline)
	if !known {
		if obs.Invalid = validate(pr, obs); obs.Invalid != nil {
			return nil
		}
	}
	var err error
	if obs.Bindings, err = bindings(pr, obs.Vars); err != nil {
		obs.Invalid = &Problem{Reason: v1.PipelineRunReasonValidationFailed, Message: err.Error()}
		return nil
	}
	if obs.Graph, err = dag.Build(obs.Spec.Tasks, bindingDependencies(pr, obs.Spec)...); err != nil {
		obs.Invalid = &Problem{Reason: v1.PipelineRunReasonInvalidGraph, Message: err.Error()}
		return nil
	}
	if !known {
		obs.Invalid, err = r.checkTasks(ctx, pr, run.Next(obs.Source), obs)
		if errors.As(err, &obs.Resolving) {
			return nil
		}
		return err
	}
	return nil
}

// bindings returns the workspaces of a run with their variables substituted.
func bindings(pr *v1.PipelineRun, vars substitute.Variables) ([]v1.WorkspaceBinding, error) {
	if final(pr, v1.FinalWorkspaces) {
		return pr.Spec.Workspaces, nil
	}
	return substitute.Bindings(field.NewPath("spec", "workspaces"), pr.Spec.Workspaces, vars)
}

// runOf returns the run for its references.
func runOf(pr *v1.PipelineRun, obs *Observation) resolve.Run {
	return resolve.Run{
		Kind: v1.KindPipelineRun, Object: pr, Start: resolve.StartOf(pr.Status.StartTime),
		Ending: obs.overdue(pr), Trust: &trust.Record{},
	}
}

// overdue reports whether the run has exceeded its timeout.
func (o *Observation) overdue(pr *v1.PipelineRun) bool {
	return pr.Status.StartTime != nil && passed(o.Now, after(pr.Status.StartTime.Time, o.Timeouts.Pipeline))
}

// resolvePipeline finds the pipeline, and sets its defaults.
func (r *Reconciler) resolvePipeline(ctx context.Context, pr *v1.PipelineRun, run resolve.Run, obs *Observation) error {
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
		pipeline, source, err := r.resolver.Pipeline(ctx, run, ref)
		if errors.As(err, &obs.Resolving) {
			return nil
		}
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
	validation.KeepLastPipelineResults(obs.Spec)
	return nil
}

// substituted returns a reference to a pipeline with the variables in its params replaced by the values of the run.
func substituted(pr *v1.PipelineRun, ref *v1.PipelineRef) (*v1.PipelineRef, error) {
	if len(ref.Params) == 0 || final(pr, v1.FinalPipelineParams) {
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

// runVariables returns the variables to which the pipeline's tasks and results can refer.
func runVariables(pr *v1.PipelineRun, spec *v1.PipelineSpec, pipeline *metav1.ObjectMeta) substitute.Variables {
	bound := make([]string, len(pr.Spec.Workspaces))
	for i := range pr.Spec.Workspaces {
		bound[i] = pr.Spec.Workspaces[i].Name
	}
	return substitute.ForPipelineRun(spec, pr.Spec.Params, substitute.PipelineRunContext{
		Name: pr.Name, Namespace: pr.Namespace, UID: string(pr.UID), Pipeline: pipelineName(pr, pipeline), Workspaces: bound,
	})
}

// pipelineName returns the name of the Pipeline that the run refers to. For one from a resolver, it is in pipeline in the
// reconcile that resolves it, and in a label for all later ones. An embedded pipeline has the name of the run.
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

// observeEarlyCancel checks whether the user has cancelled a run before any part of it started. A status without a pipeline is not
// enough: an earlier reconcile may have started something, and ended before it could record that.
func (r *Reconciler) observeEarlyCancel(ctx context.Context, pr *v1.PipelineRun, obs *Observation) error {
	if pr.Spec.Status != v1.PipelineRunSpecStatusCancelled || pr.Status.PipelineSpec != nil {
		return nil
	}
	found, err := r.owned(ctx, pr, kindsIn(pr.Spec.PipelineSpec))
	obs.CancelledBeforeStart = err == nil && len(found) == 0
	return err
}
