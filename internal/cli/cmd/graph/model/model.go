// Package model has the graph of a pipeline or of a task for users: tasks, dependencies, results, and the progress of a run.
package model

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/resultview"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/tree"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Graph is the graph to draw.
type Graph struct {
	// Title is the name of the object, as in Pipeline/build.
	Title string `json:"title"`
	// State of the run; empty without a run.
	State runs.State `json:"state,omitempty"`
	Nodes []Node     `json:"nodes"`
	Edges []Edge     `json:"edges"`
}

// Node is a task of a pipeline, or a step of a task.
type Node struct {
	// Name within the pipeline or the task.
	Name string `json:"name"`
	// Note has details: the Task of a pipeline task, or the duration of a run.
	Note string `json:"note,omitempty"`
	// State in the run; empty without a run.
	State runs.State `json:"state,omitempty"`
	// Finally: it runs when all others have ended.
	Finally bool `json:"finally,omitempty"`
	// Runs is how many runs a matrix created; 0: no matrix.
	Runs int `json:"runs,omitempty"`
}

// Edge says that To waits for From. Both are positions of nodes.
type Edge struct {
	From int `json:"from"`
	To   int `json:"to"`
	// Results of From that To uses; none: only the order matters.
	Results []Result `json:"results,omitempty"`
	// After: To is a task of finally and uses no result of From. Such an edge affects the layout and is not drawn.
	After bool `json:"after,omitempty"`
}

// Result is a result of an edge.
type Result struct {
	Name string `json:"name"`
	// Size in bytes; −1: unknown.
	Size int `json:"size"`
}

// String returns the name, with the size if it is known.
func (r Result) String() string {
	if r.Size < 0 {
		return r.Name
	}
	return r.Name + " " + resultview.Bytes(r.Size)
}

// OfPipeline returns the graph of a pipeline without a run.
func OfPipeline(title string, spec *v1.PipelineSpec) Graph {
	g := Graph{Title: title}
	index := map[string]int{}
	for _, list := range []struct {
		finally bool
		tasks   []v1.PipelineTask
	}{{false, spec.Tasks}, {true, spec.Finally}} {
		for i := range list.tasks {
			index[list.tasks[i].Name] = len(g.Nodes)
			g.Nodes = append(g.Nodes, Node{Name: list.tasks[i].Name, Note: noteOf(&list.tasks[i]), Finally: list.finally})
		}
	}
	for i := range spec.Tasks {
		g.connect(&spec.Tasks[i], index)
	}
	g.connectFinally(spec, index)
	return g
}

// noteOf returns the name of the Task of a pipeline task, if it differs, or the kind of a custom task or of a pipeline.
func noteOf(task *v1.PipelineTask) string {
	switch {
	case task.TaskRef.Custom():
		return task.TaskRef.Kind
	case task.TaskSpec.Custom():
		return task.TaskSpec.Kind
	case task.PipelineSpec != nil:
		return v1.KindPipeline
	case task.PipelineRef != nil && task.PipelineRef.Resolver != "":
		return v1.KindPipeline + " by " + task.PipelineRef.Resolver
	case task.PipelineRef != nil:
		return v1.KindPipeline + " " + task.PipelineRef.Name
	case task.TaskRef != nil && task.TaskRef.Resolver != "":
		return "by " + task.TaskRef.Resolver
	case task.TaskRef != nil && task.TaskRef.Name != task.Name:
		return task.TaskRef.Name
	case task.Matrix != nil:
		return "matrix"
	default:
		return ""
	}
}

// connect adds the edges to a task: one for each task that it waits for.
func (g *Graph) connect(task *v1.PipelineTask, index map[string]int) {
	to := index[task.Name]
	for _, from := range variables.Dependencies(task) {
		if at, ok := index[from]; ok {
			g.Edges = append(g.Edges, Edge{From: at, To: to})
		}
	}
	for _, ref := range variables.TaskResultRefs(task) {
		at, ok := index[ref.Task]
		if !ok {
			continue
		}
		i := slices.IndexFunc(g.Edges, func(e Edge) bool { return e.From == at && e.To == to })
		if !slices.ContainsFunc(g.Edges[i].Results, func(r Result) bool { return r.Name == ref.Result }) {
			g.Edges[i].Results = append(g.Edges[i].Results, Result{ref.Result, -1})
		}
	}
}

// connectFinally puts the tasks of finally after the last tasks.
func (g *Graph) connectFinally(spec *v1.PipelineSpec, index map[string]int) {
	waitedFor := map[int]bool{}
	for _, e := range g.Edges {
		waitedFor[e.From] = true
	}
	for i := range spec.Finally {
		g.connect(&spec.Finally[i], index)
		to := index[spec.Finally[i].Name]
		for from := range spec.Tasks {
			taken := slices.ContainsFunc(g.Edges, func(e Edge) bool { return e.From == from && e.To == to })
			if !waitedFor[from] && !taken {
				g.Edges = append(g.Edges, Edge{From: from, To: to, After: true})
			}
		}
	}
}

// OfTask returns the graph of a task without a run: its steps in order.
func OfTask(title string, spec *v1.TaskSpec) Graph {
	g := Graph{Title: title}
	for i := range spec.Steps {
		name := spec.Steps[i].Name
		if name == "" {
			name = fmt.Sprintf("unnamed-%d", i)
		}
		g.Nodes = append(g.Nodes, Node{Name: name, Note: spec.Steps[i].Image})
		if i > 0 {
			g.Edges = append(g.Edges, Edge{From: i - 1, To: i})
		}
	}
	return g
}

// OfRun returns the graph of a run. It fails while the status has no definition yet.
func OfRun(s runs.Snapshot, now time.Time) (Graph, error) {
	title := s.Run.Kind() + "/" + s.Run.Name()
	if tr := s.Run.TaskRun; tr != nil {
		return ofTaskRun(title, tr, now)
	}
	pr := s.Run.PipelineRun
	spec := pr.Status.PipelineSpec
	if spec == nil {
		spec = pr.Spec.PipelineSpec
	}
	if spec == nil {
		return Graph{}, fmt.Errorf("cannot draw %s: it has not started, so its status has no pipeline yet", title)
	}
	g := OfPipeline(title, spec)
	g.State = s.Run.State()
	sizes := map[string]map[string]int{}
	for i := range g.Nodes {
		g.Nodes[i].stand(s, now)
		sizes[g.Nodes[i].Name] = sizesOf(s, g.Nodes[i].Name)
	}
	for i := range g.Edges {
		of := sizes[g.Nodes[g.Edges[i].From].Name]
		for j := range g.Edges[i].Results {
			if n, ok := of[g.Edges[i].Results[j].Name]; ok {
				g.Edges[i].Results[j].Size = n
			}
		}
	}
	return g, nil
}

// stand sets the state of a task in a run.
func (n *Node) stand(s runs.Snapshot, now time.Time) {
	n.State = runs.Waiting
	if s.Run.Done() {
		n.State = runs.Skipped
	}
	for _, skipped := range s.Run.PipelineRun.Status.SkippedTasks {
		if skipped.Name == n.Name {
			n.State, n.Note = runs.Skipped, skipped.Reason
		}
	}
	var took time.Duration
	var states []runs.State
	for _, tr := range s.Tasks {
		if tr.Labels[v1.LabelPipelineTask] == n.Name {
			r := runs.OfTask(tr)
			states = append(states, r.State())
			took = max(took, r.Took(now))
		}
	}
	for _, child := range s.Children(n.Name) {
		states = append(states, child.State())
		took = max(took, child.Took(now))
	}
	if len(states) == 0 {
		return
	}
	n.State, n.Note = together(states), runs.Spoken(took)
	if len(states) > 1 {
		n.Runs = len(states)
	}
}

// together returns the state for the TaskRuns of one task: the most important one.
func together(states []runs.State) runs.State {
	for _, s := range []runs.State{runs.Failed, runs.Cancelled, runs.Running} {
		if slices.Contains(states, s) {
			return s
		}
	}
	if slices.Contains(states, runs.Waiting) {
		return runs.Waiting
	}
	return runs.Succeeded
}

// sizesOf returns the sizes of the results of a task by name. For a matrix it adds them up.
func sizesOf(s runs.Snapshot, task string) map[string]int {
	sizes := map[string]int{}
	for _, tr := range s.Tasks {
		if tr.Labels[v1.LabelPipelineTask] == task {
			for _, r := range resultview.Of(runs.Snapshot{Run: runs.OfTask(tr), Tasks: []*v1.TaskRun{tr}}) {
				sizes[r.Name] += r.Size
			}
		}
	}
	for _, child := range s.Children(task) {
		for name, size := range child.Results {
			sizes[name] += size
		}
	}
	return sizes
}

func ofTaskRun(title string, tr *v1.TaskRun, now time.Time) (Graph, error) {
	spec := tr.Status.TaskSpec
	if spec == nil {
		spec = tr.Spec.TaskSpec
	}
	if spec == nil {
		return Graph{}, fmt.Errorf("cannot draw %s: it has not started, so its status has no task yet", title)
	}
	g := OfTask(title, spec)
	g.State = runs.OfTask(tr).State()
	steps := tree.Of(runs.Snapshot{Run: runs.OfTask(tr)}, now).Children
	for i := range g.Nodes {
		g.Nodes[i].Note, g.Nodes[i].State = "", runs.Waiting
		if i < len(steps) {
			g.Nodes[i].State, g.Nodes[i].Note = steps[i].State, strings.TrimSpace(runs.Spoken(steps[i].Took)+" "+steps[i].Note)
		}
	}
	return g, nil
}
