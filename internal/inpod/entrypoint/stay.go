package entrypoint

import (
	"errors"
	"fmt"
	"io"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// stay runs a user's sidecar. When its command ends by itself, that is recorded and told, and the container stays
// until it is asked to end: the kubelet would start it again, and again. Whatever the command left running in the
// background goes on. The exit code is the command's.
//
// A container that is started again after the command had ended, or after the kernel had killed everything in it for want
// of memory, does not run the command again. One that was asked to end before, as when its liveness probe failed, does.
func stay(o Options, procs *processes, stderr io.Writer) int {
	out, err := o.openMessage()
	if err != nil {
		complain(stderr, err)
	}
	step, ended := o.earlierLife()
	if !ended {
		step = o.life(procs, stderr)
	}
	if step.Reason == frame.ReasonStartError {
		complain(stderr, errors.New(step.Message))
	}
	itself := procs.asked() == 0
	if itself {
		complain(stderr, fmt.Errorf("sidecar %q ended by itself with exit code %d; its container stays until the pod ends",
			o.Step, step.ExitCode))
	}
	err = errors.Join(out.write(step, leftovers{}), out.close())
	if itself && o.RunDir != "" {
		// The mark for the container's next life.
		err = errors.Join(err, rundir.Post(o.RunDir, step))
	}
	if err != nil {
		complain(stderr, err)
	}
	<-procs.asking
	if o.RunDir != "" {
		if err := rundir.Clear(o.RunDir); err != nil {
			complain(stderr, err)
		}
	}
	return step.ExitCode
}

// earlierLife returns how the command ended before the container was started again, if it did.
func (o Options) earlierLife() (frame.Step, bool) {
	if o.RunDir == "" {
		return frame.Step{}, false
	}
	switch state, step := rundir.Look(o.RunDir); state {
	case rundir.Ended:
		return step, true
	case rundir.Lost:
		return frame.Step{
			Name: o.Step, Reason: frame.ReasonLost, ExitCode: frame.LostExitCode,
			Message: "everything in its container was killed, for want of memory perhaps",
		}, true
	case rundir.Waiting, rundir.Hidden:
	}
	return frame.Step{}, false
}

// life runs the command. While it runs, the run directory says so, unless the container was asked to end.
func (o Options) life(procs *processes, stderr io.Writer) frame.Step {
	none := stepresult.NewExpander(nil, 0)
	if o.RunDir == "" {
		return o.command(procs, none, stderr)
	}
	held, err := rundir.Hold(o.RunDir)
	if err != nil {
		complain(stderr, err) // it can be told less of it then
	} else {
		defer held.Close() //nolint:errcheck // it was only locked
	}
	go func() {
		<-procs.asking
		// At once: when the command does not end, everything will be killed.
		_ = rundir.Clear(o.RunDir) // cleared again in the end, and told then
	}()
	return o.command(procs, none, stderr)
}
