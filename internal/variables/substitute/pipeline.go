package substitute

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Tasks returns the results of the other tasks of the same run.
type Tasks interface {
	// Result returns a result of a task, and false when the task did not produce it. Of a task with a matrix it is the
	// array of those that its runs produced, in their order.
	Result(task, result string) (v1.Value, bool)
	// Combinations returns how many runs a task's matrix has made, and false when it made none.
	Combinations(task string) (int, bool)
}

// MissingResultError is a reference to a result that the task, which has ended, did not produce.
type MissingResultError struct {
	// Field is the path of the text that refers to the result.
	Field string
	// Task and Result that are referred to. Result is empty for the size of a matrix.
	Task, Result string
}

func (e *MissingResultError) Error() string {
	if e.Result == "" {
		return fmt.Sprintf("cannot determine in %s how often task %q ran: it did not run", e.Field, e.Task)
	}
	return fmt.Sprintf("cannot resolve %s in %s: the task did not produce it", resultNoun(e.Result, e.Task), e.Field)
}

// AbsentResult is a result of a pipeline that is omitted, because its value needs a result that a task did not produce.
type AbsentResult struct {
	// Name is the name of the pipeline's result.
	Name string
	// Task and Result are what its value refers to. Result is empty for the size of a matrix.
	Task, Result string
}

// PipelineTask returns a copy of a pipeline's task with its variables and the results of other tasks substituted, but for
// its when expressions (see When), its display names (see Names) and for the task that is written out in it, which it shares. A
// string that is nothing but a reference to a whole array or object becomes that array or object; an element of an array that is
// nothing but a whole array becomes the elements of that.
//
// The error is an *UnresolvedError, a *MissingResultError or a *TooLongError.
func PipelineTask(task *v1.PipelineTask, vars Variables, tasks Tasks) (*v1.PipelineTask, error) {
	out, _, err := PassedOn(task, vars, tasks)
	return out, err
}

// PassedOn is like PipelineTask. It also returns which references in the params are still to be read by the task.
func PassedOn(task *v1.PipelineTask, vars Variables, tasks Tasks) (*v1.PipelineTask, *Passed, error) {
	out := *task
	out.When = nil
	out.Params = slices.Clone(task.Params)
	out.Workspaces = slices.Clone(task.Workspaces)
	if task.TaskRef != nil {
		ref := *task.TaskRef
		ref.Params = slices.Clone(ref.Params)
		out.TaskRef = &ref
	}
	if task.PipelineRef != nil {
		ref := *task.PipelineRef
		ref.Params = slices.Clone(ref.Params)
		out.PipelineRef = &ref
	}
	if task.Matrix != nil {
		out.Matrix = &v1.Matrix{Params: slices.Clone(task.Matrix.Params), Include: slices.Clone(task.Matrix.Include)}
		for i := range out.Matrix.Include {
			out.Matrix.Include[i].Params = slices.Clone(out.Matrix.Include[i].Params)
		}
	}
	p := &pipelineSubstitution{vars: vars, tasks: tasks, passed: newPassed(&out)}
	variables.VisitPipelineTaskInputs(&out, nil, p)
	return &out, p.passed, p.err
}

// Handed returns, as params, the values of the references that a task which is written out in a pipeline makes to the pipeline:
// results of other tasks, each as a whole, and what the task can know of the run. Each has the name that the reference's Handed
// returns. A reference to a part of a result that the result does not have is an error.
//
// Errors are as those of PipelineTask.
func Handed(task *v1.PipelineTask, vars Variables, tasks Tasks) ([]v1.Param, error) {
	p := &pipelineSubstitution{vars: vars, tasks: tasks}
	var out []v1.Param
	seen := map[string]bool{}
	for path, r := range variables.EmbeddedReferences(task) {
		at := place{path: field.NewPath("taskSpec").Child(path.String())}
		value, err := p.resolve(at, r)
		switch {
		case errors.Is(err, errLeft):
			continue
		case err != nil:
			return nil, err
		case seen[r.Handed()]:
			continue
		}
		if ref, ok := r.ResultRef(); ok {
			value, _ = tasks.Result(ref.Task, ref.Result)
		}
		if err := p.budget.spend(at, sizeOf(value)); err != nil {
			return nil, err
		}
		seen[r.Handed()] = true
		out = append(out, v1.Param{Name: r.Handed(), Value: value})
	}
	return out, nil
}

// Names substitutes in the display names of one task. What comes of all of them together is bounded by MaxBytes.
type Names struct {
	vars   Variables
	tasks  Tasks
	budget budget
}

// NamesOf returns the Names of a task with these variables, which can refer to results of these tasks.
func NamesOf(vars Variables, tasks Tasks) *Names { return &Names{vars: vars, tasks: tasks} }

// Of returns a display name with its variables substituted. Params come before those of the same name. Errors are as those of
// PipelineTask.
func (n *Names) Of(text string, params []v1.Param) (string, error) {
	if !variables.HasReference(text) {
		return text, nil
	}
	vars := n.vars
	vars.above = make(map[string]v1.Value, len(params))
	for i := range params {
		vars.above[params[i].Name] = params[i].Value
	}
	p := &pipelineSubstitution{vars: vars, tasks: n.tasks}
	at := place{path: field.NewPath("displayName")}
	return n.budget.text(at, text, variables.TextPlain, p.resolver(at))
}

// When returns a copy of the when expressions of a pipeline's task with their variables and the results of other tasks
// substituted. A value within a text in quotes of an expression in CEL arrives there as it is, whatever it holds; outside
// of quotes only a number, true or false can stand, so that no value becomes part of the program.
//
// Errors are as those of PipelineTask.
func When(expressions []v1.WhenExpression, vars Variables, tasks Tasks) ([]v1.WhenExpression, error) {
	p := &pipelineSubstitution{vars: vars, tasks: tasks}
	out := make([]v1.WhenExpression, len(expressions))
	for i := range expressions {
		e, path := expressions[i], field.NewPath("when").Index(i)
		if at := (place{path: path.Child("input")}); p.err == nil {
			e.Input, p.err = p.budget.input(at, e.Input, p.resolver(at))
		}
		p.VisitElements(path.Child("values"), &e.Values)
		if p.err == nil {
			at := place{path: path.Child("cel")}
			e.CEL, p.err = p.budget.expression(at, e.CEL, p.resolver(at))
		}
		out[i] = e
	}
	return out, p.err
}

// PipelineResults returns the results of a pipeline whose tasks have ended. As the public documentation says, a result is
// omitted if its value needs a result that its task did not write. Absent has these. A result that has no such part, and a whole
// array or object within a longer text, is an error: the text of a variable is no result.
func PipelineResults(declared []v1.PipelineResult, vars Variables,
	tasks Tasks) (values []v1.PipelineRunResult, absent []AbsentResult, err error) {
	p := pipelineSubstitution{vars: vars, tasks: tasks, strict: true}
	for i := range declared {
		value := declared[i].Value
		p.VisitValue(field.NewPath("results").Index(i).Child("value"), &value)
		if missing, ok := errors.AsType[*MissingResultError](p.err); ok {
			absent, p.err = append(absent, AbsentResult{declared[i].Name, missing.Task, missing.Result}), nil
			continue
		}
		if p.err != nil {
			return nil, nil, p.err
		}
		if want := declared[i].Type; want != "" && want != value.Type {
			return nil, nil, fmt.Errorf("cannot use the value of results[%d], %q: it is of type %s, and the result is declared as %s",
				i, declared[i].Name, value.Type, want)
		}
		values = append(values, v1.PipelineRunResult{Name: declared[i].Name, Value: value})
	}
	return values, absent, nil
}

// place is where a text stands, such as params[0].value[1]. It is written only when it is needed.
type place struct {
	path   *field.Path
	suffix string
}

func (p place) String() string { return p.path.String() + p.suffix }

// pipelineSubstitution is a variables.ValueVisitor that changes everything; after an error it leaves the rest alone.
type pipelineSubstitution struct {
	vars   Variables
	tasks  Tasks
	passed *Passed
	// strict makes a reference to a result that would stay as text an error.
	strict bool
	budget budget
	err    error
}

// VisitText substitutes in a text that stays one.
func (p *pipelineSubstitution) VisitText(path *field.Path, text *string) {
	if p.err == nil {
		at := place{path: path}
		*text, p.err = p.budget.text(at, *text, variables.TextPlain, p.resolver(at))
	}
}

// VisitElements substitutes in texts of which one can become several.
func (p *pipelineSubstitution) VisitElements(path *field.Path, list *[]string) {
	if p.err == nil && len(*list) > 0 {
		*list, p.err = p.values().array(path, *list)
	}
}

// VisitValue substitutes in a value, which can change its type.
func (p *pipelineSubstitution) VisitValue(path *field.Path, value *v1.Value) {
	if p.err != nil {
		return
	}
	s := p.values()
	s.left = p.passed.recorder(value)
	*value, p.err = s.value(path, *value)
}

func (p *pipelineSubstitution) values() values {
	return values{resolver: p.resolver, budget: &p.budget, within: p.vars.within, strict: p.strict}
}

func (p *pipelineSubstitution) resolver(at place) resolver {
	return func(r variables.Reference) (v1.Value, error) {
		return p.resolve(at, r)
	}
}

func (p *pipelineSubstitution) resolve(at place, r variables.Reference) (v1.Value, error) {
	if task, result, ok := r.MatrixLength(); ok {
		return p.length(at, task, result)
	}
	ref, ok := r.ResultRef()
	if !ok {
		value, err := p.vars.resolve(r)
		return value, unresolved(at, r, err)
	}
	whole, ok := p.tasks.Result(ref.Task, ref.Result)
	if !ok {
		return v1.Value{}, &MissingResultError{Field: at.String(), Task: ref.Task, Result: ref.Result}
	}
	part := partOf(ref, whole)
	value, err := part.orLeft(whole)
	if _, problem := part.of(whole); p.strict && problem != "" {
		err = errors.New(problem)
	}
	return value, unresolved(at, r, err)
}

// length is how many runs a matrix has made, or how many of them produced a result.
func (p *pipelineSubstitution) length(at place, task, result string) (v1.Value, error) {
	n, ok := p.tasks.Combinations(task)
	if !ok {
		return v1.Value{}, &MissingResultError{Field: at.String(), Task: task, Result: result}
	}
	if result != "" {
		produced, _ := p.tasks.Result(task, result)
		n = len(produced.Array)
	}
	return v1.StringValue(strconv.Itoa(n)), nil
}
