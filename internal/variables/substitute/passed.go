package substitute

import (
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Passed are the references in the substituted params of a pipeline's task that are still to be read by the task: its author wrote
// them, and they are to what the task itself has.
type Passed struct {
	// left are the places of the references, by the value that they are in and the part of it; nil for a value without any.
	left map[*v1.Value]map[string][]int
	// combined are those of the elements of the matrix, by the name of the param and the text of the element. Where the same text
	// also came as a value, the places are nil: nothing in it is read.
	combined map[string]map[string][]int
}

// newPassed returns an empty Passed for a task whose values are about to be substituted in place.
func newPassed(task *v1.PipelineTask) *Passed {
	p := &Passed{left: map[*v1.Value]map[string][]int{}}
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
func (p *Passed) recorder(value *v1.Value) func(r variables.Reference, part string, at int) {
	if p == nil {
		return nil
	}
	if _, known := p.left[value]; !known {
		return nil
	}
	return func(r variables.Reference, part string, at int) {
		if !readByTask(r) {
			return
		}
		if p.left[value] == nil {
			p.left[value] = map[string][]int{}
		}
		p.left[value][part] = append(p.left[value][part], at)
	}
}

// Unread returns the references that are to be read in the TaskRun which has the params of the task and these of its matrix.
func (p *Passed) Unread(task *v1.PipelineTask, combination []v1.Param) Unread {
	all := map[string]map[string][]int{}
	for i := range task.Params {
		if left := p.left[&task.Params[i].Value]; left != nil {
			all[task.Params[i].Name] = left
		}
	}
	if len(combination) > 0 && p.combined == nil {
		p.combine(task.Matrix)
	}
	for i := range combination {
		if places := p.combined[combination[i].Name][combination[i].Value.String]; places != nil {
			all[combination[i].Name] = map[string][]int{"": places}
		}
	}
	return Unread{Params: all}
}

// combine fills combined.
func (p *Passed) combine(m *v1.Matrix) {
	p.combined = map[string]map[string][]int{}
	add := func(name, text string, places []int) {
		if p.combined[name] == nil {
			p.combined[name] = map[string][]int{}
		}
		if before, twice := p.combined[name][text]; twice && before == nil {
			return
		}
		p.combined[name][text] = places
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
