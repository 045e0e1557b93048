// Package plan says what the runs of a chaos run are: their tasks, what each step does and writes, what goes wrong in them,
// and what their users do to them. All of it follows from a seed and a number, so that who sends a run, its steps and who
// checks it need not ask each other.
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
	// Hangs: the step does not end. The timeout of its task or of the pipeline ends it, or its user.
	Hangs = "hang"
	// TooLarge: the step writes a result that its termination message has no room for.
	TooLarge = "too-large"
)

const (
	// AnswerResult is a result of each task without a matrix, "yes" or "no", for when expressions.
	AnswerResult = "answer"
	// AttemptResult is a result of each task: the UID of its pod and the number of the attempt, with a slash between.
	AttemptResult = "attempt"
	// BigResult is the result of a task that is TooLarge.
	BigResult = "big"
	// BigSize is how many bytes it has.
	BigSize = 20000
	// Always is how many attempts fail of a task that never succeeds.
	Always = 1 << 20
)

// Run is one TaskRun or PipelineRun of the stream.
type Run struct {
	// Seed and Number are those that it follows from.
	Seed   uint64
	Number int
	// Pipeline says whether it is a PipelineRun; else it is a TaskRun of its only task.
	Pipeline bool
	// From is how its results come back: kube.SidecarLogs or kube.TerminationMessage.
	From string
	// Tasks in an order in which each comes after those that it needs, and those of finally.
	Tasks, Finally []Task
	// Timeout of the whole pipeline, and TasksTimeout of its tasks; 0 for none.
	Timeout, TasksTimeout time.Duration
	// Cancel is what its user does to it; nil for nothing.
	Cancel *Cancel
	// Passed are results of the first task that are results of the pipeline, too.
	Passed []soak.Result
}

// Cancel is what a user does to a run.
type Cancel struct {
	// After is when, from its creation.
	After time.Duration
	// Status is what spec.status is set to.
	Status string
}

// Task is one task of a run.
type Task struct {
	// Name within the run; unique.
	Name string
	// Steps in their order.
	Steps []Step
	// Results that its steps write.
	Results []soak.Result
	// Answer is the value of AnswerResult.
	Answer string
	// Fault is what goes wrong; nil for nothing.
	Fault *Fault
	// Retries that it has.
	Retries int
	// Timeout of each attempt; 0 for none.
	Timeout time.Duration
	// Ignored says that the pipeline goes on when it fails.
	Ignored bool
	// After names tasks that have to end before it starts.
	After []string
	// Takes is a result of another task that its first step gets; nil for none.
	Takes *Reference
	// When is the task whose answer it depends on, and what that has to be; nil for none.
	When *Condition
	// Matrix has the values of a param for which it runs once each; none runs it once.
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
	// Work is how long it takes.
	Work time.Duration
	// WritesLast says that it writes its results after its work, and not before.
	WritesLast bool
	// Continue is the exit code with which it always ends and goes on nonetheless; 0 for none.
	Continue int
	// Timeout of the step; 0 for none.
	Timeout time.Duration
	// Looked says that the step has no command: the controller has to look up that of its image, in its registry.
	Looked bool
}

// Fault is what goes wrong in a task.
type Fault struct {
	// Kind is one of the constants.
	Kind string
	// Step in which it does, from 0.
	Step int
	// Exit is the step's exit code.
	Exit int
	// Attempts is how many of the first attempts have it.
	Attempts int
}

// All returns the tasks of the run, those of finally at the end.
func (r *Run) All() []Task {
	return append(append([]Task{}, r.Tasks...), r.Finally...)
}

// Task returns the task of that name; ok is false when there is none.
func (r *Run) Task(name string) (t Task, final, ok bool) {
	for i, t := range r.All() {
		if t.Name == name {
			return t, i >= len(r.Tasks), true
		}
	}
	return Task{}, false, false
}

// Copies is how many TaskRuns the task has when it runs.
func (t *Task) Copies() int { return max(1, len(t.Matrix)) }

// Expectation is how an attempt has to end when nothing disturbs it.
type Expectation struct {
	// Succeeds says that it does.
	Succeeds bool
	// Reason for which it fails otherwise; empty when only its user or its pipeline can end it.
	Reason string
	// Steps is how many of its steps start.
	Steps int
}

// Attempt returns how an attempt has to end, counted from 0.
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

// Value is what a result has to be that does not differ from pod to pod; ok is false for one that does, or that the task
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

// Encoded is about how many bytes of log its results take: base64, numbers and checksums.
func (t *Task) Encoded() int {
	size := 0
	for _, r := range t.Results {
		size += len(r.File())
	}
	return size*3/2 + 8192
}

const (
	// startTime is how long a pod may take until its steps run on a busy machine.
	startTime = 40 * time.Second
	// outages is how long a run may take longer because of what is broken meanwhile, and has not been mended yet.
	outages = 5 * time.Minute
)

// lateness is how much longer than planned a run may take on a busy machine while a hostile tenant is there.
const lateness = 2 * time.Minute

// InTime is how long after its creation the run has to have ended when nothing is broken. What was broken comes on top.
func (r *Run) InTime() time.Duration { return r.Deadline() - outages + lateness }

// Deadline is how long after its creation the run has to have ended, whatever happens: what its steps do and its timeouts
// allow, its attempts, and time for outages. What was broken and is mended comes on top.
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
