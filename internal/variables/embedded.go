package variables

import (
	"iter"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TaskReferences yields every reference in the texts and values of a task, with the path of the text that holds it.
func TaskReferences(s *v1.TaskSpec, path *field.Path) iter.Seq2[*field.Path, Reference] {
	return func(yield func(*field.Path, Reference) bool) {
		v := &yielding{yield: yield}
		VisitTaskTexts(s, path, (*yieldingTexts)(v))
		VisitTaskValues(s, path, v)
	}
}

// TaskStrings yields every text of a task in which variables may stand.
func TaskStrings(s *v1.TaskSpec) iter.Seq[string] {
	return func(yield func(string) bool) {
		v := &yieldingStrings{yield: yield}
		VisitTaskTexts(s, nil, v)
		VisitTaskValues(s, nil, (*yieldingValues)(v))
	}
}

// yieldingStrings is a TextVisitor that yields the visited texts, until it is stopped. yieldingValues is the same as a
// ValueVisitor.
type (
	yieldingStrings struct {
		yield   func(string) bool
		stopped bool
	}
	yieldingValues yieldingStrings
)

func (y *yieldingStrings) text(text string) {
	if !y.stopped {
		y.stopped = !y.yield(text)
	}
}

// VisitText yields one text.
func (y *yieldingStrings) VisitText(_ *field.Path, _ TextKind, text *string) { y.text(*text) }

// VisitList yields each text of a list.
func (y *yieldingStrings) VisitList(_ *field.Path, list *[]string) {
	for _, text := range *list {
		y.text(text)
	}
}

// VisitText yields one text.
func (y *yieldingValues) VisitText(_ *field.Path, text *string) { (*yieldingStrings)(y).text(*text) }

// VisitElements yields each text of a list.
func (y *yieldingValues) VisitElements(path *field.Path, list *[]string) {
	(*yieldingStrings)(y).VisitList(path, list)
}

// VisitValue yields each text of a value.
func (y *yieldingValues) VisitValue(_ *field.Path, value *v1.Value) {
	for _, text := range value.Texts() {
		(*yieldingStrings)(y).text(text)
	}
}

// EmbeddedReferences yields the references that a task which is written out in a pipeline makes to the pipeline and not to what
// the task has: those to results of other tasks, and those to the context of the pipeline. The paths begin within the taskSpec.
func EmbeddedReferences(t *v1.PipelineTask) iter.Seq2[*field.Path, Reference] {
	return func(yield func(*field.Path, Reference) bool) {
		spec := t.Embedded()
		if spec == nil {
			return
		}
		for path, r := range TaskReferences(spec, nil) {
			if isEmbedded(r) && !yield(path, r) {
				return
			}
		}
	}
}

// isEmbedded reports whether a reference in a task is to the pipeline that the task is written out in.
func isEmbedded(r Reference) bool {
	if ref, ok := r.ResultRef(); ok {
		return !ref.Finally
	}
	return r.IsPipelineContext()
}

// yielding is a ValueVisitor that yields the references in the visited values, until it is stopped. yieldingTexts is the same
// as a TextVisitor.
type (
	yielding struct {
		yield   func(*field.Path, Reference) bool
		stopped bool
	}
	yieldingTexts yielding
)

func (y *yielding) text(path *field.Path, text string) {
	for r := range References(text) {
		if y.stopped {
			return
		}
		y.stopped = !y.yield(path, r)
	}
}

// VisitText yields the references in one text.
func (y *yielding) VisitText(path *field.Path, text *string) { y.text(path, *text) }

// VisitElements yields the references in each text of a list.
func (y *yielding) VisitElements(path *field.Path, list *[]string) {
	for i, text := range *list {
		y.text(path.Index(i), text)
	}
}

// VisitValue yields the references in each text of a value.
func (y *yielding) VisitValue(path *field.Path, value *v1.Value) {
	for _, text := range value.Texts() {
		y.text(path, text)
	}
}

// VisitText yields the references in one text.
func (y *yieldingTexts) VisitText(path *field.Path, _ TextKind, text *string) {
	(*yielding)(y).text(path, *text)
}

// VisitList yields the references in each text of a list.
func (y *yieldingTexts) VisitList(path *field.Path, list *[]string) {
	(*yielding)(y).VisitElements(path, list)
}
