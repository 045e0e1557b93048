package substitute

import (
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Passed are the references in the substituted params of a pipeline's task that are still to be read by the task: its author wrote
// them, and they are to what the task itself has.
type Passed struct {
	// left are the places of the references, by the value that they are in and the part of it; nil for a value without any.
	left map[*v1.Value]places
	// combined are those of the elements of the matrix, by the name of the param and the text of the element. Where the same text
	// also came as a value, the places are nil: nothing in it is read.
	combined map[string]places
}

// newPassed returns an empty Passed for a task whose values are about to be substituted in place.
func newPassed(task *v1.PipelineTask) *Passed {
	p := &Passed{left: map[*v1.Value]places{}}
	known := func(params []v1.Param) {
		for i := range params {
			p.left[&params[i].Value] = nil
		}
	}
	known(task.Params)
	if task.Matrix != nil {
		known(task.Matrix.Params)
		for i := range task.Matrix.Include {
			known(task.Matrix.Include[i].Params)
		}
	}
	return p
}

// recorder returns what records the references that are left in a value; nil for a value that is not passed on.
func (p *Passed) recorder(value *v1.Value) func(part string, at int) {
	if p == nil {
		return nil
	}
	if _, known := p.left[value]; !known {
		return nil
	}
	return func(part string, at int) {
		if p.left[value] == nil {
			p.left[value] = places{}
		}
		p.left[value][part] = append(p.left[value][part], at)
	}
}

// Unread returns the references that are to be read in the TaskRun which has the params of the task and these of its matrix.
func (p *Passed) Unread(task *v1.PipelineTask, combination []v1.Param) Unread {
	all := map[string]places{}
	for i := range task.Params {
		if left := p.left[&task.Params[i].Value]; left != nil {
			all[task.Params[i].Name] = left
		}
	}
	if len(combination) > 0 && p.combined == nil {
		p.combine(task.Matrix)
	}
	for i := range combination {
		if found := p.combined[combination[i].Name][combination[i].Value.String]; found != nil {
			all[combination[i].Name] = places{"": found}
		}
	}
	return Unread{Params: all}
}

// combine fills combined.
func (p *Passed) combine(m *v1.Matrix) {
	p.combined = map[string]places{}
	add := func(name, text string, found []int) {
		if p.combined[name] == nil {
			p.combined[name] = places{}
		}
		if before, twice := p.combined[name][text]; twice && before == nil {
			return
		}
		p.combined[name][text] = found
	}
	for i := range m.Params {
		value := &m.Params[i].Value
		for j, text := range value.Array {
			add(m.Params[i].Name, text, p.left[value][strconv.Itoa(j)])
		}
	}
	for i := range m.Include {
		for j := range m.Include[i].Params {
			value := &m.Include[i].Params[j].Value
			add(m.Include[i].Params[j].Name, value.String, p.left[value][""])
		}
	}
}
