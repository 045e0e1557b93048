// Package timeline computes the timeline of a run: a tree of spans from its creation to its end. It is pure, and it reads only what
// the API server stores: the statuses of the run and of its children, and those of its pods as long as they exist. So the timeline
// of a finished run is the same whenever it is computed.
//
// The API has times in whole seconds. A phase that is shorter than that has no length, and is left out.
package timeline

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Kind is what a span is about.
type Kind string

// The kinds. The first four are runs, and the spans of the others are parts of a run.
const (
	PipelineRun Kind = "pipelinerun"
	TaskRun     Kind = "taskrun"
	CustomRun   Kind = "customrun"
	// Attempt is one attempt of a TaskRun that has been retried.
	Attempt Kind = "attempt"
	// Waiting is a task of a pipeline that has not been created: it waits for other tasks.
	Waiting Kind = "waiting"
	// Queue is the time until the controller acts on a run or on an attempt.
	Queue Kind = "queue"
	// Resolve is the time until the controller has found the definition, and has created what it starts.
	Resolve Kind = "resolve"
	// Schedule is the time until the pod has a node.
	Schedule Kind = "schedule"
	// Init is the time until the init containers have ended.
	Init Kind = "init"
	// Images is the time until the first step runs: images are pulled, and containers are created.
	Images Kind = "images"
	// Pod is all of the above after Queue, for a pod that is deleted.
	Pod Kind = "pod"
	// Step is one step of a task.
	Step Kind = "step"
	// Finally has the tasks of finally.
	Finally Kind = "finally"
	// Results is the time from the last step or task to the end of the run: results are collected and checked, and the outcome is
	// written.
	Results Kind = "results"
)

// State is the state of a span.
type State string

// The states, in the words of the command line.
const (
	StateWaiting   State = "waiting"
	StateRunning   State = "running"
	StateSucceeded State = "succeeded"
	StateFailed    State = "failed"
	StateCancelled State = "cancelled"
	StateSkipped   State = "skipped"
)

// Attribute is a fact about a span: a text, or a number if Numeric.
type Attribute struct {
	Key     string `json:"key"`
	Text    string `json:"text,omitempty"`
	Number  int64  `json:"number,omitempty"`
	Numeric bool   `json:"numeric,omitempty"`
}

// Span is a period of a run. Its children lie within it, in the order of their starts.
type Span struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// UID of the run; empty for a part of a run.
	UID types.UID `json:"uid,omitempty"`
	// Start and End are its times. Open: it has not ended, and End is the time at which the timeline was computed.
	Start      time.Time   `json:"start"`
	End        time.Time   `json:"end"`
	Open       bool        `json:"open,omitempty"`
	State      State       `json:"state"`
	Attributes []Attribute `json:"attributes,omitempty"`
	Children   []Span      `json:"children,omitempty"`
	// More is the number of children that were left out because of MaxSpans.
	More int `json:"more,omitempty"`
}

// MaxSpans is the maximum number of spans in one timeline. A page or a trace with more could not be read.
const MaxSpans = 2000

// Took returns the length of the span.
func (s *Span) Took() time.Duration { return s.End.Sub(s.Start) }

// Count returns the number of spans in the tree.
func (s *Span) Count() int {
	n := 1
	for i := range s.Children {
		n += s.Children[i].Count()
	}
	return n
}

// fitted returns the span with its children in order and within it. Clocks of the API server, the controller and the nodes
// differ, so a child can seem to begin before its parent. A child that outlives its parent ends with it here.
func fitted(s Span) Span {
	if s.End.Before(s.Start) {
		s.End = s.Start
	}
	s.Children = slices.Clone(s.Children) // the caller may use its spans again
	slices.SortStableFunc(s.Children, func(a, b Span) int { return a.Start.Compare(b.Start) })
	for i := range s.Children {
		c := &s.Children[i]
		c.Start, c.End, c.Open = within(s, c.Start), within(s, c.End), c.Open && s.Open
		*c = fitted(*c)
	}
	return s
}

// within returns the time in a span that is nearest to t.
func within(s Span, t time.Time) time.Time {
	switch {
	case t.Before(s.Start):
		return s.Start
	case t.After(s.End):
		return s.End
	default:
		return t
	}
}

// limited returns the span with no more than most spans in all. It leaves out the deepest ones, and of one level the last ones.
func limited(s Span, most int) Span {
	if s.Count() <= most {
		return s
	}
	left := most - 1
	level := []*Span{&s}
	for len(level) > 0 {
		var next []*Span
		for _, parent := range level {
			kept := min(left, len(parent.Children))
			parent.More += len(parent.Children) - kept
			parent.Children = parent.Children[:kept]
			left -= kept
			for i := range parent.Children {
				next = append(next, &parent.Children[i])
			}
		}
		level = next
	}
	return s
}

// text returns attributes for pairs of a key and a text, without those whose text is empty.
func text(pairs ...string) []Attribute {
	var all []Attribute
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all = append(all, Attribute{Key: pairs[i], Text: pairs[i+1]})
		}
	}
	return all
}

// firstOf returns the first time that is not zero.
func firstOf(times ...time.Time) time.Time { return cmp.Or(times...) }
