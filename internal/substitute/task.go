package substitute

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TaskSpec returns a copy of a task with its variables substituted, in every place where the API allows them. An element
// of command or args that is nothing but a whole array becomes as many elements as the array has.
//
// In command, args and values of env, which the kubelet expands once more, what the author wrote keeps the meaning that
// Kubernetes gives to it, and values arrive unchanged. Elsewhere, and in scripts, which the kubelet never sees as text,
// values are put in as they are.
//
// The error is an *UnresolvedError, a *TooLongError, or says which volume or mount is not allowed now that its name is
// known.
func TaskSpec(spec *v1.TaskSpec, vars Variables) (*v1.TaskSpec, error) {
	out := spec.DeepCopy()
	s := taskSubstitution{vars: vars}
	var root *field.Path
	out.VisitTexts(root, &s)
	if s.err != nil {
		return nil, s.err
	}
	if err := out.ValidateSubstituted(root).ToAggregate(); err != nil {
		return nil, err
	}
	return out, nil
}

// taskSubstitution is a v1.TextVisitor that changes every text; after an error it leaves the rest alone.
type taskSubstitution struct {
	vars   Variables
	budget budget
	err    error
}

func (s *taskSubstitution) VisitText(path *field.Path, kind v1.TextKind, text *string) {
	if s.err == nil {
		*text, s.err = s.budget.text(path, *text, kind, s.resolver(path))
	}
}

func (s *taskSubstitution) VisitList(path *field.Path, list *[]string) {
	out := make([]string, 0, len(*list))
	for i, text := range *list {
		if s.err != nil {
			return
		}
		elements, whole, err := s.wholeArray(path.Index(i), text)
		if whole || err != nil {
			out, s.err = append(out, elements...), err
			continue
		}
		s.VisitText(path.Index(i), v1.TextExpanded, &text)
		out = append(out, text)
	}
	*list = out
}

// wholeArray returns the elements of the array that a text is nothing but a reference to.
func (s *taskSubstitution) wholeArray(path *field.Path, text string) (elements []string, whole bool, err error) {
	r, ok := alone(text)
	if !ok {
		return nil, false, nil
	}
	value, err := s.resolver(path)(r)
	if err != nil || value.Type != v1.TypeArray {
		return nil, false, err
	}
	elements = make([]string, len(value.Array))
	for i, element := range value.Array {
		p := piece{value: element}
		if err := s.budget.spend(path, p.size(v1.TextExpanded)); err != nil {
			return nil, false, err
		}
		elements[i] = escaped(element)
	}
	return elements, true, nil
}

func escaped(value string) string {
	dollars := strings.Count(value, "$")
	if dollars == 0 {
		return value
	}
	var out strings.Builder
	out.Grow(len(value) + dollars)
	escape(&out, value)
	return out.String()
}

// alone returns the reference that is all of a text.
func alone(text string) (v1.Reference, bool) {
	for r := range v1.References(text) {
		return r, r.Start == 0 && r.End == len(text)
	}
	return v1.Reference{}, false
}

func (s *taskSubstitution) resolver(path *field.Path) resolver {
	return func(r v1.Reference) (v1.Value, error) {
		value, problem := s.vars.resolve(r)
		if problem != "" {
			return v1.Value{}, &UnresolvedError{Field: path.String(), Variable: r.Text, Problem: problem}
		}
		return value, nil
	}
}
