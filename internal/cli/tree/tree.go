// Package tree shows a run as a tree of tasks and steps, with the state and the duration of each.
package tree

import (
	"fmt"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// Node is a run, a task or a step.
type Node struct {
	// Name of the run, task or step.
	Name string
	// State of the node.
	State runs.State
	// Took is the duration until now or until the end; 0 before the start.
	Took time.Duration
	// Note has details: a reason, the number of an attempt, or an exit code.
	Note string
	// Children are the tasks of a run or of a pipeline in it, or the steps of a task.
	Children []Node
}

// Of returns the tree of a run.
func Of(s runs.Snapshot, now time.Time) Node {
	root := Node{Name: s.Run.FullName().String(), State: s.Run.State(), Took: s.Run.Took(now), Note: noteOf(s.Run)}
	if s.Run.TaskRun != nil {
		root.Children = stepsOf(s.Run.TaskRun, now)
		return root
	}
	seen := map[string]bool{}
	for _, task := range plannedTasks(s.Run.PipelineRun) {
		some := tasksOf(s, task, now)
		for _, tr := range s.Tasks {
			if tr.Labels[v1.LabelPipelineTask] == task {
				seen[tr.Name] = true
			}
		}
		root.Children = append(root.Children, some...)
	}
	for _, tr := range s.Tasks {
		if !seen[tr.Name] {
			root.Children = append(root.Children, taskNode(s, tr, now))
		}
	}
	return root
}

// plannedTasks returns the names of the pipeline tasks, those of finally last.
func plannedTasks(pr *v1.PipelineRun) []string {
	spec := pr.Status.PipelineSpec
	if spec == nil {
		spec = pr.Spec.PipelineSpec
	}
	if spec == nil {
		return nil
	}
	var names []string
	for _, tasks := range [][]v1.PipelineTask{spec.Tasks, spec.Finally} {
		for i := range tasks {
			names = append(names, tasks[i].Name)
		}
	}
	return names
}

// tasksOf returns the nodes of the TaskRuns of one pipeline task, or a node for a task that waits or was skipped.
func tasksOf(s runs.Snapshot, task string, now time.Time) []Node {
	var nodes []Node
	for _, tr := range s.Tasks {
		if tr.Labels[v1.LabelPipelineTask] == task {
			nodes = append(nodes, taskNode(s, tr, now))
		}
	}
	nodes = append(nodes, childNodes(s.Children(task), now)...)
	if len(nodes) > 0 {
		return nodes
	}
	for _, skipped := range s.Run.PipelineRun.Status.SkippedTasks {
		if skipped.Name == task {
			return []Node{{Name: task, State: runs.Skipped, Note: skipped.Reason}}
		}
	}
	return []Node{{Name: task, State: runs.Waiting}}
}

// childNodes returns the nodes of children of one pipeline task that are no TaskRuns. Those of a matrix have a number, from 1.
func childNodes(children []runs.Child, now time.Time) []Node {
	var nodes []Node
	for i, child := range children {
		node := Node{Name: child.Task, State: child.State(), Took: child.Took(now), Note: child.Note()}
		if len(children) > 1 {
			node.Name = fmt.Sprintf("%s-%d", child.Task, i+1)
		}
		if child.Within != nil {
			node.Children = Of(*child.Within, now).Children
		}
		nodes = append(nodes, node)
	}
	return nodes
}

func taskNode(s runs.Snapshot, tr *v1.TaskRun, now time.Time) Node {
	r := runs.OfTask(tr)
	return Node{Name: s.Task(tr), State: r.State(), Took: r.Took(now), Note: noteOf(r), Children: stepsOf(tr, now)}
}

// noteOf returns details that the state does not have.
func noteOf(r runs.Run) string {
	note := ""
	switch r.Reason() {
	case v1.TaskRunReasonSucceeded, v1.TaskRunReasonRunning, v1.TaskRunReasonStarted, v1.TaskRunReasonFailed, v1.PipelineRunReasonCompleted:
	default:
		note = r.Reason()
	}
	if r.TaskRun == nil || len(r.TaskRun.Status.RetriesStatus) == 0 {
		return note
	}
	attempt := fmt.Sprintf("attempt %d", len(r.TaskRun.Status.RetriesStatus)+1)
	if note == "" {
		return attempt
	}
	return attempt + ", " + note
}

func stepsOf(tr *v1.TaskRun, now time.Time) []Node {
	var nodes []Node
	before := true // whether all earlier steps have ended: only then is the step running
	for i := range tr.Status.Steps {
		node := stepNode(&tr.Status.Steps[i], before, tr.Status.Done(), now)
		before = before && tr.Status.Steps[i].Terminated != nil
		nodes = append(nodes, node)
	}
	return nodes
}

// stepNode returns the node of a step. All containers of a pod start together and wait for their turn, so a step is running only
// after the earlier steps have ended.
func stepNode(step *v1.StepState, turn, over bool, now time.Time) Node {
	node := Node{Name: step.Name, State: runs.Waiting}
	switch {
	case step.Terminated != nil:
		t := step.Terminated
		node.Took = runs.Between(&t.StartedAt, &t.FinishedAt, now)
		if node.State, node.Note = ended(step.TerminationReason, t.ExitCode); node.State == runs.Skipped {
			node.Took = 0 // the container ran, but not the step
		}
	case over:
		node.State = runs.Skipped
	case step.Running != nil && turn:
		node.State, node.Took = runs.Running, runs.Between(&step.Running.StartedAt, nil, now)
	case step.Waiting != nil && step.Waiting.Reason != "PodInitializing" && step.Waiting.Reason != "ContainerCreating":
		node.Note = step.Waiting.Reason
	}
	return node
}

// ended returns the state of a step that has ended, by the reason in the status and the exit code. Without a reason the code
// decides.
func ended(reason string, code int32) (state runs.State, note string) {
	switch reason {
	case "Skipped":
		return runs.Skipped, ""
	case "Cancelled":
		return runs.Cancelled, ""
	case "Continued":
		return runs.Failed, fmt.Sprintf("exit code %d, onError: continue", code)
	case "", "Completed", "Error":
	default:
		return runs.Failed, reason
	}
	if code == 0 {
		return runs.Succeeded, ""
	}
	return runs.Failed, fmt.Sprintf("exit code %d", code)
}
