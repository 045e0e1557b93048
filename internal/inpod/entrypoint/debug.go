package entrypoint

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/breakpoint"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// debugged runs the command, and pauses where the user has set a breakpoint.
func (o Options) debugged(procs *processes, e *stepresult.Expander, stderr io.Writer) frame.Step {
	if !o.BreakBefore && !o.BreakOnFailure {
		return o.command(procs, e, stderr)
	}
	if err := o.placeBreakpoints(); err != nil {
		return notStarted(frame.Step{Name: o.Step, FinishedAt: time.Now().UTC()}, err)
	}
	if o.BreakBefore {
		answer, ok := o.hold(procs, stderr, "has not started", breakpoint.BeforeContinue, breakpoint.BeforeFail)
		if !ok {
			return notStarted(frame.Step{Name: o.Step, FinishedAt: time.Now().UTC()}, &cancelledError{signal: procs.asked()})
		}
		if answer == breakpoint.BeforeFail {
			return frame.Step{
				Name: o.Step, Reason: frame.ReasonError, ExitCode: exitFailure, FinishedAt: time.Now().UTC(),
				Message: "the user chose to fail it at the breakpoint before it",
			}
		}
	}
	step := o.command(procs, e, stderr)
	if o.BreakOnFailure && failed(step) {
		what := fmt.Sprintf("failed with exit code %d (%s)", step.ExitCode, step.Reason)
		answer, ok := o.hold(procs, stderr, what, breakpoint.Continue, breakpoint.FailContinue)
		if ok && answer == breakpoint.Continue {
			step.Reason, step.Message = frame.ReasonContinued, "the user chose to continue the task after it"
		}
	}
	return step
}

// failed reports whether a step ended in a way that a user may want to inspect. A cancelled step did not.
func failed(s frame.Step) bool {
	switch s.Reason {
	case frame.ReasonError, frame.ReasonKilled, frame.ReasonStartError, frame.ReasonTimedOut:
		return true
	default:
		return false
	}
}

func (o Options) placeBreakpoints() error {
	self, err := os.Executable()
	if err == nil {
		err = breakpoint.Place(o.DebugDir, filepath.Base(o.RunDir), self)
	}
	if err != nil {
		return cannotStart(exitNotExecutable, "%w", err)
	}
	return nil
}

// hold waits for one of two answers, and prints how to give them.
func (o Options) hold(procs *processes, stderr io.Writer, what string, goOn, fail breakpoint.Answer) (breakpoint.Answer, bool) {
	dir := filepath.Join(o.DebugDir, "scripts")
	complain(stderr, fmt.Errorf("step %q %s and is paused at a breakpoint; run %s/%s in its container to continue, or %s/%s to fail it",
		o.Step, what, dir, goOn, dir, fail))
	return breakpoint.Wait(o.DebugDir, procs.asking, goOn, fail)
}
