package substitute

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Task is a task with its variables substituted.
type Task struct {
	// Spec that a pod can be made from.
	Spec *v1.TaskSpec
	// References to results of steps: their tokens stand in texts of Spec.
	References []StepResultToken
}

// TaskSpec returns a copy of a task with its variables substituted, in every place where the API allows them. An element
// of command, args, or of the values of a when expression, that is nothing but a whole array becomes as many elements as
// the array has.
//
// In command, args and values of env, which the kubelet expands once more, what the author wrote keeps the meaning that
// Kubernetes gives to it, and values arrive unchanged. Elsewhere, and in scripts, which the kubelet never sees as text,
// values are put in as they are.
//
// Results of earlier steps are known in the pod only. Each reference to one becomes a token that begins with mark, which
// no value may contain: letters and digits, with a random part.
//
// brought are the volumes that the run's pod template adds. The error is an *UnresolvedError, a *TooLongError, or says
// which volume or mount is not allowed now that its name is known.
func TaskSpec(spec *v1.TaskSpec, vars Variables, mark string, brought ...corev1.Volume) (Task, error) {
	out := spec.DeepCopy()
	s := taskSubstitution{task: vars, vars: vars, tokens: tokens{mark: mark}}
	var root *field.Path
	rest := *out
	rest.Steps, rest.Sidecars = nil, nil
	variables.VisitTaskTexts(&rest, root, &s)
	for i := range out.Steps {
		s.step(root.Child("steps").Index(i), &out.Steps[i], i)
	}
	for i := range out.Sidecars {
		path, sidecar := root.Child("sidecars").Index(i), &out.Sidecars[i]
		s.vars = s.task.With(s.ownPaths(path, sidecar.Workspaces))
		variables.VisitSidecarTexts(sidecar, path, &s)
	}
	if s.err != nil {
		return Task{}, s.err
	}
	if err := validation.SubstitutedTaskSpec(out, root, brought...).ToAggregate(); err != nil {
		return Task{}, err
	}
	return Task{Spec: out, References: s.tokens.all}, nil
}

// taskSubstitution is a variables.TextVisitor that changes every text; after an error it leaves the rest alone.
type taskSubstitution struct {
	// task are the variables of the task, and vars those of what is visited: a step, or a sidecar, may have its own.
	task, vars Variables
	// inStep says that a step is visited, and runtime that results of earlier steps may stand in what is visited of it.
	inStep, runtime bool
	tokens          tokens
	budget          budget
	err             error
}

func (s *taskSubstitution) step(path *field.Path, step *v1.Step, i int) {
	own := s.ownPaths(path, step.Workspaces)
	addStepFiles(own, step, i)
	s.vars = s.task.With(own)
	s.inStep = true
	variables.VisitFixedStepTexts(step, path, s)
	s.runtime = true
	variables.VisitRuntimeStepTexts(step, path, s)
	variables.VisitStepValues(step, path, (*stepValues)(s))
	s.inStep, s.runtime = false, false
}

// addStepFiles adds the variables for the files of the results and artifacts of the step at index i.
func addStepFiles(own map[string]string, step *v1.Step, i int) {
	for _, r := range step.Results {
		own["step.results."+r.Name+".path"] = podpaths.StepResultPath(*step, i, r.Name)
	}
	own["step.artifacts.path"] = podpaths.StepArtifactsPath(*step, i)
}

// ownPaths are the paths of the workspaces that a step or a sidecar has for itself: there, a workspace is where it mounts
// it.
func (s *taskSubstitution) ownPaths(path *field.Path, used []v1.WorkspaceUsage) map[string]string {
	s.vars = s.task
	own := map[string]string{}
	for i, w := range used {
		name := "workspaces." + w.Name + ".path"
		if bound, _ := s.task.text(name); bound == "" || w.MountPath == "" {
			continue
		}
		s.VisitText(path.Child("workspaces").Index(i).Child("mountPath"), variables.TextPlain, &w.MountPath)
		own[name] = w.MountPath
	}
	return own
}

// VisitText receives one text.
func (s *taskSubstitution) VisitText(path *field.Path, kind variables.TextKind, text *string) {
	if s.err == nil {
		*text, s.err = s.budget.text(path, *text, kind, s.resolver(path))
	}
}

// VisitList receives a command or args.
func (s *taskSubstitution) VisitList(path *field.Path, list *[]string) {
	s.list(path, variables.TextExpanded, list)
}

func (s *taskSubstitution) list(path *field.Path, kind variables.TextKind, list *[]string) {
	out := make([]string, 0, len(*list))
	for i, text := range *list {
		if s.err != nil {
			return
		}
		elements, whole, err := s.wholeArray(path.Index(i), kind, text)
		if whole || err != nil {
			out, s.err = append(out, elements...), err
			continue
		}
		s.VisitText(path.Index(i), kind, &text)
		out = append(out, text)
	}
	*list = out
}

// wholeArray returns the elements of the array that a text is nothing but a reference to. That of a step is known in the
// pod only: it stays one element, the token.
func (s *taskSubstitution) wholeArray(path *field.Path, kind variables.TextKind, text string) (elements []string, whole bool, err error) {
	r, ok := variables.Sole(text)
	if !ok {
		return nil, false, nil
	}
	if ref, ok := r.StepResultRef(); ok && s.runtime && ref.Whole {
		token := s.tokens.of(ref)
		return []string{token}, true, s.budget.spend(path, len(token))
	}
	value, err := s.resolver(path)(r)
	if errors.Is(err, errLeft) || err == nil && value.Type != v1.TypeArray {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	elements = make([]string, len(value.Array))
	for i, element := range value.Array {
		p := piece{value: element}
		if err := s.budget.spend(path, p.size(kind)+elementSize); err != nil {
			return nil, false, err
		}
		elements[i] = element
		if kind == variables.TextExpanded {
			elements[i] = escaped(element)
		}
	}
	return elements, true, nil
}

func escaped(value string) string {
	dollars := strings.Count(value, "$")
	if dollars == 0 {
		return value
	}
	var out strings.Builder
	out.Grow(len(value) + dollars)
	escape(&out, value)
	return out.String()
}

func (s *taskSubstitution) resolver(path fmt.Stringer) resolver {
	return func(r variables.Reference) (v1.Value, error) {
		value, err := s.resolve(r)
		if err == nil {
			value, err = s.vars.reread(path, r, value, s.resolve)
		}
		return value, unresolved(path, r, err)
	}
}

// resolve returns what a reference stands for; see Variables.resolve.
func (s *taskSubstitution) resolve(r variables.Reference) (v1.Value, error) {
	ref, ok := r.StepResultRef()
	switch {
	case !ok:
		return s.vars.resolve(r)
	case !s.inStep:
		return v1.Value{}, errLeft
	case !s.runtime:
		return v1.Value{}, errors.New("the result of a step is known only when a later step starts, and this must be known before")
	case ref.Whole:
		return v1.Value{}, errors.New("a whole array can only be used as a separate element")
	}
	return v1.StringValue(s.tokens.of(ref)), nil
}

// stepValues is a variables.ValueVisitor for what a step has of values: its when expressions. Params are those of a StepAction,
// in whose place a plain step stands by now.
type stepValues taskSubstitution

// VisitText receives a text that stays one. In an expression in CEL, a value stays within its quotes, and so does the token of a
// result of a step.
func (s *stepValues) VisitText(path *field.Path, text *string) {
	t := (*taskSubstitution)(s)
	switch {
	case s.err != nil:
	case strings.HasSuffix(path.String(), ".cel"):
		*text, s.err = t.budget.expression(path, *text, t.resolver(path))
	default:
		*text, s.err = t.budget.input(path, *text, t.resolver(path))
	}
}

// VisitElements receives texts of which one can become several.
func (s *stepValues) VisitElements(path *field.Path, list *[]string) {
	(*taskSubstitution)(s).list(path, variables.TextPlain, list)
}

// VisitValue receives a value.
func (s *stepValues) VisitValue(path *field.Path, _ *v1.Value) {
	if s.err == nil {
		s.err = fmt.Errorf("cannot substitute params in %s: the StepAction has not been resolved", path)
	}
}

// tokens are the places that are held for results of steps, one for each reference.
type tokens struct {
	mark  string
	known map[variables.StepResultRef]string
	all   []StepResultToken
}

// of returns the token of a reference. All are of one length, so that none is the beginning of another.
func (t *tokens) of(ref variables.StepResultRef) string {
	if token, ok := t.known[ref]; ok {
		return token
	}
	if t.known == nil {
		t.known = map[variables.StepResultRef]string{}
	}
	token := fmt.Sprintf("%s-%08d", t.mark, len(t.all))
	t.known[ref] = token
	t.all = append(t.all, StepResultToken{
		Token: token, Step: ref.Step, Result: ref.Result, Artifacts: ref.Artifacts, Whole: ref.Whole, Index: ref.Index, Key: ref.Key,
	})
	return token
}
