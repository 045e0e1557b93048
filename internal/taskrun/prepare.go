package taskrun

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/substitute"
	"github.com/sluice-ci/sluice/internal/when"
)

// Prepared is what a pod is made from.
type Prepared struct {
	// Run is the TaskRun, with the volumes of its workspaces and its pod template as they are to be.
	Run *v1.TaskRun
	// Claims are what has to be there before the pod.
	Claims []*corev1.PersistentVolumeClaim
	// Task with everything substituted.
	Task substitute.Task
}

// prepare validates the run together with its task, and substitutes what the run gives. The error says which rule of the
// API the run or its task breaks.
func prepare(tr *v1.TaskRun, task Task, defaults config.Defaults, judge *when.Judge) (*Prepared, error) {
	if err := checkRoom(tr, task.Spec); err != nil {
		return nil, err
	}
	bound := withDefault(tr.Spec.Workspaces, task.Spec.Workspaces, defaults.WorkspaceBinding)
	if err := validate(tr, task.Spec, bound); err != nil {
		return nil, err
	}
	path := field.NewPath("spec")
	context := substitute.TaskRunContext{
		Name: tr.Name, Namespace: tr.Namespace, UID: string(tr.UID), Task: task.Name, Retry: attempt(tr),
	}
	vars := substitute.ForTaskRun(task.Spec, tr.Spec.Params, context)
	bound, err := substitute.Bindings(path.Child("workspaces"), bound, vars)
	if err != nil {
		return nil, err
	}
	p := &Prepared{Run: tr.DeepCopy(), Claims: claims(tr, bound)}
	p.Run.Labels, p.Run.Annotations = labels(tr, task), annotations(tr, task)
	p.Run.Spec.Workspaces = mounted(tr, bound)
	if tr.Spec.PodTemplate != nil {
		if p.Run.Spec.PodTemplate, err = substitute.PodTemplate(path.Child("podTemplate"), tr.Spec.PodTemplate, vars); err != nil {
			return nil, err
		}
	}
	context.Workspaces = volumes(task.Spec.Workspaces, p.Run.Spec.Workspaces)
	vars = substitute.ForTaskRun(task.Spec, tr.Spec.Params, context)
	p.Task, err = substitute.TaskSpec(pod.Merged(task.Spec), vars, mark(), brought(p.Run.Spec.PodTemplate, defaults.PodTemplate)...)
	if err != nil {
		return nil, err
	}
	return p, judged(p.Task.Spec, judge)
}

// judged puts the verdict in the place of expressions in CEL: nothing in the pod knows that language.
func judged(spec *v1.TaskSpec, judge *when.Judge) error {
	for i := range spec.Steps {
		for n := range spec.Steps[i].When {
			e := &spec.Steps[i].When[n]
			if e.CEL == "" {
				continue
			}
			holds, err := judge.Holds([]v1.WhenExpression{*e})
			if problem, ok := errors.AsType[*when.ExpressionError](err); ok {
				return fmt.Errorf("steps[%d].when[%d].cel: %s", i, n, problem.Problem)
			}
			if err != nil {
				return err
			}
			*e = v1.WhenExpression{Input: strconv.FormatBool(holds), Operator: v1.WhenIn, Values: []string{"true"}}
		}
	}
	return nil
}

// mark begins the tokens that stand for results of steps. It is made anew for each pod, after everything that is put in is
// known, so that nothing of it can look like one.
func mark() string { return "ref-" + strings.ToLower(rand.Text()) }

// validate checks everything that does not depend on values of variables. A task that is written out in the run sees
// params and workspaces that only the run has.
func validate(tr *v1.TaskRun, spec *v1.TaskSpec, bound []v1.WorkspaceBinding) error {
	run := *tr
	var faults field.ErrorList
	if tr.Spec.TaskSpec != nil {
		run.Spec.TaskSpec = spec // its StepActions are plain steps by now
	} else {
		faults = spec.Validate(field.NewPath("task", "spec"))
	}
	faults = append(run.Validate(), faults...)
	faults = append(faults, v1.ValidateParams(spec.Params, tr.Spec.Params, field.NewPath("spec", "params"))...)
	faults = append(faults, v1.ValidateWorkspaces(spec.Workspaces, bound, field.NewPath("spec", "workspaces"))...)
	return faults.ToAggregate()
}

// withDefault adds a binding for each workspace that the task must have and the run does not bind.
func withDefault(bound []v1.WorkspaceBinding, declared []v1.WorkspaceDeclaration, fallback *v1.WorkspaceBinding) []v1.WorkspaceBinding {
	all := slices.Clone(bound)
	for _, w := range declared {
		if fallback == nil || w.Optional || slices.ContainsFunc(bound, func(b v1.WorkspaceBinding) bool { return b.Name == w.Name }) {
			continue
		}
		binding := *fallback.DeepCopy()
		binding.Name = w.Name
		all = append(all, binding)
	}
	return all
}

// withPropagated declares the workspaces of a run that a task which is written out in it refers to without declaring them.
func withPropagated(spec *v1.TaskSpec, bound []v1.WorkspaceBinding) {
	for _, name := range spec.UndeclaredWorkspaces() {
		if slices.ContainsFunc(bound, func(b v1.WorkspaceBinding) bool { return b.Name == name }) {
			spec.Workspaces = append(spec.Workspaces, v1.WorkspaceDeclaration{Name: name})
		}
	}
}

// volumes tells of each workspace that is bound which volume the pod will have for it, and which claim is behind that.
func volumes(declared []v1.WorkspaceDeclaration, bound []v1.WorkspaceBinding) map[string]substitute.Workspace {
	all := make(map[string]substitute.Workspace, len(declared))
	for _, w := range declared {
		i := slices.IndexFunc(bound, func(b v1.WorkspaceBinding) bool { return b.Name == w.Name })
		if i < 0 {
			continue
		}
		volume := substitute.Workspace{Volume: w.VolumeName()}
		if claim := bound[i].PersistentVolumeClaim; claim != nil {
			volume.Claim = claim.ClaimName
		}
		all[w.Name] = volume
	}
	return all
}

// brought are the volumes that pod templates add.
func brought(templates ...*v1.PodTemplate) []corev1.Volume {
	var all []corev1.Volume
	for _, t := range templates {
		if t != nil {
			all = append(all, t.Volumes...)
		}
	}
	return all
}
