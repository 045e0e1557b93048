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
	inpod "github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
	"github.com/sluice-ci/sluice/internal/when"
)

// Prepared is what a pod is created from.
type Prepared struct {
	// Run is the TaskRun, with the final volumes of its workspaces and its final pod template.
	Run *v1.TaskRun
	// Claims are the claims to create before the pod.
	Claims []*corev1.PersistentVolumeClaim
	// Task with everything substituted.
	Task substitute.Task
	// Expressions are the expressions of when[].cel that the steps evaluate, by their texts.
	Expressions map[string]inpod.Expression
}

// prepare validates the run together with its task, merges the step template, and substitutes the values of the run. It is a
// pure function. The error says which rule of the API the run or its task breaks.
func prepare(tr *v1.TaskRun, obs Observation, evaluator *when.Evaluator) (*Prepared, error) {
	p, err := substituted(tr, obs.Task, obs.Config.Defaults)
	if err != nil {
		return nil, err
	}
	if p.Expressions, err = evaluateCEL(p.Task, evaluator); err != nil {
		return nil, err
	}
	if err := permitted(p.Run, obs.Config.Limits()); err != nil {
		return nil, err
	}
	if err := obs.signable(); err != nil {
		return nil, err
	}
	return p, nil
}

// substituted validates the run together with its task, and substitutes the values of the run.
func substituted(tr *v1.TaskRun, task Task, defaults config.Defaults) (*Prepared, error) {
	if err := checkRoom(tr, task.Spec); err != nil {
		return nil, err
	}
	bound := withDefault(tr.Spec.Workspaces, task.Spec.Workspaces, defaults.WorkspaceBinding)
	if err := validate(tr, task.Spec, bound); err != nil {
		return nil, err
	}
	b, err := boundOf(tr, task, bound)
	if err != nil {
		return nil, err
	}
	path := field.NewPath("spec")
	p := &Prepared{Run: tr.DeepCopy(), Claims: claims(tr, b.workspaces)}
	p.Run.Labels, p.Run.Annotations = labels(tr, task), allAnnotations(tr, task)
	p.Run.Spec.Workspaces = withClaims(tr, b.workspaces)
	if tr.Spec.PodTemplate != nil && !final(tr, v1.FinalPodTemplate) {
		if p.Run.Spec.PodTemplate, err = substitute.PodTemplate(path.Child("podTemplate"), tr.Spec.PodTemplate, b.own); err != nil {
			return nil, err
		}
	}
	brought := templateVolumes(p.Run.Spec.PodTemplate, defaults.PodTemplate)
	p.Task, err = substitute.TaskSpec(pod.Merged(task.Spec), b.vars, mark(), brought...)
	return p, err
}

// binding is what the workspaces of a run are bound to, and the variables of its task.
type binding struct {
	// workspaces have their variables substituted.
	workspaces []v1.WorkspaceBinding
	// own are the variables without those of the workspaces, and vars are all.
	own, vars substitute.Variables
}

// boundOf substitutes the values of the run in the bindings of its workspaces.
func boundOf(tr *v1.TaskRun, task Task, bound []v1.WorkspaceBinding) (binding, error) {
	context := substitute.TaskRunContext{
		Name: tr.Name, Namespace: tr.Namespace, UID: string(tr.UID), Task: task.Name, Retry: attempt(tr),
		Handed: finalParts(tr) != nil,
	}
	var err error
	if context.Unread, err = unread(tr); err != nil {
		return binding{}, err
	}
	b := binding{own: substitute.ForTaskRun(task.Spec, tr.Spec.Params, context)}
	if err := checkFinal(tr); err != nil {
		return b, err
	}
	kept := 0 // bindings of a run whose text is final; those that the installation's default adds are not
	if final(tr, v1.FinalWorkspaces) {
		kept = len(tr.Spec.Workspaces)
	}
	added, err := substitute.Bindings(field.NewPath("spec", "workspaces"), bound[kept:], b.own)
	if err != nil {
		return b, err
	}
	b.workspaces = slices.Concat(bound[:kept], added)
	context.Workspaces = volumes(task.Spec.Workspaces, withClaims(tr, b.workspaces))
	b.vars = substitute.ForTaskRun(task.Spec, tr.Spec.Params, context)
	return b, nil
}

// evaluateCEL replaces CEL expressions by their results, because the in-pod binary does not support CEL. Those that refer to results
// of earlier steps stay, and are returned in the form that the in-pod binary evaluates, by their texts.
func evaluateCEL(task substitute.Task, evaluator *when.Evaluator) (map[string]inpod.Expression, error) {
	later := map[string]inpod.Expression{}
	for i := range task.Spec.Steps {
		for n := range task.Spec.Steps[i].When {
			e := &task.Spec.Steps[i].When[n]
			if e.CEL == "" {
				continue
			}
			var err error
			if tokens := tokensIn(e.CEL, task.References); len(tokens) > 0 {
				later[e.CEL], err = evaluator.Convert(e.CEL, tokens)
			} else {
				var holds bool
				holds, err = evaluator.Holds([]v1.WhenExpression{*e})
				*e = v1.WhenExpression{Input: strconv.FormatBool(holds), Operator: v1.WhenIn, Values: []string{"true"}}
			}
			if problem, ok := errors.AsType[*when.ExpressionError](err); ok {
				return nil, fmt.Errorf("steps[%d].when[%d].cel: %s", i, n, problem.Problem)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return later, nil
}

// tokensIn returns the tokens of results of steps that a text contains.
func tokensIn(text string, references []substitute.StepResultToken) []string {
	var found []string
	for _, r := range references {
		if strings.Contains(text, r.Token) {
			found = append(found, r.Token)
		}
	}
	return found
}

// mark returns the prefix of the tokens for results of steps. It is new for each pod, after all inserted values are known, so
// that none of them can look like a token.
func mark() string { return "ref-" + strings.ToLower(rand.Text()) }

// validate checks everything that does not depend on values of variables. An embedded task can use params and
// workspaces that only the run has.
//
// If the status of a run has its task, an earlier reconcile found both valid, and neither can have changed since. Then only
// rules that depend on the settings of the installation are checked again.
func validate(tr *v1.TaskRun, spec *v1.TaskSpec, bound []v1.WorkspaceBinding) error {
	var faults field.ErrorList
	if tr.Status.TaskSpec == nil {
		faults = rules(tr, spec)
	}
	values := validation.Params(spec.Params, tr.Spec.Params, field.NewPath("spec", "params"))
	ofEnum := len(faults) == 0 && len(values) > 0 && values[0].Type == field.ErrorTypeNotSupported
	faults = append(faults, values...)
	faults = append(faults, validation.Workspaces(spec.Workspaces, bound, field.NewPath("spec", "workspaces"))...)
	if ofEnum {
		return &enumError{faults.ToAggregate()}
	}
	return faults.ToAggregate()
}

// enumError is a param with a value that is not in its enum.
type enumError struct{ err error }

func (e *enumError) Error() string { return e.err.Error() }

func (e *enumError) Unwrap() error { return e.err }

// invalidReason returns the reason of a run that breaks this rule.
func invalidReason(rule error) string {
	if _, ok := errors.AsType[*enumError](rule); ok {
		return v1.TaskRunReasonInvalidParamValue
	}
	return v1.TaskRunReasonValidationFailed
}

// rules returns the rules of the API that the run or its task breaks.
func rules(tr *v1.TaskRun, spec *v1.TaskSpec) field.ErrorList {
	if tr.Spec.TaskSpec == nil {
		return append(validation.TaskRun(tr), validation.TaskSpec(spec, field.NewPath("task", "spec"))...)
	}
	run := *tr
	run.Spec.TaskSpec = spec // with its StepActions replaced by plain steps
	return validation.TaskRun(&run)
}

// withDefault adds a binding for each required workspace that the run does not bind.
func withDefault(bound []v1.WorkspaceBinding, declared []v1.WorkspaceDeclaration, fallback *v1.WorkspaceBinding) []v1.WorkspaceBinding {
	all, at := slices.Clone(bound), positions(bound)
	for _, w := range declared {
		if _, has := at[w.Name]; fallback == nil || w.Optional || has {
			continue
		}
		binding := *fallback.DeepCopy()
		binding.Name = w.Name
		all = append(all, binding)
	}
	return all
}

// withPropagated declares the workspaces of a run to which an embedded task refers without declaring them.
func withPropagated(spec *v1.TaskSpec, bound []v1.WorkspaceBinding) {
	at := positions(bound)
	for _, name := range variables.UndeclaredWorkspaces(spec) {
		if _, has := at[name]; has {
			spec.Workspaces = append(spec.Workspaces, v1.WorkspaceDeclaration{Name: name})
		}
	}
}

// volumes returns for each bound workspace the volume that the pod will have for it, and its claim.
func volumes(declared []v1.WorkspaceDeclaration, bound []v1.WorkspaceBinding) map[string]substitute.Workspace {
	all, at := make(map[string]substitute.Workspace, len(declared)), positions(bound)
	for _, w := range declared {
		i, has := at[w.Name]
		if !has {
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

// positions returns where each workspace is bound.
func positions(bound []v1.WorkspaceBinding) map[string]int {
	at := make(map[string]int, len(bound))
	for i := range bound {
		if _, twice := at[bound[i].Name]; !twice {
			at[bound[i].Name] = i
		}
	}
	return at
}

// templateVolumes returns the volumes that pod templates add.
func templateVolumes(templates ...*v1.PodTemplate) []corev1.Volume {
	var all []corev1.Volume
	for _, t := range templates {
		if t != nil {
			all = append(all, t.Volumes...)
		}
	}
	return all
}
