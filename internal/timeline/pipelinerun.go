package timeline

import (
	"fmt"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Child is a run that a PipelineRun has created for one of its tasks.
type Child struct {
	// Task is the task of the pipeline.
	Task string
	// Span is the timeline of the child.
	Span Span
}

// OfPipelineRun returns the timeline of a PipelineRun with the given children, which are in the order of its status. Now ends what has
// not ended.
func OfPipelineRun(pr *v1.PipelineRun, children []Child, now time.Time) Span {
	s := ofRun(run{
		kind: PipelineRun, object: pr, condition: pr.Status.Condition(), start: pr.Status.StartTime, completion: pr.Status.CompletionTime,
	}, now)
	s.Attributes = append(s.Attributes, text(
		KeyPipeline, pr.Labels[v1.LabelPipeline], keyPipelineRunID, string(pr.UID), keyResult, resultOf(pr.Status.Condition()))...)
	p := period{s.End, s.Open, s.State}
	tasks := named(children)
	s.Children = append(p.before(pr, s.Start, tasks), waiting(pr, p)...)
	spec := specOf(pr)
	final := map[string]bool{}
	for i := range spec.Finally {
		final[spec.Finally[i].Name] = true
	}
	var last []Span
	for i := range tasks {
		if pr.Status.FinallyStartTime != nil && final[children[i].Task] {
			last = append(last, tasks[i])
		} else {
			s.Children = append(s.Children, tasks[i])
		}
	}
	if len(last) > 0 {
		s.Children = append(s.Children, p.finally(pr.Status.FinallyStartTime.Time, last))
	}
	s.Children = append(s.Children, p.after(tasks)...)
	return limited(fitted(s), MaxSpans)
}

// named returns the spans of children with the names of their tasks. Those of a matrix have a number, from 1.
func named(children []Child) []Span {
	count, number := map[string]int{}, map[string]int{}
	for i := range children {
		count[children[i].Task]++
	}
	spans := make([]Span, len(children))
	for i, c := range children {
		spans[i] = c.Span
		if c.Task == "" {
			continue
		}
		number[c.Task]++
		if spans[i].Name = c.Task; count[c.Task] > 1 {
			spans[i].Name = fmt.Sprintf("%s-%d", c.Task, number[c.Task])
		}
	}
	return spans
}

// before returns the phases before the first child.
func (p period) before(pr *v1.PipelineRun, from time.Time, tasks []Span) []Span {
	marks := []mark{{Queue, timeOf(pr.Status.StartTime)}}
	switch first := firstStart(tasks); {
	case !first.IsZero():
		marks = append(marks, mark{Resolve, first})
	case pr.Status.PipelineSpec == nil:
		marks = append(marks, mark{kind: Resolve})
	}
	spans, _ := p.phases(from, marks)
	return spans
}

func firstStart(spans []Span) time.Time {
	var first time.Time
	for i := range spans {
		if first.IsZero() || spans[i].Start.Before(first) {
			first = spans[i].Start
		}
	}
	return first
}

// after returns the phase from the end of the last child to the end of the run.
func (p period) after(tasks []Span) []Span {
	if p.open || len(tasks) == 0 {
		return nil
	}
	return p.closing(tasks, lastEnd(tasks))
}

func lastEnd(spans []Span) time.Time {
	var last time.Time
	for i := range spans {
		if spans[i].End.After(last) {
			last = spans[i].End
		}
	}
	return last
}

// finally returns the span of the tasks of finally.
func (p period) finally(start time.Time, tasks []Span) Span {
	s := Span{Kind: Finally, Name: string(Finally), Start: start, End: lastEnd(tasks), State: StateSucceeded, Children: tasks}
	for i := range tasks {
		switch {
		case tasks[i].Open:
			s.Open, s.State, s.End = true, StateRunning, p.end
			return s
		case tasks[i].State == StateFailed:
			s.State = StateFailed
		}
	}
	return s
}

// waiting returns the tasks of an open run that have not been created.
func waiting(pr *v1.PipelineRun, p period) []Span {
	if !p.open || pr.Status.StartTime == nil {
		return nil
	}
	gone := map[string]bool{}
	for i := range pr.Status.ChildReferences {
		gone[pr.Status.ChildReferences[i].PipelineTaskName] = true
	}
	for i := range pr.Status.SkippedTasks {
		gone[pr.Status.SkippedTasks[i].Name] = true
	}
	var spans []Span
	spec := specOf(pr)
	for _, tasks := range [][]v1.PipelineTask{spec.Tasks, spec.Finally} {
		for i := range tasks {
			if !gone[tasks[i].Name] {
				spans = append(spans, Span{
					Kind: Waiting, Name: tasks[i].Name, Start: pr.Status.StartTime.Time, End: p.end, Open: true, State: StateWaiting,
				})
			}
		}
	}
	return spans
}

// specOf returns the pipeline of a run, as far as it is known.
func specOf(pr *v1.PipelineRun) *v1.PipelineSpec {
	switch {
	case pr.Status.PipelineSpec != nil:
		return pr.Status.PipelineSpec
	case pr.Spec.PipelineSpec != nil:
		return pr.Spec.PipelineSpec
	default:
		return &v1.PipelineSpec{}
	}
}
