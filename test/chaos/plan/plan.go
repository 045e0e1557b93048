// Package plan defines the runs of a chaos run: their tasks, what each step does and writes, their faults, and their users'
// actions. Everything follows from a seed and a number, so that the sender of a run, its steps and the check compute the same
// plan separately.
package plan

import (
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	soak "github.com/sluice-ci/sluice/test/load/soak/plan"
)

// Kinds of faults of a task.
const (
	// Exits: the step ends with an exit code other than 0.
	Exits = "exit"
	// StepLate: the step does not end, and its own timeout ends it.
	StepLate = "step-timeout"
	// Hangs: the step does not end. The timeout of its task or of the pipeline ends it, or its user cancels it.
	Hangs = "hang"
	// TooLarge: the step writes a result that its termination message has no room for.
	TooLarge = "too-large"
)

const (
	// AnswerResult is a result of each task without a matrix, "yes" or "no", for when expressions.
	AnswerResult = "answer"
	// AttemptResult is a result of each task: the UID of its pod and the number of the attempt, separated by a slash.
	AttemptResult = "attempt"
	// BigResult is the result of a task that is TooLarge.
	BigResult = "big"
	// BigSize is the number of its bytes.
	BigSize = 20000
	// Always is the number of failed attempts of a task that never succeeds.
	Always = 1 << 20
)

// Run is one generated TaskRun or PipelineRun.
type Run struct {
	// Seed and Number determine the run.
	Seed   uint64
	Number int
	// Pipeline reports whether it is a PipelineRun. Otherwise it is a TaskRun of its only task.
	Pipeline bool
	// From is the transport of its results: kube.SidecarLogs or kube.TerminationMessage.
	From string
	// Tasks are ordered: each comes after the tasks that it depends on. Those of finally are separate.
	Tasks, Finally []Task
	// Timeout of the whole pipeline, and TasksTimeout of its tasks; 0 for none.
	Timeout, TasksTimeout time.Duration
	// Cancel is its user's action, or nil.
	Cancel *Cancel
	// Passed are results of the first task that are also results of the pipeline.
	Passed []soak.Result
}

// Cancel is a user's action on a run.
type Cancel struct {
	// After is the time of the action, from the run's creation.
	After time.Duration
	// Status is the value that spec.status is set to.
	Status string
}

// Task is one task of a run.
type Task struct {
	// Name within the run; unique.
	Name string
	// Steps in order.
	Steps []Step
	// Results that its steps write.
	Results []soak.Result
	// Answer is the value of AnswerResult.
	Answer string
	// Fault is the fault of the task, or nil.
	Fault *Fault
	// Retries is the number of its retries.
	Retries int
	// Timeout of each attempt; 0 for none.
	Timeout time.Duration
	// Ignored means that the pipeline continues if it fails.
	Ignored bool
	// After names tasks that must end before it starts.
	After []string
	// Takes is a result of another task that its first step gets, or nil.
	Takes *Reference
	// When is the task whose answer it depends on, and the required answer, or nil.
	When *Condition
	// Matrix has the values of a param for which it runs once each. Without values it runs once.
	Matrix []string
}

// Reference is a result of another task.
type Reference struct {
	Task   string
	Result soak.Result
}

// Condition is an answer of another task.
type Condition struct{ Task, Answer string }

// Step is one step of a task.
type Step struct {
	// Work is the duration of the step.
	Work time.Duration
	// WritesLast means that it writes its results after its work, and not before.
	WritesLast bool
	// Continue is the exit code with which it always ends and which is ignored; 0 for none.
	Continue int
	// Timeout of the step; 0 for none.
	Timeout time.Duration
	// Looked means that the step has no command: the controller must look up that of its image in the registry.
	Looked bool
}

// Fault is a fault of a task.
type Fault struct {
	// Kind is one of the constants.
	Kind string
	// Step is the index of the step that has it.
	Step int
	// Exit is the step's exit code.
	Exit int
	// Attempts is the number of the first attempts that have it.
	Attempts int
}

// All returns the tasks of the run, with those of finally at the end.
func (r *Run) All() []Task {
	return append(append([]Task{}, r.Tasks...), r.Finally...)
}

// Task returns the task of that name. ok is false if there is none.
func (r *Run) Task(name string) (t Task, final, ok bool) {
	for i, t := range r.All() {
		if t.Name == name {
			return t, i >= len(r.Tasks), true
		}
	}
	return Task{}, false, false
}

// Copies returns the number of TaskRuns of the task when it runs.
func (t *Task) Copies() int { return max(1, len(t.Matrix)) }

// Expectation is the required outcome of an attempt without a disturbance.
type Expectation struct {
	// Succeeds is true if it must succeed.
	Succeeds bool
	// Reason of its failure. It is empty if only its user or its pipeline can end it.
	Reason string
	// Steps is the number of its steps that start.
	Steps int
}

// Attempt returns the required outcome of an attempt, counted from 0.
func (t *Task) Attempt(number int) Expectation {
	if t.Fault == nil || number >= t.Fault.Attempts {
		return Expectation{Succeeds: true, Steps: len(t.Steps)}
	}
	e := Expectation{Steps: t.Fault.Step + 1}
	switch {
	case t.Fault.Kind == Hangs && t.Timeout > 0:
		e.Reason = v1.TaskRunReasonTimedOut
	case t.Fault.Kind == Hangs:
	case t.Fault.Kind == TooLarge:
		e.Reason, e.Steps = v1.TaskRunReasonResultTooLarge, len(t.Steps)
	default:
		e.Reason = v1.TaskRunReasonFailed
	}
	return e
}

// Value returns the required value of a result. ok is false for a result whose value depends on the pod, or that the task
// does not have.
func (t *Task) Value(name string) (value v1.Value, ok bool) {
	if name == AnswerResult && len(t.Matrix) == 0 {
		return v1.StringValue(t.Answer), true
	}
	for _, r := range t.Results {
		if r.Name == name {
			return r.APIValue(), true
		}
	}
	return v1.Value{}, false
}

// Encoded returns the approximate number of log bytes for its results: base64, numbers and checksums.
func (t *Task) Encoded() int {
	size := 0
	for _, r := range t.Results {
		size += len(r.File())
	}
	return size*3/2 + 8192
}

const (
	// startTime bounds the time until a pod's steps run on a busy machine.
	startTime = 40 * time.Second
	// outages is the additional time of a run for faults that are not repaired yet.
	outages = 5 * time.Minute
)

// lateness is the additional time of a run on a busy machine with a hostile tenant.
const lateness = 2 * time.Minute

// InTime returns the time after its creation by which the run must have ended if nothing is broken. The time for which
// something was broken extends it.
func (r *Run) InTime() time.Duration { return r.Deadline() - outages + lateness }

// Deadline returns the time after its creation by which the run must have ended in any case: the time of its steps, timeouts
// and attempts, and time for outages. The time for which something was broken and was repaired extends it.
func (r *Run) Deadline() time.Duration {
	long := outages + r.Timeout + r.TasksTimeout
	if r.Cancel != nil {
		long += r.Cancel.After
	}
	for _, t := range r.All() {
		attempt := startTime + t.Timeout
		for _, s := range t.Steps {
			attempt += s.Work + s.Timeout
		}
		long += attempt * time.Duration(t.Retries+1)
	}
	return long
}
