package transport

import (
	"encoding/json"
	"fmt"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Values are the results of a run, as the task and its steps declare them.
type Values struct {
	// Task has the task's results, in the order in which it declares them. One that was not written is absent, and so is
	// one that takes its value from a step's result which was not written.
	Task []v1.TaskRunResult
	// Steps has the results of each step, by its index.
	Steps [][]v1.TaskRunResult
	// Wrong says of each result that is not what is declared what it is. A run of which anything is wrong cannot be green.
	Wrong []string
}

// Decode turns what left the pod into the values of results: each is decoded by its declared type, and those results of
// the task that take their value from steps get it. The spec has its defaults and its StepActions resolved, as for
// pod.ResultsOf.
func Decode(spec *v1.TaskSpec, whole []frame.Result) Values {
	raw := make(map[string][]byte, len(whole))
	for _, r := range whole {
		raw[r.Name] = r.Value
	}
	a := decoding{spec: spec, values: Values{Steps: make([][]v1.TaskRunResult, len(spec.Steps))}}
	own := map[string]v1.TaskRunResult{}
	for _, c := range pod.ResultsOf(spec) {
		value, ok := raw[c.Name]
		if !ok {
			continue // declared and not written is allowed
		}
		if c.Step == pod.OfTask {
			if r, ok := a.decoded(taskResult(spec, c.Result), value, ""); ok {
				own[c.Result] = r
			}
			continue
		}
		declared := stepResult(spec.Steps[c.Step], c.Result)
		if r, ok := a.decoded(declared, value, fmt.Sprintf("step %q: ", podpaths.StepName(spec.Steps[c.Step], c.Step))); ok {
			a.values.Steps[c.Step] = append(a.values.Steps[c.Step], r)
		}
	}
	for _, declared := range spec.Results {
		if r, ok := own[declared.Name]; ok {
			a.values.Task = append(a.values.Task, r)
		} else if declared.Value != nil {
			a.derive(declared)
		}
	}
	return a.values
}

func taskResult(spec *v1.TaskSpec, name string) v1.TaskResult {
	for _, r := range spec.Results {
		if r.Name == name {
			return r
		}
	}
	return v1.TaskResult{Name: name}
}

func stepResult(step v1.Step, name string) v1.TaskResult {
	for _, r := range step.Results {
		if r.Name == name {
			return v1.TaskResult{Name: r.Name, Type: r.Type, Properties: r.Properties}
		}
	}
	return v1.TaskResult{Name: name}
}

// decoding is what is being put together.
type decoding struct {
	spec   *v1.TaskSpec
	values Values
}

// decoded returns the value of a result, and notes what is wrong with it.
func (a *decoding) decoded(declared v1.TaskResult, raw []byte, whose string) (v1.TaskRunResult, bool) {
	value, err := validation.ResultFromBytes(declared, raw)
	if err != nil {
		a.values.Wrong = append(a.values.Wrong, whose+err.Error())
		return v1.TaskRunResult{}, false
	}
	return v1.TaskRunResult{Name: declared.Name, Type: value.Type, Value: value}, true
}

// derive adds a result of the task that takes its value from steps, if they have all that it takes.
func (a *decoding) derive(declared v1.TaskResult) {
	value, problem, ok := a.resolve(*declared.Value)
	if problem != "" {
		a.values.Wrong = append(a.values.Wrong, fmt.Sprintf("result %q: %s", declared.Name, problem))
		return
	}
	if !ok {
		return
	}
	raw := []byte(value.String)
	if value.Type != v1.TypeString {
		var err error
		if raw, err = json.Marshal(value); err != nil {
			a.values.Wrong = append(a.values.Wrong, fmt.Sprintf("result %q: %v", declared.Name, err))
			return
		}
		if value.Type != declared.Type {
			a.values.Wrong = append(a.values.Wrong, fmt.Sprintf("result %q: is declared as %s, and its value is an %s",
				declared.Name, declared.Type, value.Type))
			return
		}
	}
	if r, ok := a.decoded(declared, raw, ""); ok {
		a.values.Task = append(a.values.Task, r)
	}
}

// resolve puts results of steps in the place of references. It returns false when one of them is absent.
func (a *decoding) resolve(value v1.Value) (resolved v1.Value, problem string, ok bool) {
	switch value.Type {
	case v1.TypeArray:
		return a.array(value.Array)
	case v1.TypeObject:
		object := make(map[string]string, len(value.Object))
		for key, text := range value.Object {
			resolved, problem, ok := a.text(text)
			if problem != "" || !ok {
				return v1.Value{}, problem, false
			}
			object[key] = resolved
		}
		return v1.ObjectValue(object), "", true
	default:
		if r, sole := variables.Sole(value.String); sole {
			return a.part(r)
		}
		text, problem, ok := a.text(value.String)
		return v1.StringValue(text), problem, ok
	}
}

// array resolves the elements; one that is nothing but a whole array becomes its elements.
func (a *decoding) array(texts []string) (v1.Value, string, bool) {
	elements := []string{}
	for _, text := range texts {
		if r, sole := variables.Sole(text); sole {
			value, problem, ok := a.part(r)
			if problem != "" || !ok {
				return v1.Value{}, problem, false
			}
			if value.Type == v1.TypeArray {
				elements = append(elements, value.Array...)
				continue
			}
		}
		resolved, problem, ok := a.text(text)
		if problem != "" || !ok {
			return v1.Value{}, problem, false
		}
		elements = append(elements, resolved)
	}
	return v1.ArrayValue(elements...), "", true
}

// text puts strings in the place of references.
func (a *decoding) text(text string) (resolved, problem string, ok bool) {
	var out strings.Builder
	done := 0
	for r := range variables.References(text) {
		value, problem, ok := a.part(r)
		if problem != "" || !ok {
			return "", problem, false
		}
		if value.Type != v1.TypeString {
			return "", fmt.Sprintf("%s is an %s, and a text takes a string", r.Text, value.Type), false
		}
		out.WriteString(text[done:r.Start])
		out.WriteString(value.String)
		done = r.End
	}
	out.WriteString(text[done:])
	return out.String(), "", true
}

// part returns what a reference stands for: a result of a step, or a part of it.
func (a *decoding) part(r variables.Reference) (value v1.Value, problem string, ok bool) {
	ref, isStep := r.StepResultRef()
	if !isStep {
		return v1.Value{}, fmt.Sprintf("%s is no result of a step", r.Text), false
	}
	found := a.find(ref)
	if found == nil {
		return v1.Value{}, "", false
	}
	switch {
	case ref.Key != "":
		text, ok := found.Object[ref.Key]
		if !ok {
			return v1.Value{}, fmt.Sprintf("%s: the result has no such key", r.Text), false
		}
		return v1.StringValue(text), "", true
	case ref.Index >= 0:
		if ref.Index >= len(found.Array) {
			return v1.Value{}, fmt.Sprintf("%s: the result has %d elements", r.Text, len(found.Array)), false
		}
		return v1.StringValue(found.Array[ref.Index]), "", true
	}
	return *found, "", true
}

// find returns the result of a step, or nil when it was not written, or is wrong.
func (a *decoding) find(ref variables.StepResultRef) *v1.Value {
	for i, step := range a.spec.Steps {
		if podpaths.StepName(step, i) != ref.Step {
			continue
		}
		for n := range a.values.Steps[i] {
			if r := &a.values.Steps[i][n]; r.Name == ref.Result {
				return &r.Value
			}
		}
	}
	return nil
}
