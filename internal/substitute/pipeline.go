package substitute

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TaskResults returns a result of another task of the same run, and false when that task did not produce it.
type TaskResults func(task, result string) (v1.Value, bool)

// MissingResultError is a reference to a result that the task, which has ended, did not produce.
type MissingResultError struct {
	// Field is the path of the text that refers to the result.
	Field string
	// Task and Result that are referred to.
	Task, Result string
}

func (e *MissingResultError) Error() string {
	return fmt.Sprintf("cannot resolve result %q of task %q in %s: the task did not produce it", e.Result, e.Task, e.Field)
}

// PipelineTaskParams returns the params of a pipeline's task with their variables and the results of other tasks
// substituted. A string that is nothing but a reference to a whole array or object becomes that array or object; an
// element of an array that is nothing but a whole array becomes the elements of that.
//
// The error is an *UnresolvedError, a *MissingResultError or a *TooLongError.
func PipelineTaskParams(params []v1.Param, vars Variables, results TaskResults) ([]v1.Param, error) {
	p := pipelineSubstitution{vars: vars, results: results}
	out := make([]v1.Param, len(params))
	for i := range params {
		value, err := p.value(place(fmt.Sprintf("params[%d].value", i)), params[i].Value)
		if err != nil {
			return nil, err
		}
		out[i] = v1.Param{Name: params[i].Name, Value: value}
	}
	return out, nil
}

// PipelineResults returns the results of a pipeline whose tasks have ended. One that is made of a result which its task
// did not produce is left out, as the public documentation has it, and told in missing.
func PipelineResults(declared []v1.PipelineResult, vars Variables, results TaskResults) (values []v1.PipelineRunResult, missing []*MissingResultError, err error) {
	p := pipelineSubstitution{vars: vars, results: results}
	for i := range declared {
		value, err := p.value(place(fmt.Sprintf("results[%d].value", i)), declared[i].Value)
		if absent, ok := errors.AsType[*MissingResultError](err); ok {
			missing = append(missing, absent)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if want := declared[i].Type; want != "" && want != value.Type {
			return nil, nil, fmt.Errorf("cannot use the value of results[%d], %q: it is of type %s, and the result is declared as %s", i, declared[i].Name, value.Type, want)
		}
		values = append(values, v1.PipelineRunResult{Name: declared[i].Name, Value: value})
	}
	return values, missing, nil
}

// place is the path of a text, such as params[0].value.
type place string

func (p place) String() string { return string(p) }

type pipelineSubstitution struct {
	vars    Variables
	results TaskResults
	budget  budget
}

func (p *pipelineSubstitution) value(field place, value v1.Value) (v1.Value, error) {
	switch value.Type {
	case v1.TypeArray:
		return p.array(field, value.Array)
	case v1.TypeObject:
		return p.object(field, value.Object)
	case v1.TypeString:
	}
	if r, ok := alone(value.String); ok {
		resolved, err := p.resolver(field)(r)
		if err != nil {
			return v1.Value{}, err
		}
		return resolved, p.budget.spend(field, sizeOf(resolved))
	}
	text, err := p.budget.text(field, value.String, v1.TextPlain, p.resolver(field))
	return v1.StringValue(text), err
}

func (p *pipelineSubstitution) array(field place, elements []string) (v1.Value, error) {
	out := make([]string, 0, len(elements))
	for i, text := range elements {
		field := field + place("["+strconv.Itoa(i)+"]")
		if r, ok := alone(text); ok {
			resolved, err := p.resolver(field)(r)
			if err != nil {
				return v1.Value{}, err
			}
			if resolved.Type == v1.TypeArray {
				if err := p.budget.spend(field, sizeOf(resolved)); err != nil {
					return v1.Value{}, err
				}
				out = append(out, resolved.Array...)
				continue
			}
		}
		text, err := p.budget.text(field, text, v1.TextPlain, p.resolver(field))
		if err != nil {
			return v1.Value{}, err
		}
		out = append(out, text)
	}
	return v1.ArrayValue(out...), nil
}

func (p *pipelineSubstitution) object(field place, object map[string]string) (v1.Value, error) {
	out := make(map[string]string, len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		field := field + place("."+key)
		text, err := p.budget.text(field, object[key], v1.TextPlain, p.resolver(field))
		if err != nil {
			return v1.Value{}, err
		}
		out[key] = text
	}
	return v1.ObjectValue(out), nil
}

func sizeOf(value v1.Value) int {
	size := 0
	for _, text := range value.Texts() {
		size += len(text)
	}
	return size
}

func (p *pipelineSubstitution) resolver(field place) resolver {
	return func(r v1.Reference) (v1.Value, error) {
		return p.resolve(field, r)
	}
}

func (p *pipelineSubstitution) resolve(field place, r v1.Reference) (v1.Value, error) {
	ref, ok := r.ResultRef()
	if !ok {
		value, problem := p.vars.resolve(r)
		if problem != "" {
			return v1.Value{}, &UnresolvedError{Field: field.String(), Variable: r.Text, Problem: problem}
		}
		return value, nil
	}
	whole, ok := p.results(ref.Task, ref.Result)
	if !ok {
		return v1.Value{}, &MissingResultError{Field: field.String(), Task: ref.Task, Result: ref.Result}
	}
	noun := fmt.Sprintf("result %q of task %q", ref.Result, ref.Task)
	value, problem := part{noun: noun, whole: ref.Whole, index: ref.Index, keyed: ref.Key != "", key: ref.Key}.of(whole)
	if problem != "" {
		return v1.Value{}, &UnresolvedError{Field: field.String(), Variable: r.Text, Problem: problem}
	}
	return value, nil
}
