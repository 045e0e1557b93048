package taskrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/extract"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/substitute"
)

// Observation is everything that a pass has read. Nothing writes to it once observe has returned it.
type Observation struct {
	// Now is the time of the pass.
	Now time.Time
	// Config in force.
	Config config.Config
	// Spec of the task, resolved and with its defaults, before substitution; nil when Unresolvable.
	Spec *v1.TaskSpec
	// Substituted is the spec that the pod is made from; nil once there is a pod, or when Invalid.
	Substituted *v1.TaskSpec
	// Recordable says that the object has room for a copy of Spec in its status.
	Recordable bool
	// Unresolvable is why the task cannot be had.
	Unresolvable error
	// Invalid is which rule of the API the run or its task breaks.
	Invalid error
	// ResultsFrom is how the run's results come back, if it has any.
	ResultsFrom config.ResultsFrom
	// Refusal is why results could not come back from a pod that was made now; nil when they could.
	Refusal *extract.RefusalError
	// Pod of the run; nil while there is none, and when it is gone.
	Pod *corev1.Pod
	// Evidence is what is known of how the steps ended.
	Evidence collect.Progress
}

// observe reads all that a pass over tr needs. For a run that has ended that is nothing.
func (r *Reconciler) observe(ctx context.Context, tr *v1.TaskRun) (Observation, error) {
	obs := Observation{Now: r.clock.Now(), Config: r.config.Load()}
	if known := flagsOf(tr); known.MaxResultSize > 0 {
		obs.Config.Flags.MaxResultSize = known.MaxResultSize // all attempts of a run go by the same limit
	}
	if tr.Status.Done() {
		return obs, nil
	}
	if err := r.observeTask(ctx, tr, &obs); err != nil {
		return obs, err
	}
	if obs.Unresolvable != nil {
		return obs, nil
	}
	if err := r.observePod(ctx, tr, &obs); err != nil {
		return obs, err
	}
	if obs.Pod != nil || tr.Status.PodName != "" {
		obs.Evidence = r.methods.Gather(extract.Run{Name: keyOf(tr), UID: attemptKey(tr), Pod: obs.Pod, Spec: obs.Spec}, chosen(tr))
		return obs, nil
	}
	if obs.stopped(tr) != "" {
		return obs, nil
	}
	if obs.Invalid == nil {
		obs.Substituted, obs.Invalid = prepare(tr, obs.Spec)
	}
	if obs.Invalid != nil {
		return obs, nil
	}
	var err error
	obs.Refusal, err = r.methods.Permit(ctx, extract.Needed(obs.ResultsFrom, obs.Spec), tr.Namespace)
	return obs, err
}

// observeTask resolves the task and chooses how its results come back, unless an earlier pass has, and noted it in the
// status.
func (r *Reconciler) observeTask(ctx context.Context, tr *v1.TaskRun, obs *Observation) error {
	task := &v1.Task{}
	switch {
	case tr.Status.TaskSpec != nil:
		task.Spec = *tr.Status.TaskSpec
	case tr.Spec.TaskSpec != nil:
		task.Spec = *tr.Spec.TaskSpec
	case tr.Spec.TaskRef != nil:
		var err error
		task, err = r.resolver.Task(ctx, tr.Namespace, tr.Spec.TaskRef)
		if errors.Is(err, resolve.ErrUnresolvable) {
			obs.Unresolvable = err
			return nil
		}
		if err != nil {
			return err
		}
	default:
		obs.Unresolvable = fmt.Errorf("%w: give spec.taskRef or spec.taskSpec", resolve.ErrUnresolvable)
		return nil
	}
	obs.Spec = task.Spec.DeepCopy()
	obs.Spec.SetDefaults()
	obs.Recordable = tr.Status.TaskSpec != nil || fits(*tr, obs.Spec)
	if obs.ResultsFrom = chosen(tr); obs.ResultsFrom == "" {
		obs.ResultsFrom, obs.Invalid = r.methods.Choose(tr.Annotations, task.Annotations, obs.Config.Flags)
	}
	return nil
}

// chosen is how the results of a run come back by what an earlier pass has noted; empty before the first.
func chosen(tr *v1.TaskRun) config.ResultsFrom {
	return config.ResultsFrom(flagsOf(tr).ResultExtractionMethod)
}

// flagsOf are the flags that an earlier pass has noted; zero before the first.
func flagsOf(tr *v1.TaskRun) v1.FeatureFlags {
	if p := tr.Status.Provenance; p != nil && p.FeatureFlags != nil {
		return *p.FeatureFlags
	}
	return v1.FeatureFlags{}
}

// observePod finds the pod of the run's current attempt. One of the right name that belongs to somebody else is as good as
// none; making ours then fails, and says so.
func (r *Reconciler) observePod(ctx context.Context, tr *v1.TaskRun, obs *Observation) error {
	key := types.NamespacedName{Namespace: tr.Namespace, Name: pod.Name(tr.Name, attempt(tr))}
	found := &corev1.Pod{}
	err := r.client.Get(ctx, key, found)
	if apierrors.IsNotFound(err) && (tr.Status.PodName != "" || obs.stopped(tr) != "") {
		// It may have been made a moment ago. Before it is called lost, or a stopped run called one without a pod, the
		// API server itself is asked.
		err = r.live.Get(ctx, key, found)
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("cannot get pod %q: %w", key.Name, err)
	}
	if metav1.IsControlledBy(found, tr) {
		obs.Pod = found
	}
	return nil
}

// prepare validates the run together with its task, and substitutes what the run gives.
func prepare(tr *v1.TaskRun, spec *v1.TaskSpec) (*v1.TaskSpec, error) {
	if tr.Spec.TaskRef != nil && !fits(*tr, spec) {
		return nil, tooLargeToRecord(*tr, spec)
	}
	faults := tr.Validate()
	if tr.Spec.TaskSpec == nil {
		// A task that is written out in the run has been validated with it, and sees params that only the run has.
		faults = append(faults, spec.Validate(field.NewPath("task", "spec"))...)
	}
	faults = append(faults, v1.ValidateParams(spec.Params, tr.Spec.Params, field.NewPath("spec", "params"))...)
	faults = append(faults, v1.ValidateWorkspaces(spec.Workspaces, tr.Spec.Workspaces, field.NewPath("spec", "workspaces"))...)
	if err := faults.ToAggregate(); err != nil {
		return nil, err
	}
	return substitute.TaskSpec(spec, substitute.ForTaskRun(spec, tr.Spec.Params, substitute.TaskRunContext{
		Name: tr.Name, Namespace: tr.Namespace, UID: string(tr.UID), Task: taskName(tr), Retry: attempt(tr), Workspaces: workspaces(tr, spec),
	}))
}

// workspaces are those of the task that the run binds, with the volumes that the pod will have for them.
func workspaces(tr *v1.TaskRun, spec *v1.TaskSpec) map[string]substitute.Workspace {
	bound := make(map[string]substitute.Workspace, len(tr.Spec.Workspaces))
	for _, declared := range spec.Workspaces {
		if slices.ContainsFunc(tr.Spec.Workspaces, func(b v1.WorkspaceBinding) bool { return b.Name == declared.Name }) {
			bound[declared.Name] = substitute.Workspace{Volume: declared.VolumeName()}
		}
	}
	return bound
}

// taskName is the name of the Task that the run refers to; an embedded task has none.
func taskName(tr *v1.TaskRun) string {
	if tr.Spec.TaskRef != nil {
		return tr.Spec.TaskRef.Name
	}
	return ""
}
