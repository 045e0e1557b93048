package variables

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
)

// UndeclaredWorkspaces returns the names, sorted, of the workspaces that the task refers to and does not declare. A task
// that is written out in a run sees the workspaces of the run under their names (propagated workspaces): those of them that
// are bound are to be mounted as if they had been declared.
func UndeclaredWorkspaces(s *v1.TaskSpec) []string {
	used := usedWorkspaces{}
	for _, r := range TaskReferences(s, nil) {
		if r.Root == RootWorkspaces && !r.Malformed {
			used[r.Names[0]] = struct{}{}
		}
	}
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

// usedWorkspaces are names of workspaces.
type usedWorkspaces map[string]struct{}

func (u usedWorkspaces) addUsages(used []v1.WorkspaceUsage) {
	for i := range used {
		u[used[i].Name] = struct{}{}
	}
}
