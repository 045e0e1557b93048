// Package predict finds results and params that exceed a limit of an installation. Where the files determine the size it
// reports an error. Where only the limit of a result is known, it reports that the limit may be exceeded.
package predict

import (
	"errors"
	"fmt"
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// mostInMessages is the maximum length of a result with termination-message in bytes: that of a list that compresses well
// (docs/limits.md).
const mostInMessages = 32 << 10

// reserve is the room in bytes that a new TaskRun keeps free for its status.
const reserve = 16 << 10

// Limits are the limits of an installation.
type Limits struct {
	// ResultsFrom is how results leave pods, unless a Task or a TaskRun overrides it.
	ResultsFrom config.ResultsFrom
	// MaxResultSize is the maximum length of one result in bytes.
	MaxResultSize int64
}

// Predict returns the values of the set that exceed, or may exceed, a limit.
func Predict(set *check.Set, limits Limits) []check.Finding {
	p := &predictor{set: set, limits: limits, patterns: newPatterns()}
	for _, o := range set.Objects {
		if !o.Sound {
			continue
		}
		switch value := o.Value.(type) {
		case *v1.Task:
			s := p.scales(value.Annotations)
			p.task(task{o, &value.Spec, "spec", s.with(value.Spec.Params, nil, nil), s, p.from(value.Annotations), nil})
		case *v1.TaskRun:
			p.taskRun(o, value)
		case *v1.Pipeline:
			s := p.scales(nil)
			p.pipeline(o, &value.Spec, "spec", s.with(value.Spec.Params, nil, nil))
		case *v1.PipelineRun:
			p.pipelineRun(o, value)
		}
	}
	return p.findings
}

type predictor struct {
	set      *check.Set
	limits   Limits
	patterns patterns
	findings []check.Finding
}

// from returns how results leave pods with these annotations.
func (p *predictor) from(annotations map[string]string) config.ResultsFrom {
	if value, ok := annotations[v1.AnnotationResultsFrom]; ok {
		return config.ResultsFrom(value)
	}
	return p.limits.ResultsFrom
}

func (p *predictor) scales(annotations map[string]string) scales {
	if p.from(annotations) == config.TerminationMessage {
		return scales{result: min(int(p.limits.MaxResultSize), mostInMessages)}
	}
	return scales{result: int(p.limits.MaxResultSize)}
}

// task is a task in an object, with the known lengths of its params.
type task struct {
	object *check.Object
	spec   *v1.TaskSpec
	// path is the path of the spec in the object; empty if the spec is in another object.
	path   string
	in     sizes
	scales scales
	from   config.ResultsFrom
	// place returns the path of the value of a param in the object, or nil if the object has none.
	place func(param string) string
}

func (p *predictor) addf(o *check.Object, severity check.Severity, path, hint, format string, args ...any) {
	p.findings = append(p.findings, o.Finding(severity, path, fmt.Sprintf(format, args...), hint))
}

const workspaceHint = "pass large data through a workspace, and its digest as the result"

// task checks the texts of a task, and the results that it writes.
func (p *predictor) task(t task) {
	for _, o := range t.scales.overs(t.spec, t.in) {
		at, where := t.placeOf(o)
		hint := "use the value in the step's script, which may be larger, or pass it through a workspace"
		if o.limit == maxArguments {
			hint = workspaceHint
		}
		switch {
		case o.certain():
			p.addf(t.object, check.Error, at, hint, "%sat least %d bytes exceed the limit for %s: %d", where, o.length.least, o.noun, o.limit)
		case o.length.from != "":
			p.addf(t.object, check.Warning, at, hint,
				"%sup to %d bytes, if %s has the maximum size, exceed the limit for %s: %d",
				where, o.length.most, o.length.from, o.noun, o.limit)
		}
	}
	if t.path != "" {
		p.results(t)
	}
}

// placeOf returns the field to report for a text that is too long: the text, or the param that makes it too long. If the text
// is in another object, where is words for the message.
func (t task) placeOf(o over) (path, where string) {
	if t.place != nil {
		for _, name := range o.params {
			if at := t.place(name); at != "" {
				return at, fmt.Sprintf("in %s of its task: ", o.path)
			}
		}
	}
	if t.path == "" {
		return "spec", fmt.Sprintf("in %s of its task: ", o.path)
	}
	return t.path + "." + o.path, ""
}

// results checks the results whose values are in the scripts.
func (p *predictor) results(t task) {
	stored, lastPath := 0, ""
	for i := range t.spec.Steps {
		path := fmt.Sprintf("%s.steps[%d].script", t.path, i)
		var entries []termination.Entry
		values := p.patterns.written(t.spec.Steps[i].Script)
		for _, name := range sortedNames(values) {
			value := values[name]
			entries = append(entries, termination.Entry{Key: name, Value: value, Type: termination.TypeResult})
			stored += objectsize.Encoded(value)
			lastPath = path
			if int64(len(value)) > p.limits.MaxResultSize {
				p.addf(t.object, check.Error, path, workspaceHint, "result %q has %d bytes, and max-result-size is %d",
					name, len(value), p.limits.MaxResultSize)
			}
		}
		if t.from != config.TerminationMessage || len(entries) == 0 {
			continue
		}
		budget := termination.Budget(len(t.spec.Steps) + len(t.spec.Sidecars))
		_, err := termination.Encode(entries, budget)
		if tooMuch, ok := errors.AsType[*termination.OverBudgetError](err); ok {
			p.addf(t.object, check.Error, path, "use results-from: sidecar-logs, which has room for more, for the "+
				"installation or with the annotation "+v1.AnnotationResultsFrom,
				"the step's results need %d bytes of its termination message, which has room for %d; the largest is %q",
				tooMuch.Size, budget, tooMuch.Result)
		}
	}
	if stored > objectsize.Limit {
		p.addf(t.object, check.Error, lastPath, workspaceHint,
			"the task's results need %d bytes in the TaskRun, and one object can hold %d", stored,
			objectsize.Limit)
	}
}

func sortedNames(values map[string]string) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
