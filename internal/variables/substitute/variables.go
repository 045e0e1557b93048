// Package substitute puts values in the place of variables such as $(params.image), in the texts of a task and in the
// params and results of a pipeline.
//
// A text is read once, from left to right, and what was put in is never read again: a value that looks like a variable
// arrives as it is. Only the text of an author that a param passes on to a task is read by that task; see Unread. A text that
// looks like a variable and is none here, such as $(date) or $(params.undeclared), stays. A variable that exists and has no
// value, such as an element behind the end of an array, is an error that names the field.
package substitute

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Variables are the values of all variables that a task or a pipeline can refer to, but for results of other tasks. They
// share the memory of what they were made from and change none of it.
type Variables struct {
	params map[string]v1.Value
	// above are params that come before those.
	above map[string]v1.Value
	// given are the names of the params to which the run gives a value.
	given map[string]bool
	// texts are the variables of the other roots by what stands in the reference, such as "results.digest.path". No
	// two can be taken for each other: only the name in the middle can hold dots.
	texts map[string]string
	// over are texts that come before those, and name is one that comes before them all.
	over        map[string]string
	name, value string
	// problems say of params why they have no value, though they are declared with a default.
	problems map[string]string
	// left are the places of the references in the defaults of a pipeline's params that a task is still to read, by the name of the
	// param: their author wrote them. It is nil for a task, which has all that its own defaults refer to.
	left map[string]places
	// unread are the references in the values of params that are still to be read, and reading is how much of that may be done.
	unread  Unread
	reading *budget
	// handed says that a pipeline gave the params that are called like results of its tasks.
	handed bool
}

// errLeft says that a reference stays as text.
var errLeft = errors.New("it stays as text")

// PipelineRunContext is what a pipeline can know of the run that it is part of.
type PipelineRunContext struct {
	// Name, Namespace and UID of the PipelineRun.
	Name, Namespace, UID string
	// Pipeline is the name of the Pipeline.
	Pipeline string
	// Workspaces are the names of those that the run binds.
	Workspaces []string
}

// ForPipelineRun returns the variables of a pipeline in a run that gives some params, with the same rules for them as in
// ForTaskRun.
func ForPipelineRun(spec *v1.PipelineSpec, given []v1.Param, context PipelineRunContext) Variables {
	v := Variables{left: map[string]places{}, texts: map[string]string{
		"context.pipelineRun.name":      context.Name,
		"context.pipelineRun.namespace": context.Namespace,
		"context.pipelineRun.uid":       context.UID,
		"context.pipeline.name":         context.Pipeline,
	}}
	for i := range spec.Workspaces {
		v.texts["workspaces."+spec.Workspaces[i].Name+".bound"] = strconv.FormatBool(false)
	}
	for _, name := range context.Workspaces {
		v.texts["workspaces."+name+".bound"] = strconv.FormatBool(true)
	}
	v.addParams(spec.Params, given)
	return v
}

// With returns the variables together with others, which come before those of the same name: what stands in their
// references, without the $() around it, such as "tasks.build.status".
func (v *Variables) With(others map[string]string) Variables {
	with := *v
	with.over = others
	return with
}

// Add returns the variables together with one other, which comes before all of the same name.
func (v *Variables) Add(name, value string) Variables {
	with := *v
	with.name, with.value = name, value
	return with
}

func (v *Variables) text(key string) (string, bool) {
	if key != "" && key == v.name {
		return v.value, true
	}
	if text, ok := v.over[key]; ok {
		return text, true
	}
	text, ok := v.texts[key]
	return text, ok
}

// Given reports whether the run itself gives a value to a param.
func (v *Variables) Given(name string) bool { return v.given[name] }

// key returns under which name Variables.texts holds a reference.
func key(r variables.Reference) string {
	if r.Malformed || r.Whole || r.Index >= 0 {
		return ""
	}
	return r.Root + "." + strings.Join(r.Names, ".")
}

// resolve returns what a reference stands for. The error is errLeft, or says what is wrong with the reference.
func (v *Variables) resolve(r variables.Reference) (v1.Value, error) {
	switch {
	case r.Malformed:
		return v1.Value{}, errLeft
	case r.Root == variables.RootParams:
		return v.param(r)
	}
	if text, ok := v.text(key(r)); ok {
		return v1.StringValue(text), nil
	}
	if !v.handed {
		return v1.Value{}, errLeft
	}
	return v.fromPipeline(r)
}

// Named returns the name of the param that a reference is to. A name with dots can be written without brackets, if no param has
// the name before the first dot.
func (v *Variables) Named(r variables.Reference) string {
	first := r.Names[0]
	if len(r.Names) == 1 || v.has(first) {
		return first
	}
	if dotted := strings.Join(r.Names, "."); v.has(dotted) {
		return dotted
	}
	return first
}

func (v *Variables) has(name string) bool {
	_, above := v.above[name]
	_, known := v.params[name]
	return above || known || v.problems[name] != ""
}

// param returns what a reference to a param stands for. Of a param that exists, what it does not have stays as text, but for an
// element that an array does not have.
func (v *Variables) param(r variables.Reference) (v1.Value, error) {
	name := v.Named(r)
	value, ok := v.above[name]
	if !ok {
		if problem := v.problems[name]; problem != "" {
			return v1.Value{}, errors.New(problem)
		}
		if value, ok = v.params[name]; !ok {
			return v1.Value{}, errLeft
		}
	}
	part := part{noun: fmt.Sprintf("param %q", name), whole: r.Whole, index: r.Index}
	if len(r.Names) > 1 && name == r.Names[0] {
		part.key, part.keyed = strings.Join(r.Names[1:], "."), true
	}
	// A param may be written without [*] where the whole of it is meant; the API has always allowed it.
	part.whole = part.whole || !part.keyed && part.index < 0 && value.Type != v1.TypeString
	return part.orLeft(value)
}

// fromPipeline returns what a reference to a result of another task, or to the context of the pipeline, stands for: the pipeline
// that the task is written out in gave the value as a param.
func (v *Variables) fromPipeline(r variables.Reference) (v1.Value, error) {
	value, ok := v.params[r.Handed()]
	ref, isResult := r.ResultRef()
	switch {
	case !ok || !isResult && !r.IsPipelineContext():
		return v1.Value{}, errLeft
	case !isResult:
		return value, nil
	}
	return partOf(ref, value).orLeft(value)
}

// partOf returns the part of a result that a reference names. An array or object can be written without [*] where the whole of it
// is meant.
func partOf(ref variables.ResultRef, whole v1.Value) part {
	p := part{
		noun: resultNoun(ref.Result, ref.Task), whole: ref.Whole, index: ref.Index, keyed: ref.Key != "", key: ref.Key,
	}
	p.whole = p.whole || !p.keyed && p.index < 0 && whole.Type != v1.TypeString
	return p
}

// resultNoun names a result of a task, or an artifact under variables.ArtifactResult, in messages.
func resultNoun(result, task string) string {
	if of, artifact, ok := strings.Cut(result, "/"); ok && (of == variables.AttributeInputs || of == variables.AttributeOutputs) {
		return fmt.Sprintf("artifact %q in the %s of task %q", artifact, of, task)
	}
	return fmt.Sprintf("result %q of task %q", result, task)
}

// resolver returns what references in a text of this place stand for.
func (v *Variables) resolver(at place) resolver {
	return func(r variables.Reference) (v1.Value, error) {
		value, err := v.resolve(r)
		if err == nil {
			value, err = v.reread(at, r, value, func(r variables.Reference) (v1.Value, error) { return v.resolve(r) })
		}
		return value, unresolved(at, r, err)
	}
}

// unresolved returns the error of a reference in a place for what is wrong with it.
func unresolved(at fmt.Stringer, r variables.Reference, err error) error {
	if err == nil || errors.Is(err, errLeft) {
		return err
	}
	if _, tooLong := errors.AsType[*TooLongError](err); tooLong {
		return err
	}
	return &UnresolvedError{Field: at.String(), Variable: r.Text, Problem: err.Error()}
}

// part is the part of a value that a reference names.
type part struct {
	noun  string
	whole bool
	index int // −1 for none
	keyed bool
	key   string
}

// orLeft returns the part of a value. As in Tekton, an element that an array does not have is an error, and a reference to any
// other part that the value does not have stays as text.
func (p part) orLeft(value v1.Value) (v1.Value, error) {
	found, problem := p.of(value)
	switch {
	case problem == "":
		return found, nil
	case value.Type == v1.TypeArray && p.index >= 0:
		return v1.Value{}, errors.New(problem)
	default:
		return v1.Value{}, errLeft
	}
}

// of returns the part of a value, or why it has no such part.
func (p part) of(value v1.Value) (v1.Value, string) {
	switch value.Type {
	case v1.TypeArray:
		return p.ofArray(value)
	case v1.TypeObject:
		return p.ofObject(value)
	default:
		if p.whole || p.index >= 0 || p.keyed {
			return v1.Value{}, p.noun + " is a string, which has no parts"
		}
		return v1.StringValue(value.String), ""
	}
}

func (p part) ofArray(value v1.Value) (v1.Value, string) {
	switch {
	case p.keyed:
		return v1.Value{}, p.noun + " is an array, which has no keys"
	case p.whole:
		return value, ""
	case p.index < 0:
		return v1.Value{}, p.noun + " is an array: write [*] behind its name for all of it, or [0] for one element"
	case p.index >= len(value.Array):
		return v1.Value{}, fmt.Sprintf("%s has %d elements, counted from 0", p.noun, len(value.Array))
	}
	return v1.StringValue(value.Array[p.index]), ""
}

func (p part) ofObject(value v1.Value) (v1.Value, string) {
	switch {
	case p.keyed:
		text, ok := value.Object[p.key]
		if !ok {
			return v1.Value{}, fmt.Sprintf("%s has no key %q", p.noun, p.key)
		}
		return v1.StringValue(text), ""
	case p.index >= 0:
		return v1.Value{}, p.noun + " is an object, which has no elements"
	case p.whole:
		return value, ""
	}
	return v1.Value{}, p.noun + " is an object: write [*] behind its name for all of it, or .<key> for one of its values"
}

// Param returns the value of a param, and false when there is none of that name.
func (v *Variables) Param(name string) (v1.Value, bool) {
	value, ok := v.params[name]
	return value, ok
}
