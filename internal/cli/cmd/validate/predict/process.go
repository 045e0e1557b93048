package predict

import (
	"fmt"
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Limits for starting a process, in bytes; see docs/limits.md. internal/pod refuses what exceeds them.
const (
	// maxArgument is the limit for one argument, or for one environment variable with its name.
	maxArgument = 131071
	// maxArguments is the limit for a step's script, arguments and environment together.
	maxArguments = 1966080
)

// over is a text of a task that exceeds, or may exceed, its limit.
type over struct {
	// path is relative to the task's spec.
	path string
	// params are the params in the text.
	params []string
	length length
	limit  int
	noun   string
}

// certain reports whether the text exceeds the limit for all values of results.
func (o over) certain() bool { return o.length.least > o.limit }

// overs returns the texts of a task's steps that exceed their limits, as far as the params are known.
func (s scales) overs(spec *v1.TaskSpec, in sizes) []over {
	var found []over
	for i := range spec.Steps {
		step, path := &spec.Steps[i], fmt.Sprintf("steps[%d]", i)
		total := over{path: path, limit: maxArguments, noun: "a step's script, arguments and environment together"}
		note := func(path, noun, text string, single bool) {
			l := s.text(text, in)
			total.length, total.params = total.length.plus(l), append(total.params, paramsIn(text)...)
			if single && l.most > maxArgument {
				found = append(found, over{path, paramsIn(text), l, maxArgument, noun})
			}
		}
		for n, text := range step.Command {
			note(fmt.Sprintf("%s.command[%d]", path, n), "one argument of a process", text, !spreads(text))
		}
		for n, text := range step.Args {
			note(fmt.Sprintf("%s.args[%d]", path, n), "one argument of a process", text, !spreads(text))
		}
		for n := range step.Env {
			note(fmt.Sprintf("%s.env[%d].value", path, n), "one variable of the environment", step.Env[n].Name+"="+step.Env[n].Value, true)
		}
		note(path+".script", "", step.Script, false)
		if total.length.most > total.limit &&
			!slices.ContainsFunc(found, func(o over) bool { return o.certain() && len(o.path) > len(path) && o.path[:len(path)] == path }) {
			total.params = slices.Compact(total.params)
			found = append(found, total)
		}
	}
	return found
}

// spreads reports whether a text is one reference to a whole array, which becomes as many arguments as the array has
// elements.
func spreads(text string) bool {
	r, sole := soleParam(v1.StringValue(text))
	return sole && r.Whole
}

func paramsIn(text string) []string {
	var names []string
	for r := range variables.References(text) {
		if r.Root == variables.RootParams && !r.Malformed && !slices.Contains(names, r.Names[0]) {
			names = append(names, r.Names[0])
		}
	}
	return names
}
