// Package dag builds the graph of the tasks of a pipeline: the dependencies of each task, and an order of all tasks.
package dag

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Graph is the dependencies between the tasks of a pipeline. It has no cycle. A task is its position in the pipeline's list.
type Graph struct {
	names  []string
	index  map[string]int
	before [][]int // for each task, its dependencies, each once
	after  [][]int // for each task, the tasks that depend on it
	order  []int
}

// UnknownTaskError is a reference to a task that the pipeline does not have.
type UnknownTaskError struct {
	// Task is the task with the reference, and Field its field.
	Task, Field string
	// Name is the unknown name.
	Name string
}

func (e *UnknownTaskError) Error() string {
	return fmt.Sprintf("cannot find task %q, which task %q refers to in %s", e.Name, e.Task, e.Field)
}

// DuplicateTaskError is a name that two tasks have.
type DuplicateTaskError struct {
	Name string
}

func (e *DuplicateTaskError) Error() string {
	return fmt.Sprintf("cannot use task name %q: two tasks have it", e.Name)
}

// maxShown is the maximum number of tasks of a cycle in a message. A cycle can have tens of thousands.
const maxShown = 20

// CycleError is a cycle: each task of the path waits for the previous one.
type CycleError struct {
	// Path begins and ends with the same task.
	Path []string
}

func (e *CycleError) Error() string {
	path := e.Path
	if n := len(path); n > maxShown {
		path = slices.Concat(path[:maxShown-1], []string{fmt.Sprintf("… (%d more)", n-maxShown)}, path[n-1:])
	}
	return "cannot order the tasks: they wait for each other: " + strings.Join(path, " → ")
}

// Dependency is a dependency that the tasks themselves do not show, such as a result in a workspace that the run binds.
type Dependency struct {
	// Task waits for the task On, because of Field.
	Task, On string
	Field    *field.Path
}

// Build builds the graph. A task depends on the tasks in its runAfter, on those whose results or matrix length it uses, and on
// those that more names. The error is an *UnknownTaskError, a *DuplicateTaskError or a *CycleError. The time is linear in the size
// of the pipeline and of more.
func Build(tasks []v1.PipelineTask, more ...Dependency) (*Graph, error) {
	g := &Graph{
		names:  make([]string, len(tasks)),
		index:  make(map[string]int, len(tasks)),
		before: make([][]int, len(tasks)),
		after:  make([][]int, len(tasks)),
	}
	for i := range tasks {
		name := tasks[i].Name
		if _, twice := g.index[name]; twice {
			return nil, &DuplicateTaskError{Name: name}
		}
		g.names[i], g.index[name] = name, i
	}
	others := make(map[string][]wait, len(more))
	for _, d := range more {
		others[d.Task] = append(others[d.Task], wait{d.On, d.Field})
	}
	lastTo := make([]int, len(tasks)) // by task, the position, counted from 1, of the last task that depends on it
	for i := range tasks {
		if err := g.connect(i, &tasks[i], others[tasks[i].Name], lastTo); err != nil {
			return nil, err
		}
	}
	var cyclic map[int]bool
	if g.order, cyclic = g.sort(); len(cyclic) > 0 {
		return nil, &CycleError{Path: g.cycle(cyclic)}
	}
	return g, nil
}

// connect adds the edges to a task: its own, and others.
func (g *Graph) connect(to int, task *v1.PipelineTask, others []wait, lastTo []int) error {
	w := &waits{found: others}
	for i, name := range task.RunAfter {
		w.found = append(w.found, wait{name, field.NewPath("runAfter").Index(i)})
	}
	variables.VisitPipelineTaskValues(task, nil, w)
	for path, r := range variables.EmbeddedReferences(task) {
		if ref, ok := r.ResultRef(); ok {
			w.found = append(w.found, wait{ref.Task, field.NewPath("taskSpec").Child(path.String())})
		}
	}
	for _, found := range w.found {
		from, ok := g.index[found.task]
		if !ok {
			return &UnknownTaskError{Task: task.Name, Field: found.field.String(), Name: found.task}
		}
		if lastTo[from] == to+1 {
			continue
		}
		lastTo[from] = to + 1
		g.before[to] = append(g.before[to], from)
		g.after[from] = append(g.after[from], to)
	}
	return nil
}

// wait is a dependency of a task, and the field with the reference.
type wait struct {
	task  string
	field *field.Path
}

// waits is a variables.ValueVisitor that collects the dependencies of a task. It changes nothing.
type waits struct {
	found []wait
}

// VisitText collects the dependencies in one text.
func (w *waits) VisitText(path *field.Path, text *string) { w.note(path, *text) }

// VisitElements collects the dependencies in each text of a list.
func (w *waits) VisitElements(path *field.Path, list *[]string) {
	for i, text := range *list {
		w.note(path.Index(i), text)
	}
}

// VisitValue collects the dependencies in each text of a value.
func (w *waits) VisitValue(path *field.Path, value *v1.Value) {
	for _, text := range value.Texts() {
		w.note(path, text)
	}
}

func (w *waits) note(path *field.Path, text string) {
	for r := range variables.References(text) {
		if ref, ok := r.ResultRef(); ok {
			w.found = append(w.found, wait{ref.Task, path})
		} else if task, _, ok := r.MatrixLength(); ok {
			w.found = append(w.found, wait{task, path})
		}
	}
}

// sort sorts the tasks so that each follows its dependencies, and otherwise in the order of the pipeline. The remaining tasks
// are in a cycle, or depend on one.
func (g *Graph) sort() (sorted []int, cyclic map[int]bool) {
	waitsFor := make([]int, len(g.names))
	for i := range g.names {
		waitsFor[i] = len(g.before[i])
		if waitsFor[i] == 0 {
			sorted = append(sorted, i)
		}
	}
	for done := 0; done < len(sorted); done++ {
		for _, next := range g.after[sorted[done]] {
			if waitsFor[next]--; waitsFor[next] == 0 {
				sorted = append(sorted, next)
			}
		}
	}
	cyclic = map[int]bool{}
	for i, n := range waitsFor {
		if n > 0 {
			cyclic[i] = true
		}
	}
	return sorted, cyclic
}

// cycle follows dependencies from a task that cannot be sorted until it reaches a task for the second time.
func (g *Graph) cycle(cyclic map[int]bool) []string {
	at := 0
	for !cyclic[at] {
		at++
	}
	var walked []int
	position := map[int]int{}
	for {
		if first, met := position[at]; met {
			return g.path(walked[first:])
		}
		position[at] = len(walked)
		walked = append(walked, at)
		for _, from := range g.before[at] {
			if cyclic[from] {
				at = from
				break
			}
		}
	}
}

// path reverses the path of dependencies. It begins and ends with the task that is first in the pipeline.
func (g *Graph) path(back []int) []string {
	start := 0
	for i, at := range back {
		if at < back[start] {
			start = i
		}
	}
	names := make([]string, 0, len(back)+1)
	for i := range back {
		names = append(names, g.names[back[(start-i+len(back))%len(back)]])
	}
	return append(names, names[0])
}

// Order returns the positions of the tasks, each after its dependencies. The caller must not change it.
func (g *Graph) Order() []int { return g.order }

// Before returns the positions of the dependencies of a task, each once. The caller must not change it.
func (g *Graph) Before(task int) []int { return g.before[task] }
