package substitute

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// MaxShown is the maximum length in bytes of a value that is shown in the place of its variable. A longer value is already in
// spec.params, and the object must not hold it twice.
const MaxShown = 4 << 10

// ShownTask returns a copy of a task for the status of an ended run, with the values of variables in their places. The copy is
// for readers only: values in it are not escaped, so no controller may substitute in it again.
//
// Results of steps stay as text, and so does each variable with a value longer than MaxShown, or without a value. The error is
// a *TooLongError.
func ShownTask(spec *v1.TaskSpec, vars Variables) (*v1.TaskSpec, error) {
	out := spec.DeepCopy()
	s := &shown{}
	s.enter(vars, nil)
	rest := *out
	rest.Steps, rest.Sidecars = nil, nil
	variables.VisitTaskTexts(&rest, nil, (*shownTexts)(s))
	for i := range out.Steps {
		step, path := &out.Steps[i], field.NewPath("steps").Index(i)
		own := s.ownPaths(vars, path, step.Workspaces)
		addStepFiles(own, step, i)
		s.enter(vars, own)
		variables.VisitStepTexts(step, path, (*shownTexts)(s))
		variables.VisitStepValues(step, path, s)
	}
	for i := range out.Sidecars {
		sidecar, path := &out.Sidecars[i], field.NewPath("sidecars").Index(i)
		s.enter(vars, s.ownPaths(vars, path, sidecar.Workspaces))
		variables.VisitSidecarTexts(sidecar, path, (*shownTexts)(s))
	}
	return out, s.err
}

// ShownPipeline returns a copy of a pipeline for the status of an ended run, with the values of variables in their places; see
// ShownTask. Results of tasks, and how tasks ended, stay as text. A task that is written out gets the values of the pipeline's
// params that it does not have itself, and the context of the pipeline.
func ShownPipeline(spec *v1.PipelineSpec, vars Variables) (*v1.PipelineSpec, error) {
	out := spec.DeepCopy()
	s := &shown{}
	for i := range out.Tasks {
		s.pipelineTask(vars, field.NewPath("tasks").Index(i), &out.Tasks[i])
	}
	for i := range out.Finally {
		s.pipelineTask(vars, field.NewPath("finally").Index(i), &out.Finally[i])
	}
	s.enter(vars, nil)
	for i := range out.Results {
		s.VisitValue(field.NewPath("results").Index(i).Child("value"), &out.Results[i].Value)
	}
	return out, s.err
}

// shown is a variables.ValueVisitor that puts values in the place of their variables, for readers only. A text with an error
// stays as it is. After a *TooLongError the rest stays too. shownTexts is the same as a variables.TextVisitor.
type (
	shown struct {
		// resolve returns the value of a reference where the visitor is.
		resolve func(at *field.Path, r variables.Reference) (v1.Value, error)
		budget  budget
		err     error
	}
	shownTexts shown
)

// enter makes the variables those of the next visited places. Own variables take precedence.
func (s *shown) enter(vars Variables, own map[string]string) {
	if own != nil {
		vars = vars.With(own)
	}
	s.resolve = func(at *field.Path, r variables.Reference) (v1.Value, error) {
		value, err := vars.resolve(r)
		if err != nil {
			return v1.Value{}, err
		}
		return vars.reread(at, r, value, vars.resolve)
	}
}

// hide makes references to params with these names stay as text: they are to other params with the same names.
func (s *shown) hide(vars Variables, names sets.Set[string]) {
	before := s.resolve
	s.resolve = func(at *field.Path, r variables.Reference) (v1.Value, error) {
		if r.Root == variables.RootParams && !r.Malformed && names.Has(vars.Named(r)) {
			return v1.Value{}, errLeft
		}
		return before(at, r)
	}
}

// embed limits the variables to those of the pipeline that a task which is written out in it can use.
func (s *shown) embed() {
	before := s.resolve
	s.resolve = func(at *field.Path, r variables.Reference) (v1.Value, error) {
		if r.Malformed || r.Root != variables.RootParams && !r.IsPipelineContext() {
			return v1.Value{}, errLeft
		}
		return before(at, r)
	}
}

func (s *shown) pipelineTask(vars Variables, path *field.Path, task *v1.PipelineTask) {
	vars = vars.Add("context.pipelineTask.retries", strconv.Itoa(task.Retries))
	s.enter(vars, nil)
	variables.VisitPipelineTaskInputs(task, path, s)
	given := matrixParams(task)
	s.hide(vars, given)
	variables.VisitDisplayNames(task, path, s)
	spec := task.Embedded()
	if spec == nil {
		return
	}
	for i := range task.Params {
		given.Insert(task.Params[i].Name)
	}
	for i := range spec.Params {
		given.Insert(spec.Params[i].Name)
	}
	s.hide(vars, given)
	s.embed()
	path = path.Child("taskSpec")
	variables.VisitTaskTexts(spec, path, (*shownTexts)(s))
	variables.VisitTaskValues(spec, path, s)
}

// matrixParams returns the names of the params that the matrix of a task gives.
func matrixParams(task *v1.PipelineTask) sets.Set[string] {
	names := sets.New[string]()
	add := func(params []v1.Param) {
		for i := range params {
			names.Insert(params[i].Name)
		}
	}
	if task.Matrix != nil {
		add(task.Matrix.Params)
		for i := range task.Matrix.Include {
			add(task.Matrix.Include[i].Params)
		}
	}
	return names
}

// ownPaths are the paths of the workspaces that a step or a sidecar mounts at other places than the task.
func (s *shown) ownPaths(vars Variables, path *field.Path, used []v1.WorkspaceUsage) map[string]string {
	s.enter(vars, nil)
	own := map[string]string{}
	for i, w := range used {
		name := "workspaces." + w.Name + ".path"
		if bound, _ := vars.text(name); bound == "" || w.MountPath == "" {
			continue
		}
		s.VisitText(path.Child("workspaces").Index(i).Child("mountPath"), &w.MountPath)
		own[name] = w.MountPath
	}
	return own
}

// resolver returns the values of references in a text of this place, except those that stay as text.
func (s *shown) resolver(at *field.Path) resolver {
	return func(r variables.Reference) (v1.Value, error) {
		if _, ofStep := r.StepResultRef(); ofStep {
			return v1.Value{}, errLeft
		}
		value, err := s.resolve(at, r)
		if tooLong, ok := errors.AsType[*TooLongError](err); ok {
			return v1.Value{}, tooLong
		}
		if err != nil || sizeOf(value) > MaxShown+elementSize {
			return v1.Value{}, errLeft
		}
		return value, nil
	}
}

func (s *shown) values() values {
	return values{resolver: func(at place) resolver { return s.resolver(at.path) }, budget: &s.budget}
}

// put is set to the new content, unless there is an error.
func put[T any](s *shown, into *T, content T, err error) {
	if err == nil {
		*into = content
		return
	}
	if tooLong, ok := errors.AsType[*TooLongError](err); ok {
		s.err = tooLong
	}
}

// VisitText receives one text.
func (s *shown) VisitText(path *field.Path, text *string) {
	if s.err != nil || !variables.HasReference(*text) {
		return
	}
	var out string
	var err error
	name := path.String()
	switch {
	case strings.HasSuffix(name, ".cel"):
		out, err = s.budget.expression(path, *text, s.resolver(path))
	case strings.HasSuffix(name, ".input"):
		out, err = s.budget.input(path, *text, s.resolver(path))
	default:
		out, err = s.budget.text(path, *text, variables.TextPlain, s.resolver(path))
	}
	if permitted(name, out) {
		put(s, text, out, err)
	}
}

// permitted reports whether the schema of a status permits the text at this place. If it is not, the status could not be
// written.
func permitted(name, text string) bool {
	switch {
	case strings.HasSuffix(name, ".imagePullPolicy"):
		return slices.Contains(pullPolicies(), corev1.PullPolicy(text))
	case strings.HasSuffix(name, ".onError"):
		return slices.Contains(v1.OnErrors(), v1.OnError(text))
	default:
		return true
	}
}

func pullPolicies() []corev1.PullPolicy {
	return []corev1.PullPolicy{corev1.PullAlways, corev1.PullNever, corev1.PullIfNotPresent}
}

// VisitElements receives texts of which one can become several.
func (s *shown) VisitElements(path *field.Path, list *[]string) {
	if s.err == nil && slices.ContainsFunc(*list, variables.HasReference) {
		out, err := s.values().array(path, *list)
		put(s, list, out, err)
	}
}

// VisitValue receives a value.
func (s *shown) VisitValue(path *field.Path, value *v1.Value) {
	if s.err != nil {
		return
	}
	for _, text := range value.Texts() {
		if variables.HasReference(text) {
			out, err := s.values().value(path, *value)
			put(s, value, out, err)
			return
		}
	}
}

// VisitText receives one text.
func (s *shownTexts) VisitText(path *field.Path, _ variables.TextKind, text *string) {
	(*shown)(s).VisitText(path, text)
}

// VisitList receives a command or args.
func (s *shownTexts) VisitList(path *field.Path, list *[]string) {
	(*shown)(s).VisitElements(path, list)
}
