package runs

import (
	"fmt"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Nested is a PipelineRun within another one, and the names of the tasks that lead to it.
type Nested struct {
	Path     string
	Snapshot Snapshot
}

// All returns the snapshot, and those of the PipelineRuns within it, the outer ones first.
func (s Snapshot) All() []Nested { return s.all("") }

func (s Snapshot) all(path string) []Nested {
	found := []Nested{{path, s}}
	for i := range s.Others {
		if child := &s.Others[i]; child.Within != nil {
			found = append(found, child.Within.all(path+s.Label(i)+Separator)...)
		}
	}
	return found
}

// Separator is between the names of nested tasks.
const Separator = " › "

// Label returns the name of the pipeline task of one of the Others. Those of a matrix have a number, from 1.
func (s Snapshot) Label(i int) string {
	task, number, count := s.Others[i].Task, 0, 0
	for j := range s.Others {
		if s.Others[j].Task == task {
			count++
			if j == i {
				number = count
			}
		}
	}
	if count > 1 {
		return fmt.Sprintf("%s-%d", task, number)
	}
	return task
}

// Leaf is a TaskRun of a run, or of a PipelineRun within it.
type Leaf struct {
	// Name has the names of the tasks that lead to it, as in outer › inner.
	Name    string
	TaskRun *v1.TaskRun

	task string // its name in its pipeline
}

// Leaves returns the TaskRuns of a run, and then those of the PipelineRuns within it.
func (s Snapshot) Leaves() []Leaf {
	var all []Leaf
	for _, nested := range s.All() {
		for _, tr := range nested.Snapshot.Tasks {
			task := nested.Snapshot.Task(tr)
			all = append(all, Leaf{nested.Path + task, tr, task})
		}
	}
	return all
}

// Matches reports whether a user means the TaskRun, or a task that it is within: by a name in the list of tasks, or by that of the
// object. An empty text means all.
func (l *Leaf) Matches(text string) bool {
	switch text {
	case "", l.Name, l.task, l.TaskRun.Name, l.TaskRun.Labels[v1.LabelPipelineTask]:
		return true
	}
	return strings.HasPrefix(l.Name, text+Separator)
}
