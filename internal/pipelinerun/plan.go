package pipelinerun

import (
	"slices"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
	"github.com/sluice-ci/sluice/internal/when"
)

// Limits of what one reconcile starts, so that the status reports it soon, and its memory is limited. The children of one
// task all start together, even if there are more of them.
const (
	// maxStarted is the number of children.
	maxStarted = 128
	// maxBytes is their size, encoded, in bytes.
	maxBytes = 32 << 20
)

// Plan is what a reconcile decides about the tasks of a run.
type Plan struct {
	// Tasks are the states of the tasks in the order of the pipeline, and then those of finally. A task that the plan skips is
	// Skipped. One that it starts is still Waiting.
	Tasks []TaskState
	// Deadlines of the run and of its parts. A part that starts with this plan has its deadline from now.
	Deadlines Deadlines
	// Stops are the reasons why no further task starts.
	Stops StopPolicy
	// Wanted are the children of the tasks that can start now.
	Wanted []Wanted
	// More reports that other tasks can start as soon as these have started.
	More bool
	// Problem is why a task that should start now cannot: the first such task.
	Problem *Problem
	// Results are those from which the results of the pipeline are computed; nil unless all tasks are done.
	Results substitute.Tasks
	// TooMuch reports that these are more than the run can hold.
	TooMuch error
	// Shorter are sentences about lists in Results that lack values of a matrix.
	Shorter []string
	// Need is what must be read before the plan is complete; nil when it is.
	Need *Need
}

// Wanted are the children of one task that can start now.
type Wanted struct {
	// Task is its index in Plan.Tasks.
	Task int
	// Runs has one for each combination of its matrix, and References has the status entry of each.
	Runs       []Run
	References []v1.ChildReference
	// Shorter are sentences about lists that the task uses, and that lack values of a matrix.
	Shorter []string

	// bytes is the size of the children, encoded, and growth is how much the PipelineRun grows by references to a matrix.
	bytes, growth int
}

// Need is what a plan needs to know next. One of its parts is set.
type Need struct {
	// Orphans are children that an earlier reconcile created and could not record, of tasks that are about to be given up.
	Orphans bool
	// Results are those that a task needs, or the results of the pipeline, for which Task is empty.
	Results needs
	Task    string
	// Keep are known results that the same task also needs.
	Keep needs
}

// Inputs are everything that a plan is made from.
type Inputs struct {
	// Run and Obs are the run and what was observed of it.
	Run *v1.PipelineRun
	Obs Observation
	// Evaluator evaluates when expressions, and Builder builds children. Both are pure.
	Evaluator *when.Evaluator
	Builder   *childBuilder

	// Loaded are the results that were read for the plan.
	Loaded *results
	// Orphans are the children that are not in the status, by task; nil before they were searched for.
	Orphans map[string][]Child
	// Lost are the kinds and names, as childKey returns them, of the children that did not exist any more when their results were read.
	Lost map[string]bool
}

// plan continues a plan from what is known by now: the zero Plan, or one that needed something that was read since. It is
// pure: the same inputs give the same plan, and neither of its arguments is changed.
//
// For each task that has not started, behind the tasks that it waits for, the plan decides that it waits, starts, or is
// skipped. What is decided stays decided, so that the results that a decision needed can be dropped.
func plan(in Inputs, before Plan) Plan {
	p := newPlanner(in, before)
	p.run()
	return p.plan
}

// planner is one round of planning.
type planner struct {
	Inputs

	plan  Plan
	tasks map[string]*TaskState
	// wanted are the indices of the tasks that start.
	wanted map[int]bool
}

func newPlanner(in Inputs, before Plan) *planner {
	p := &planner{Inputs: in, plan: before, wanted: make(map[int]bool, len(before.Wanted))}
	p.plan.Need = nil
	if before.Tasks == nil {
		p.plan.Tasks = in.Obs.Tasks
	}
	p.plan.Tasks, p.plan.Wanted = slices.Clone(p.plan.Tasks), slices.Clone(p.plan.Wanted)
	p.tasks = byName(p.plan.Tasks)
	for i := range p.plan.Wanted {
		p.wanted[p.plan.Wanted[i].Task] = true
	}
	p.learn()
	return p
}

// learn updates the tasks whose children do not exist any more.
func (p *planner) learn() {
	if len(p.Lost) == 0 {
		return
	}
	for i := range p.plan.Tasks {
		s := &p.plan.Tasks[i]
		s.Children = p.withLost(s.Children)
		s.update()
	}
}

// withLost returns a copy of children, in which those that do not exist any more are Lost.
func (p *planner) withLost(children []Child) []Child {
	children = slices.Clone(children)
	for i := range children {
		c := &children[i]
		c.Lost = c.Lost || p.Lost[childKey(c.Run.Kind().Name(), c.Run.GetName())]
	}
	return children
}

// adopt gives a task that is about to be skipped the children that it has already, and reports whether there are any. The children of a
// task that may still start are not adopted, because some may be missing: their creation finds those that exist.
func (p *planner) adopt(s *TaskState) bool {
	orphans := p.Orphans[s.Task.Name]
	if len(orphans) == 0 {
		return false
	}
	s.Children = p.withLost(orphans)
	s.update()
	return true
}

// skip skips a task, unless it has children.
func (p *planner) skip(s *TaskState, reason string) {
	if !p.adopt(s) {
		s.skip(reason, nil)
	}
}

// run continues the plan until it is complete, or needs something.
func (p *planner) run() {
	p.stop()
	if p.plan.Need == nil && !p.willFail() {
		p.decideAll()
	}
	if p.plan.Need == nil && p.willFail() {
		p.plan.Wanted, p.plan.More = nil, false
		p.wanted = nil
		p.stop()
		p.skipStopped()
	}
	if p.plan.Need != nil {
		return
	}
	p.plan.Deadlines = p.deadlines()
	if len(p.plan.Wanted) == 0 && p.plan.allDone() {
		p.collect()
	}
}

// willFail reports whether a task, other than those of finally, should start but cannot: the run will fail, and starts
// nothing else.
func (p *planner) willFail() bool {
	return p.plan.Problem != nil && !p.tasks[p.plan.Problem.Task].Final
}

// stop decides which parts of the pipeline stop. Before the plan gives up tasks that have not started, it must know the
// children that they may still have.
func (p *planner) stop() {
	p.plan.Deadlines = p.deadlines()
	p.plan.Stops = stopPolicyOf(p.Run, p.Obs.Now, p.plan.Deadlines, p.plan.Tasks)
	if p.Orphans == nil && p.plan.abandonsTasks() {
		p.plan.Need = &Need{Orphans: true}
	}
}

// deadlines returns the deadlines of the run and its parts. A part without a start in the status starts now.
func (p *planner) deadlines() Deadlines {
	start, finally := p.Obs.Now, time.Time{}
	if at := p.Run.Status.StartTime; at != nil {
		start = at.Time
	}
	if at := p.Run.Status.FinallyStartTime; at != nil {
		finally = at.Time
	} else if p.plan.startsFinally() {
		finally = p.Obs.Now
	}
	d := deadlinesOf(start, finally, p.Obs.Timeouts)
	if p.plan.tasksDone() {
		d.Tasks = time.Time{}
	}
	return d
}

// decideAll decides about all tasks. It stops early, and sets More, when there is enough to start. It also stops at the first
// problem, and where it needs results.
func (p *planner) decideAll() {
	for _, i := range p.Obs.Graph.Order() {
		s := &p.plan.Tasks[i]
		if s.Phase != Waiting || p.wanted[i] || !p.mayStart(i, s) {
			continue
		}
		if p.decide(i, p.Obs.Vars); p.plan.Need != nil || p.plan.More || p.plan.Problem != nil {
			return
		}
	}
	if !p.plan.tasksDone() {
		return
	}
	vars := p.Obs.Vars.With(taskStatuses(p.plan.Tasks))
	for i := range p.plan.Tasks {
		s := &p.plan.Tasks[i]
		if s.Phase != Waiting || p.wanted[i] || p.skipIfStopped(s) {
			continue
		}
		// A problem with one task of finally keeps none of the others from starting.
		if p.decide(i, vars); p.plan.Need != nil || p.plan.More {
			return
		}
	}
}

// mayStart reports whether all dependencies of the task are done. It skips the task if it can never start.
func (p *planner) mayStart(i int, s *TaskState) bool {
	if p.skipIfStopped(s) {
		return false
	}
	for _, j := range p.Obs.Graph.Before(i) {
		parent := &p.plan.Tasks[j]
		switch {
		case !parent.Phase.done():
			return false
		case parent.Phase == Skipped && parent.Skipped.Reason != v1.SkipReasonWhen:
			p.skip(s, v1.SkipReasonParents)
			return false
		case parent.Phase != Skipped && !parent.Phase.passed():
			return false
		}
	}
	return true
}

// skipIfStopped skips a task that must not start any more, and reports whether it did.
func (p *planner) skipIfStopped(s *TaskState) bool {
	stop := p.plan.Stops.of(s)
	if stop.Reason != "" {
		p.skip(s, stop.Reason)
	}
	return stop.Reason != ""
}

// skipStopped skips the tasks that must not start any more, except those of finally.
func (p *planner) skipStopped() {
	if p.plan.Need != nil {
		return
	}
	for i := range p.plan.Tasks {
		if s := &p.plan.Tasks[i]; s.Phase == Waiting && !s.Final {
			p.skipIfStopped(s)
		}
	}
}

// collect adds to the plan the results from which the results of the pipeline are computed. A task that failed contributes
// what it wrote, as a report of what it found; a cancelled one does not.
func (p *planner) collect() {
	wanted := neededByResults(p.Obs.Spec).of(p.tasks, Succeeded, Ignored, Failed)
	known, err := p.Loaded.known("", wanted, p.tasks)
	if !known {
		p.plan.Need = &Need{Results: wanted}
		return
	}
	p.plan.TooMuch = err
	p.plan.Results = resultsOf(p.tasks, p.Loaded, Succeeded, Ignored, Failed)
	p.plan.Shorter = p.Loaded.shorter(wanted)
}

// abandonsTasks reports whether there are tasks that are skipped now because their part of the pipeline stops.
func (p *Plan) abandonsTasks() bool {
	done := p.tasksDone()
	return slices.ContainsFunc(p.Tasks, func(s TaskState) bool {
		return s.Phase == Waiting && p.Stops.of(&s).Reason != "" && (done || !s.Final)
	})
}

// tasksDone reports whether all tasks have ended or will not run, except those of finally.
func (p *Plan) tasksDone() bool {
	return !slices.ContainsFunc(p.Tasks, func(s TaskState) bool { return !s.Final && !s.Phase.done() })
}

// allDone reports whether all tasks have ended or will not run.
func (p *Plan) allDone() bool {
	return !slices.ContainsFunc(p.Tasks, func(s TaskState) bool { return !s.Phase.done() })
}

// anyLost reports whether a recorded child does not exist any more: decisions that depend on its results and its status may
// now be different.
func (p *Plan) anyLost() bool {
	return slices.ContainsFunc(p.Tasks, func(s TaskState) bool {
		return slices.ContainsFunc(s.Children, func(c Child) bool { return c.Lost })
	})
}

// decided reports whether the plan skips or starts a task that was undecided before. The status will have that.
func (p *Plan) decided(before []TaskState) bool {
	for i := range p.Tasks {
		if p.Tasks[i].Skipped != nil && before[i].Skipped == nil {
			return true
		}
	}
	return len(p.Wanted) > 0
}

// startsFinally reports whether the tasks of finally can start: all others are done, and nothing stops them.
func (p *Plan) startsFinally() bool {
	return p.tasksDone() && p.Stops.Finally.Reason == "" && slices.ContainsFunc(p.Tasks, func(s TaskState) bool { return s.Final })
}

// giveUps returns when the run no longer waits for the children that were asked to stop, in the future.
func (p *Plan) giveUps(now time.Time) []time.Time {
	var out []time.Time
	for i := range p.Tasks {
		for j := range p.Tasks[i].Children {
			c := &p.Tasks[i].Children[j]
			if c.Lost || c.done() {
				continue
			}
			if at := c.Run.Progress().GiveUp; at.After(now) {
				out = append(out, at)
			}
		}
	}
	return out
}

// unanswered returns the names of the children that were asked to stop and have not ended in time.
func (p *Plan) unanswered() []string {
	var names []string
	for i := range p.Tasks {
		for j := range p.Tasks[i].Children {
			if c := &p.Tasks[i].Children[j]; c.Unanswered {
				names = append(names, c.Run.GetName())
			}
		}
	}
	return names
}

// started returns how many children the plan starts, and their size in bytes, encoded.
func (p *Plan) started() (count, bytes int) {
	for i := range p.Wanted {
		count += len(p.Wanted[i].Runs)
		bytes += p.Wanted[i].bytes
	}
	return count, bytes
}
