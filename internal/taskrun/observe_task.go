package taskrun

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/trust"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// Task is the task of a run.
type Task struct {
	// Name is the name of the Task that the run refers to; empty for an embedded task.
	Name string
	// Spec is the spec of the task, with its defaults and its StepActions, before substitution.
	Spec *v1.TaskSpec
	// Source is where a resolver found the Task; nil for all others, and after a status has been written.
	Source *v1.RefSource
	// StepSources are where resolvers found the StepActions of steps, by the containers of the steps; nil after a status has
	// been written, which contains them.
	StepSources map[string]*v1.RefSource
	// Labels and Annotations of the Task, which the run and its pod get too; nil after a status has been written.
	Labels, Annotations map[string]string
}

// observeTask resolves the task and chooses how its results are transported, unless an earlier reconcile has recorded that in
// the status.
func (r *Reconciler) observeTask(ctx context.Context, tr *v1.TaskRun, obs *Observation) error {
	run := resolve.Run{
		Kind: v1.KindTaskRun, Object: tr, Start: resolve.StartOf(tr.Status.StartTime), Ending: obs.stopped(tr) != "",
		Trust: &trust.Record{},
	}
	task, err := r.task(ctx, tr, run)
	if err == nil && tr.Status.TaskSpec == nil {
		task.StepSources, err = r.resolveActions(ctx, tr, run.Next(task.Source), task.Spec)
	}
	if !errors.As(err, &obs.Resolving) {
		obs.Trust = run.Trust.Verdict()
	}
	var invalid *invalidError
	switch {
	case obs.Resolving != nil:
		return nil
	case errors.Is(err, resolve.ErrUnresolvable):
		obs.Unresolvable = err
		return nil
	case errors.As(err, &invalid):
		obs.Invalid = err
	case err != nil:
		return err
	}
	obs.Task = task
	obs.Recordable = tr.Status.TaskSpec != nil || fits(tr, task.Spec)
	if obs.ResultsFrom = chosen(tr); obs.ResultsFrom == "" && obs.Invalid == nil {
		obs.ResultsFrom, obs.Invalid = r.Transports.Choose(tr.Annotations, task.Annotations, obs.Flags)
	}
	return nil
}

// task returns the task of a run: the one in the status, the embedded one, or the one that it refers to.
func (r *Reconciler) task(ctx context.Context, tr *v1.TaskRun, run resolve.Run) (Task, error) {
	task := Task{Name: taskName(tr)}
	switch {
	case tr.Status.TaskSpec != nil:
		task.Spec = tr.Status.TaskSpec.DeepCopy()
	case tr.Spec.TaskSpec != nil:
		task.Spec = tr.Spec.TaskSpec.DeepCopy()
		withPropagated(task.Spec, tr.Spec.Workspaces)
	case tr.Spec.TaskRef != nil:
		ref := *tr.Spec.TaskRef
		var err error
		if !final(tr, v1.FinalResolverParams) {
			ref.Params, err = forResolver(tr, &v1.TaskSpec{}, ref.Params, field.NewPath("spec", "taskRef", "params"))
		}
		if err != nil {
			return task, err
		}
		found, source, err := r.resolver.LocateTask(ctx, run, &ref)
		if err != nil {
			return task, err
		}
		task.Name, task.Source = found.Name, source
		task.Spec, task.Labels, task.Annotations = found.Spec.DeepCopy(), found.Labels, found.Annotations
	default:
		return task, fmt.Errorf("%w: give spec.taskRef or spec.taskSpec", resolve.ErrUnresolvable)
	}
	validation.DefaultTaskSpec(task.Spec)
	validation.KeepLastResults(task.Spec)
	return task, nil
}

// taskName returns the name of the Task that the run refers to. For a Task from a resolver the name is in a label.
func taskName(tr *v1.TaskRun) string {
	switch ref := tr.Spec.TaskRef; {
	case ref == nil:
		return ""
	case ref.Name != "":
		return ref.Name
	default:
		return tr.Labels[v1.LabelTask]
	}
}

// invalidError is an error in a StepAction, or in the params that a step gives to it.
type invalidError struct{ err error }

func (e *invalidError) Error() string { return e.err.Error() }

func (e *invalidError) Unwrap() error { return e.err }

// resolveActions replaces steps that refer to StepActions by plain steps. It returns where resolvers found the StepActions,
// by the containers of the steps.
func (r *Reconciler) resolveActions(
	ctx context.Context, tr *v1.TaskRun, run resolve.Run, spec *v1.TaskSpec,
) (map[string]*v1.RefSource, error) {
	var actions substitute.Actions
	var waits resolve.Waits
	sources, containers := map[string]*v1.RefSource{}, podpaths.StepContainers(spec)
	for i := range spec.Steps {
		step, path := &spec.Steps[i], field.NewPath("steps").Index(i)
		if step.Ref == nil {
			continue
		}
		ref := *step.Ref
		var err error
		if ref.Params, err = forResolver(tr, spec, ref.Params, path.Child("ref", "params")); err != nil {
			return nil, err
		}
		action, source, err := r.resolver.StepAction(ctx, run, &ref)
		if waits.Add(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s.ref: %w", path, err)
		}
		plain, err := actions.Step(path, step, &action.Spec)
		if err != nil {
			return nil, &invalidError{fmt.Errorf("cannot use StepAction %q: %w", action.Name, err)}
		}
		spec.Steps[i] = *plain
		if source != nil {
			sources[containers[i]] = source
		}
	}
	if err := waits.Err(); err != nil {
		return nil, err
	}
	validation.DefaultTaskSpec(spec)
	validation.KeepLastResults(spec)
	return sources, nil
}

// forResolver returns the params of a reference to its resolver, with the values of the run substituted.
func forResolver(tr *v1.TaskRun, spec *v1.TaskSpec, params []v1.Param, path *field.Path) ([]v1.Param, error) {
	if len(params) == 0 {
		return nil, nil
	}
	left, err := unread(tr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", resolve.ErrUnresolvable, err)
	}
	vars := substitute.ForTaskRun(spec, tr.Spec.Params, substitute.TaskRunContext{
		Name: tr.Name, Namespace: tr.Namespace, UID: string(tr.UID), Task: taskName(tr), Unread: left, Handed: finalParts(tr) != nil,
	})
	out, err := substitute.Params(path, params, vars)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", resolve.ErrUnresolvable, err)
	}
	return out, nil
}

// chosen returns how the results of a run are transported, as recorded in the status; empty before the first record.
func chosen(tr *v1.TaskRun) config.ResultsFrom {
	return config.ResultsFrom(flagsOf(tr).ResultExtractionMethod)
}

// flagsFor returns the flags for a run, where these are in force. All attempts of a run have the same limit of a result, and
// sign or do not sign their results in the same way.
func flagsFor(tr *v1.TaskRun, flags config.Flags) config.Flags {
	if known := flagsOf(tr); known.MaxResultSize > 0 {
		flags.MaxResultSize = known.MaxResultSize
	}
	noteSigning(tr, &flags)
	return flags
}

// flagsOf returns the flags that the status records; zero before the first record.
func flagsOf(tr *v1.TaskRun) v1.FeatureFlags {
	p := tr.Status.Provenance
	if p == nil || p.FeatureFlags == nil {
		return v1.FeatureFlags{}
	}
	flags := *p.FeatureFlags
	flags.SignedResultsPolicy = cmp.Or(flags.SignedResultsPolicy, tr.Status.Annotations[v1.AnnotationSigningPolicy])
	flags.SignedResultsIdentity = cmp.Or(flags.SignedResultsIdentity, tr.Status.Annotations[v1.AnnotationSigningIdentity])
	return flags
}
