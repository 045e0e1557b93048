// Package check finds problems in files without a cluster: what the API server and the webhooks would refuse, and what would
// make a run fail if the files show it together. An example is a Pipeline that uses a result which its Task does not declare.
package check

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
	"github.com/sluice-ci/sluice/internal/dag"
	"github.com/sluice-ci/sluice/internal/validation"
)

// Set is the objects of some files.
type Set struct {
	// Objects of tekton.dev, in the order of the files.
	Objects []*Object
	// Others is the number of documents of other groups, which are not checked.
	Others int

	files    []string
	findings []Finding
}

// Add parses a file and adds its objects to the set.
func (s *Set) Add(file string, text []byte) {
	s.files = append(s.files, file)
	documents, errs := document.Parse(file, text)
	for _, err := range errs {
		if syntax, ok := errors.AsType[*document.SyntaxError](err); ok {
			s.findings = append(s.findings, Finding{Place: syntax.Place, Severity: Error, Message: syntax.Problem})
		}
	}
	for _, d := range documents {
		object, findings := decode(d)
		s.findings = append(s.findings, findings...)
		switch {
		case object != nil:
			s.Objects = append(s.Objects, object)
		case len(findings) == 0:
			s.Others++
		}
	}
}

// Check returns all findings in the order of the files. More are additional findings about objects of the set.
func (s *Set) Check(more ...Finding) []Finding {
	findings := slices.Concat(more, s.findings)
	findings = append(findings, s.checkNames()...)
	for _, o := range s.Objects {
		if !o.Sound {
			continue
		}
		o.rules.Default()
		errs := append(validation.Errors(o.rules.Report), validation.Errors(func(r *validation.Report) {
			o.rules.ReportLimits(r, validation.DefaultLimits())
		})...)
		findings = append(findings, o.all(errs)...)
		findings = append(findings, s.checkTogether(o, errs)...)
	}
	return inOrder(findings, s.files)
}

func (o *Object) all(errs field.ErrorList) []Finding {
	findings := make([]Finding, 0, len(errs))
	for _, err := range errs {
		findings = append(findings, o.of(err))
	}
	return findings
}

// later returns the findings for errors that only a run would report.
func (o *Object) later(errs field.ErrorList) []Finding {
	findings := o.all(errs)
	for i := range findings {
		findings[i].Severity, findings[i].Hint = Warning, "the object can be stored, but every run of it fails"
	}
	return findings
}

// checkNames warns if a later object with the same name replaces an earlier one.
func (s *Set) checkNames() []Finding {
	var findings []Finding
	seen := map[string]*Object{}
	for _, o := range s.Objects {
		if o.Value.GetName() == "" {
			continue
		}
		key := o.Value.GetNamespace() + " " + o.Name()
		if first := seen[key]; first != nil {
			findings = append(findings, o.Finding(Warning, "metadata.name",
				fmt.Sprintf("%s is also at %s; only the one that is applied last is kept", o.Name(), first.Document.Start()), ""))
			continue
		}
		seen[key] = o
	}
	return findings
}

// checkTogether checks an object together with those that it refers to. Errs are the errors of the object alone.
func (s *Set) checkTogether(o *Object, errs field.ErrorList) []Finding {
	switch value := o.Value.(type) {
	case *v1.Pipeline:
		return append(s.checkPipeline(pipelineIn{o, &value.Spec, field.NewPath("spec"), nil}),
			o.later(validation.UnsupportedInPipeline(&value.Spec, field.NewPath("spec")))...)
	case *v1.Task:
		return o.later(validation.UnsupportedInTask(&value.Spec, field.NewPath("spec")))
	case *v1.PipelineRun:
		return s.checkPipelineRun(o, value, errs)
	case *v1.TaskRun:
		return s.checkTaskRun(o, value, errs)
	default:
		return nil
	}
}

// Task returns the Task with this name that an object of the namespace refers to, or nil if the files have none.
func (s *Set) Task(namespace, name string) *v1.Task {
	for _, o := range s.Objects {
		if t, ok := o.Value.(*v1.Task); ok && o.Sound && t.Name == name && sameNamespace(t.Namespace, namespace) {
			return t
		}
	}
	return nil
}

// Pipeline returns the Pipeline with this name that an object of the namespace refers to, or nil if the files have none.
func (s *Set) Pipeline(namespace, name string) *v1.Pipeline {
	for _, o := range s.Objects {
		if p, ok := o.Value.(*v1.Pipeline); ok && o.Sound && p.Name == name && sameNamespace(p.Namespace, namespace) {
			return p
		}
	}
	return nil
}

// sameNamespace reports whether two objects may be in the same namespace. An object without a namespace fits any.
func sameNamespace(a, b string) bool { return a == b || a == "" || b == "" }

// checkGraph finds cycles of tasks.
func checkGraph(o *Object, spec *v1.PipelineSpec, path *field.Path) []Finding {
	_, err := dag.Build(spec.Tasks)
	cycle, ok := errors.AsType[*dag.CycleError](err)
	if !ok {
		return nil // validation reports the other errors
	}
	for i := range spec.Tasks {
		if spec.Tasks[i].Name == cycle.Path[0] {
			path = path.Child("tasks").Index(i).Child("name")
			break
		}
	}
	return []Finding{
		o.Finding(Error, path.String(), cycle.Error(), "a task waits for the tasks in its runAfter, and for those whose results it uses"),
	}
}
