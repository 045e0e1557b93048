package pipelinerun

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// maxSentences is the maximum number of sentences of one kind in a message, and of warnings of one kind.
const maxSentences = 10

// enumerated returns the part of a message with these sentences; empty if there are none.
func enumerated(sentences []string) string {
	var b strings.Builder
	for _, s := range sentences[:min(len(sentences), maxSentences)] {
		b.WriteString("; " + s)
	}
	if more := len(sentences) - maxSentences; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// leftOut returns a sentence about each result of the pipeline that is absent: which one, because of which task, and why. As the
// public documentation says, such a result does not fail the run.
func leftOut(absent []substitute.AbsentResult, tasks []TaskState) []string {
	named := byName(tasks)
	out := make([]string, 0, len(absent))
	for _, a := range absent {
		out = append(out, fmt.Sprintf("left out: result %q: %s", a.Name, whyAbsent(a, named[a.Task])))
	}
	return out
}

// unwritten returns the sentences about those results that are absent although their task succeeded. Their users expect them.
func unwritten(absent []substitute.AbsentResult, tasks []TaskState) []string {
	named := byName(tasks)
	return leftOut(slices.DeleteFunc(slices.Clone(absent), func(a substitute.AbsentResult) bool {
		s := named[a.Task]
		return s == nil || s.Phase != Succeeded
	}), tasks)
}

// whyAbsent returns why a task has not produced a result. The task is nil if the pipeline does not have it.
func whyAbsent(a substitute.AbsentResult, s *TaskState) string {
	switch {
	case s == nil:
		return fmt.Sprintf("the pipeline has no task %q", a.Task)
	case s.Phase == Skipped:
		return fmt.Sprintf("task %q was skipped (%s)", a.Task, s.Skipped.Reason)
	case s.Phase == Succeeded:
		return fmt.Sprintf("task %q succeeded and did not write result %q; write it in the task, or remove %q from the results of the pipeline",
			a.Task, a.Result, a.Name)
	default:
		return fmt.Sprintf("task %q ended without writing result %q", a.Task, a.Result)
	}
}

// copies are the children of a matrix that did not write a result.
type copies struct {
	// names are the first of them, and more is the number of the others.
	names []string
	more  int
	// of is the number of all children.
	of int
}

// maxCopies is how many children a sentence names.
const maxCopies = 5

// lack is how many children did not write the result.
func (c *copies) lack() int { return len(c.names) + c.more }

// add adds a child that did not write the result.
func (c *copies) add(name string) {
	if len(c.names) < maxCopies {
		c.names = append(c.names, name)
	} else {
		c.more++
	}
}

// sentence returns what the list of a matrix lacks.
func (c *copies) sentence(task, result string) string {
	names := fmt.Sprintf("%q", c.names)
	if c.more > 0 {
		names += fmt.Sprintf(" and %d more", c.more)
	}
	return fmt.Sprintf("result %q of task %q has the values of %d of %d children, in their order; these did not write it: %s",
		result, task, c.of-c.lack(), c.of, names)
}

// noteUnwritten records which results a child of a matrix has not written, of those that are being read.
func (r *results) noteUnwritten(s *TaskState, child Run, written []v1.TaskRunResult, reading map[string]*uses) {
	if s.Task.Matrix == nil {
		return
	}
	names := make(map[string]bool, len(written))
	for i := range written {
		names[written[i].Name] = true
	}
	task := s.Task.Name
	for name := range reading {
		if names[name] {
			continue
		}
		if r.unwritten[task] == nil {
			r.unwritten[task] = map[string]*copies{}
		}
		if r.unwritten[task][name] == nil {
			r.unwritten[task][name] = &copies{of: len(s.Children)}
		}
		r.unwritten[task][name].add(child.GetName())
	}
}

// shorter returns a sentence about each needed result of a matrix that not all children wrote. Its list is shorter, so that a
// position in it is not the position of a child. If no child wrote the result, there is no list. A use of the length of the list
// alone needs no sentence.
func (r *results) shorter(wanted needs) []string {
	var out []string
	for _, task := range wanted.tasks() {
		for _, result := range slices.Sorted(maps.Keys(wanted[task])) {
			c := r.unwritten[task][result]
			if c != nil && c.lack() < c.of && wanted[task][result].whole {
				out = append(out, c.sentence(task, result))
			}
		}
	}
	return out
}
