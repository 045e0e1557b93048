// Package dag makes a graph out of the tasks of a pipeline and says which of them can start.
package dag

import (
	"fmt"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Graph is the order in which the tasks of a pipeline run. It has no cycle. All its answers follow the order in which the
// pipeline lists the tasks.
type Graph struct {
	names  []string
	index  map[string]int
	before [][]int // for each task, those that must have succeeded
	after  [][]int // for each task, those that wait for it
}

// NodeState is where a task stands.
type NodeState int

// The states of a task.
const (
	// Waiting: not started yet.
	Waiting NodeState = iota
	// Started: it runs, or is about to.
	Started
	// Succeeded: those that wait for it can start.
	Succeeded
	// Failed: it ended otherwise, or will never run; neither will those that wait for it.
	Failed
)

// UnknownTaskError is a reference to a task that the pipeline does not have.
type UnknownTaskError struct {
	// Task that refers to it, and the Field of that task.
	Task, Field string
	// Name that no task has.
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
	return fmt.Sprintf("cannot tell two tasks apart: both are called %q", e.Name)
}

// CycleError is a cycle: each task of the path waits for the one before it.
type CycleError struct {
	// Path begins and ends with the same task.
	Path []string
}

func (e *CycleError) Error() string {
	return "cannot order the tasks: they wait for each other: " + strings.Join(e.Path, " → ")
}

// Build makes the graph: a task waits for those in its runAfter and for those whose results its params use. The error is
// an *UnknownTaskError, a *DuplicateTaskError or a *CycleError. The time is linear in the size of the pipeline.
func Build(tasks []v1.PipelineTask) (*Graph, error) {
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
	for i := range tasks {
		if err := g.connect(i, &tasks[i]); err != nil {
			return nil, err
		}
	}
	if _, cyclic := g.order(); len(cyclic) > 0 {
		return nil, &CycleError{Path: g.cycle(cyclic)}
	}
	return g, nil
}

// connect adds the edges that lead to a task, one for each reference: two tasks can have several between them.
func (g *Graph) connect(to int, task *v1.PipelineTask) error {
	add := func(name, fieldFormat string, position int) error {
		from, ok := g.index[name]
		if !ok {
			return &UnknownTaskError{Task: task.Name, Field: fmt.Sprintf(fieldFormat, position), Name: name}
		}
		g.before[to] = append(g.before[to], from)
		g.after[from] = append(g.after[from], to)
		return nil
	}
	for i, name := range task.RunAfter {
		if err := add(name, "runAfter[%d]", i); err != nil {
			return err
		}
	}
	for i := range task.Params {
		for _, ref := range task.Params[i].Value.ResultRefs() {
			if err := add(ref.Task, "params[%d]", i); err != nil {
				return err
			}
		}
	}
	return nil
}

// order sorts the tasks so that each comes behind those that it waits for. What cannot be sorted is in a cycle, or waits
// for one that is.
func (g *Graph) order() (sorted []int, cyclic map[int]bool) {
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

// cycle walks back from one task that cannot be sorted to those that it waits for, until it meets one for the second
// time.
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

// path turns the way back into the way forward, beginning and ending with the task that the pipeline lists first.
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

// Ready returns the tasks that can start now: those that wait and for which all that they wait for have succeeded.
func (g *Graph) Ready(state func(task string) NodeState) []string {
	states := g.states(state)
	var ready []string
	for i, name := range g.names {
		if states[i] == Waiting && all(g.before[i], states, Succeeded) {
			ready = append(ready, name)
		}
	}
	return ready
}

// Unreachable returns the waiting tasks that will never be ready, because one that they wait for, however far up, failed.
func (g *Graph) Unreachable(state func(task string) NodeState) []string {
	states := g.states(state)
	sorted, _ := g.order()
	lost := make([]bool, len(g.names))
	for _, i := range sorted {
		lost[i] = states[i] == Failed
		for _, from := range g.before[i] {
			lost[i] = lost[i] || states[i] == Waiting && lost[from]
		}
	}
	var names []string
	for i, name := range g.names {
		if lost[i] && states[i] == Waiting {
			names = append(names, name)
		}
	}
	return names
}

// Tasks returns the names of the tasks, each behind those that it waits for.
func (g *Graph) Tasks() []string {
	sorted, _ := g.order()
	names := make([]string, len(sorted))
	for position, i := range sorted {
		names[position] = g.names[i]
	}
	return names
}

func (g *Graph) states(state func(task string) NodeState) []NodeState {
	states := make([]NodeState, len(g.names))
	for i, name := range g.names {
		states[i] = state(name)
	}
	return states
}

func all(tasks []int, states []NodeState, want NodeState) bool {
	for _, i := range tasks {
		if states[i] != want {
			return false
		}
	}
	return true
}
