package variables

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// UndeclaredWorkspaces returns the names, sorted, of the workspaces that the task refers to and does not declare. A task
// that is written out in a run sees the workspaces of the run under their names (propagated workspaces): those of them that
// are bound are to be mounted as if they had been declared.
func UndeclaredWorkspaces(s *v1.TaskSpec) []string {
	used := usedWorkspaces{}
	VisitTaskTexts(s, nil, usedInTexts(used))
	VisitTaskValues(s, nil, used)
	for i := range s.Steps {
		used.addUsages(s.Steps[i].Workspaces)
	}
	for i := range s.Sidecars {
		used.addUsages(s.Sidecars[i].Workspaces)
	}
	for i := range s.Workspaces {
		delete(used, s.Workspaces[i].Name)
	}
	return sortedKeys(used)
}

// usedWorkspaces is a ValueVisitor that notes the names of workspaces, and usedInTexts the same as a TextVisitor.
type (
	usedWorkspaces map[string]struct{}
	usedInTexts    usedWorkspaces
)

func (u usedWorkspaces) add(text string) {
	for r := range References(text) {
		if r.Root == RootWorkspaces && !r.Malformed {
			u[r.Names[0]] = struct{}{}
		}
	}
}

func (u usedWorkspaces) addUsages(used []v1.WorkspaceUsage) {
	for i := range used {
		u[used[i].Name] = struct{}{}
	}
}

func (u usedWorkspaces) VisitText(_ *field.Path, text *string) { u.add(*text) }

func (u usedWorkspaces) VisitElements(_ *field.Path, list *[]string) {
	for _, text := range *list {
		u.add(text)
	}
}

func (u usedWorkspaces) VisitValue(_ *field.Path, value *v1.Value) {
	for _, text := range value.Texts() {
		u.add(text)
	}
}

func (u usedInTexts) VisitText(_ *field.Path, _ TextKind, text *string) { usedWorkspaces(u).add(*text) }

func (u usedInTexts) VisitList(path *field.Path, list *[]string) {
	usedWorkspaces(u).VisitElements(path, list)
}
