package entrypoint

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/hold"
	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// errAgain is why a step does not run whose container is started for the second time. Its results, and what the next steps have seen of
// it, are from the first time.
var errAgain = cannotStart(exitNotExecutable, "its container was started again, and a step runs only once in a pod: "+
	"set retries to repeat the task in a new pod")

// exitFailure is the exit code if the entrypoint fails but the command did not.
const exitFailure = 1

// Run runs a step and returns the exit code of its container: that of the command, or 128 plus the number of the signal that
// ended it; 127 if the command was not found and 126 if it could not be run; 1 if an earlier step failed. Messages of the
// entrypoint go to stderr. Run needs a separate process, because it handles signals and reaps all children.
func Run(o Options, stderr io.Writer) int {
	procs := supervise()
	if o.Stay {
		return stay(o, procs, stderr)
	}
	adopt()
	held, err := rundir.Hold(o.RunDir)
	if err != nil {
		complain(stderr, err)
		return exitFailure
	}
	defer held.Close() //nolint:errcheck // the process ends
	out, err := o.openMessage()
	if err == nil && held.Again() {
		err = errAgain
	}
	if err == nil {
		err = o.makeOwnResults()
	}
	step, left := o.run(procs, held, err, stderr)
	if step.Reason == frame.ReasonStartError || step.Reason == frame.ReasonTimedOut || step.Reason == frame.ReasonForged {
		complain(stderr, errors.New(step.Message))
	}
	err = o.sign(procs, step, left)
	if err != nil {
		complain(stderr, err) // the verifier reports the missing signature
	}
	step, err = o.post(out, held, step, left)
	if err != nil {
		complain(stderr, err)
	}
	if step.Reason == frame.ReasonContinued {
		return 0
	}
	return step.ExitCode
}

// run waits for its turn and runs the command, unless there is already an error, or the command is not needed. It returns the
// record of the step and its results.
func (o Options) run(procs *processes, held *rundir.Claim, err error, stderr io.Writer) (frame.Step, leftovers) {
	if err != nil {
		return notStarted(frame.Step{Name: o.Step, FinishedAt: time.Now().UTC()}, err), leftovers{}
	}
	if s, ok := o.turn(procs); !ok {
		s.Name, s.FinishedAt = o.Step, time.Now().UTC()
		if s.Reason == frame.ReasonCancelled {
			s.ExitCode = 128 + int(procs.asked())
		}
		return s, leftovers{}
	}
	expander := stepresult.NewExpander(o.References, o.MaxResultSize)
	before, err := o.survey()
	if err != nil {
		return notStarted(frame.Step{Name: o.Step, FinishedAt: time.Now().UTC()}, cannotStart(exitNotExecutable, "%w", err)), leftovers{}
	}
	var step frame.Step
	switch needed, why, err := o.needed(expander); {
	case err != nil:
		step = notStarted(frame.Step{Name: o.Step, FinishedAt: time.Now().UTC()}, err)
	case !needed:
		step = frame.Step{Name: o.Step, Reason: frame.ReasonSkipped, FinishedAt: time.Now().UTC(), Message: why}
	default:
		step = o.debugged(procs, expander, stderr)
	}
	step = o.endLeftovers(procs, step, stderr)
	if held.Forged() {
		return forged(step), leftovers{}
	}
	there := o.publish()
	left := o.leftSince(before)
	left.there = there
	return step, left
}

// forged returns the record of a step whose command wrote a record of its end. Such a step has failed, however it ended: with
// that record the next steps could have started while it still ran.
func forged(step frame.Step) frame.Step {
	record := rundir.ForgedRecord(max(step.ExitCode, exitFailure))
	record.Name, record.StartedAt, record.FinishedAt = step.Name, step.StartedAt, step.FinishedAt
	return record
}

// turn waits until the step may run, and reports whether it must. If not, the record has the reason.
func (o Options) turn(procs *processes) (frame.Step, bool) {
	if o.Hold != "" {
		switch released, err := hold.Wait(o.Hold, procs.asking); {
		case err != nil:
			return notStarted(frame.Step{}, cannotStart(exitNotExecutable, "%w", err)), false
		case !released:
			return frame.Step{Reason: frame.ReasonCancelled}, false
		}
	}
	if o.After != "" {
		return waitFor(procs.asking, o.After)
	}
	return frame.Step{}, true
}

// waitFor waits until the step of dir has ended or asked is closed, and reports whether the next step must run. If not, the
// record has the reason.
func waitFor(asked <-chan struct{}, dir string) (frame.Step, bool) {
	watch := rundir.Watch(dir)
	defer watch.Close()
	observer := rundir.Observe(dir)
	defer observer.Close()
	for {
		state, before := observer.Look()
		switch {
		case state == rundir.Ended && rundir.GoesOn(before):
			return frame.Step{}, true
		case state == rundir.Hidden:
			// The reason is not Skipped: others may have seen that the previous step completed, and then no step would have
			// failed.
			return frame.Step{
				Reason:   frame.ReasonStartError,
				ExitCode: exitNotExecutable,
				Message:  "cannot read how the previous step ended: " + before.Message,
			}, false
		case state != rundir.Waiting:
			return frame.Step{Reason: frame.ReasonSkipped, ExitCode: frame.SkippedExitCode}, false
		}
		if !watch.Wait(asked) {
			return frame.Step{Reason: frame.ReasonCancelled}, false
		}
	}
}

// command runs the command, and returns its record.
func (o Options) command(procs *processes, e *stepresult.Expander, stderr io.Writer) frame.Step {
	step := frame.Step{Name: o.Step}
	fail := func(err error) frame.Step {
		step.FinishedAt = time.Now().UTC()
		return notStarted(step, err)
	}
	o, err := o.expanded(e)
	if err != nil {
		return fail(err)
	}
	path, err := o.prepare(e, stderr)
	if err != nil {
		return fail(err)
	}
	out, err := o.openOutputs()
	if err != nil {
		return fail(err)
	}
	step.StartedAt = time.Now().UTC()
	err = procs.start(path, o.Command, out)
	out.started()
	if err != nil {
		_ = out.finish() // nothing was written
		return fail(err)
	}
	status, timedOut := procs.wait(o.Timeout)
	step.FinishedAt = time.Now().UTC()
	step = o.ended(step, status, procs.asked() != 0, timedOut)
	if !o.Stay {
		// This comes before the output counts as complete, because the command may write through another process, which still
		// writes.
		procs.settle(leftoverGrace)
	}
	if err := out.finish(); err != nil && rundir.GoesOn(step) {
		// An output file that is incomplete may be a result, so the step fails.
		complain(stderr, err)
		return incomplete(step, err)
	}
	return step
}

// incomplete returns the record of a step whose command succeeded, but which has failed because its results may be
// incomplete.
func incomplete(step frame.Step, why error) frame.Step {
	step.Reason, step.ExitCode, step.Message = frame.ReasonError, max(step.ExitCode, exitFailure), why.Error()
	return step
}

// notStarted completes the record of a command that did not run.
func notStarted(step frame.Step, err error) frame.Step {
	if cancelled, ok := errors.AsType[*cancelledError](err); ok {
		step.StartedAt = time.Time{}
		step.Reason, step.ExitCode = frame.ReasonCancelled, 128+int(cancelled.signal)
		return step
	}
	step.ExitCode = exitNotExecutable
	if start, ok := errors.AsType[*startError](err); ok {
		step.ExitCode = start.code
	}
	step.Reason, step.Message = frame.ReasonStartError, err.Error()
	return step
}

// ended completes the record of a command that ran. Asked reports that the container was stopped, and timedOut that the
// timeout has passed. Both are failures, whatever the exit code is.
func (o Options) ended(step frame.Step, status syscall.WaitStatus, asked, timedOut bool) frame.Step {
	step.ExitCode = exitCode(status)
	if timedOut {
		step.Reason, step.ExitCode = frame.ReasonTimedOut, frame.TimedOutExitCode
		step.Message = fmt.Sprintf("it did not end within its timeout of %s", o.Timeout)
		return step
	}
	switch {
	case step.ExitCode == 0:
		step.Reason = frame.ReasonCompleted
	case asked:
		step.Reason = frame.ReasonCancelled
	case o.OnError == OnErrorContinue:
		step.Reason = frame.ReasonContinued
	case status.Signaled():
		step.Reason = frame.ReasonKilled
	default:
		step.Reason = frame.ReasonError
	}
	if status.Signaled() {
		step.Message = "ended by signal: " + status.Signal().String()
	}
	return step
}

// post records the end of the step: first for the kubelet, then for the pod, because other containers react to the latter. If
// one of them fails, the other and the returned record say that the step is lost, so that a step that completed only for some
// of its observers does not become a successful run.
func (o Options) post(out *message, held *rundir.Claim, step frame.Step, left leftovers) (frame.Step, error) {
	err := errors.Join(out.write(step, left), held.Release())
	if err == nil {
		err = o.postSurvey(left.after)
	}
	if err == nil {
		err = rundir.Post(o.RunDir, step, left.there...)
	}
	if err == nil {
		err = out.close()
	}
	if err == nil {
		return step, nil
	}
	step.Reason, step.ExitCode, step.Message = frame.ReasonLost, max(step.ExitCode, exitFailure), err.Error()
	return step, errors.Join(err, out.write(step, leftovers{}), rundir.Post(o.RunDir, step, left.there...))
}

// exitCode returns the exit code that a shell would return for this status.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// complain prints a message for users.
func complain(stderr io.Writer, err error) {
	_, _ = fmt.Fprintf(stderr, "entrypoint: %v\n", err) // a failed write to stderr cannot be reported
}
