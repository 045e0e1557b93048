// Package check finds problems in files without a cluster: what the API server and the webhooks would refuse, and what would
// make a run fail if the files show it together. An example is a Pipeline that uses a result which its Task does not declare.
package check

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// Fetch finds the definitions of references to resolvers; nil finds none.
	Fetch Fetch
	// NotRead is the number of definitions of references that Fetch does not know.
	NotRead int

	// fetched are the definitions by their reference.
	fetched map[string]fetched
	files   []string
	// patches are the files that a kustomization names as patches.
	patches  []string
	findings []Finding
}

// Add parses a file and adds its objects to the set.
func (s *Set) Add(file string, text []byte) {
	s.files = append(s.files, file)
	documents, errs := document.Parse(file, text)
	for _, err := range errs {
		if syntax, ok := errors.AsType[*document.SyntaxError](err); ok {
			s.findings = append(s.findings, ofSyntax(syntax))
		}
	}
	for _, d := range documents {
		if patches, ok := patchesOf(d); ok {
			s.patches = append(s.patches, patches...)
			s.findings = append(s.findings, kustomizationNote(d))
			s.Others++
			continue
		}
		for _, part := range d.Parts() {
			s.add(part)
		}
	}
}

// add adds the object of one document.
func (s *Set) add(d document.Document) {
	object, findings := decode(d)
	findings = withoutTemplates(d, findings)
	s.findings = append(s.findings, findings...)
	switch {
	case object != nil:
		s.Objects = append(s.Objects, object)
	case len(findings) == 0:
		s.Others++
	}
}

// Check returns all findings in the order of the files. More are additional findings about objects of the set.
func (s *Set) Check(more ...Finding) []Finding {
	s.withoutPatches()
	findings := slices.Concat(more, s.findings)
	findings = append(findings, s.checkNames()...)
	for _, o := range s.Objects {
		if !o.Sound {
			continue
		}
		o.rules.Default()
		found := validation.Check(o.rules.Report)
		errs := slices.Concat(found.Errors, validation.Errors(func(r *validation.Report) {
			o.rules.ReportLimits(r, validation.DefaultLimits())
		}))
		of := slices.Concat(o.all(errs), o.warnings(found.Warnings), s.checkTogether(o, errs))
		findings = append(findings, withoutTemplates(o.Document, of)...)
	}
	return inOrder(findings, s.files)
}

// ofSyntax returns the finding for a document that is not YAML.
func ofSyntax(err *document.SyntaxError) Finding {
	if err.Template {
		return templateNote(err.Place)
	}
	return Finding{Place: err.Place, Severity: Error, Message: err.Problem}
}

func templateNote(at document.Place) Finding {
	return Finding{
		Place: at, Severity: Note, Message: "the document is a template, and parts of it are not checked",
		Hint: "render it, and check the result, as in helm template . | sluice validate -",
	}
}

// withoutTemplates replaces the findings in lines with an action of a template by one note: the text is not final there.
func withoutTemplates(d document.Document, findings []Finding) []Finding {
	kept := slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return d.TemplateAt(f.Place) })
	if len(kept) < len(findings) {
		kept = append(kept, templateNote(d.Start()))
	}
	return kept
}

// warnings returns the findings for parts that are accepted and look like mistakes.
func (o *Object) warnings(warnings []validation.Warning) []Finding {
	findings := make([]Finding, 0, len(warnings))
	for _, w := range warnings {
		message := w.Message
		if w.Value != "" {
			message = fmt.Sprintf("%q: %s", w.Value, message)
		}
		findings = append(findings, o.Finding(Warning, w.Field, message, ""))
	}
	return findings
}

func (o *Object) all(errs field.ErrorList) []Finding {
	findings := make([]Finding, 0, len(errs))
	for _, err := range errs {
		findings = append(findings, o.of(err))
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
		if first := seen[key]; first != nil && distance(first.Document.File, o.Document.File) < otherFolder {
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
		return append(s.checkPipeline(pipelineIn{o, &value.Spec, field.NewPath("spec"), nil}), s.checkWithinItself(o, value)...)
	case *v1.PipelineRun:
		return s.checkPipelineRun(o, value, errs)
	case *v1.TaskRun:
		return s.checkTaskRun(o, value, errs)
	default:
		return nil
	}
}

// Task returns the Task of this name that an object refers to, or nil if the files do not have one.
func (s *Set) Task(from *Object, name string) *v1.Task { return nearest[*v1.Task](s, from, name) }

// Pipeline returns the Pipeline of this name that an object refers to, or nil if the files do not have one.
func (s *Set) Pipeline(from *Object, name string) *v1.Pipeline {
	return nearest[*v1.Pipeline](s, from, name)
}

// nearest returns the object of a kind and name that another one refers to: of the same file, else of the same folder, else the
// only one. A repository can have several versions of an object in folders, and none of them is meant by more than the others.
func nearest[T metav1.Object](s *Set, from *Object, name string) T {
	var found, none T
	least, count := 3, 0
	for _, o := range s.Objects {
		value, ok := o.Value.(T)
		if !ok || !o.Sound || value.GetName() != name || !sameNamespace(value.GetNamespace(), from.Value.GetNamespace()) {
			continue
		}
		switch d := distance(o.Document.File, from.Document.File); {
		case d < least:
			found, least, count = value, d, 1
		case d == least && least == otherFolder:
			count++
		}
	}
	if count > 1 {
		return none
	}
	return found
}

// otherFolder is the distance of files in different folders; it is 0 for one file, and 1 for one folder.
const otherFolder = 2

func distance(a, b string) int {
	switch {
	case a == b:
		return 0
	case filepath.Dir(a) == filepath.Dir(b):
		return 1
	}
	return otherFolder
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
