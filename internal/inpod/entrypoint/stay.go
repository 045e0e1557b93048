package entrypoint

import (
	"errors"
	"fmt"
	"io"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// stay runs a user's sidecar. After its command ends on its own, the end is recorded and reported, and the container keeps
// running until it is stopped; otherwise the kubelet would restart it repeatedly. Background processes of the command
// continue. The exit code is that of the command.
//
// If the container is restarted after the command had ended, or after the kernel had killed all its processes (out of
// memory), the command does not run again. It does run again if the container was stopped, for example after a failed
// liveness probe.
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
		complain(stderr, fmt.Errorf("the command of sidecar %q ended with exit code %d; its container keeps running until the pod ends",
			o.Step, step.ExitCode))
	}
	err = errors.Join(out.write(step, leftovers{}), out.close())
	if itself && o.RunDir != "" {
		// It marks the end for a restart of the container.
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

// earlierLife returns how the command ended before a restart of the container, if it did.
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
			Message: "all processes in its container were killed, perhaps because it was out of memory",
		}, true
	case rundir.Waiting, rundir.Hidden:
	}
	return frame.Step{}, false
}

// life runs the command. The run directory shows that it runs, until the container is stopped.
func (o Options) life(procs *processes, stderr io.Writer) frame.Step {
	none := stepresult.NewExpander(nil, 0)
	if o.RunDir == "" {
		return o.command(procs, none, stderr)
	}
	held, err := rundir.Hold(o.RunDir)
	if err != nil {
		complain(stderr, err) // less of it can be reported then
	} else {
		defer held.Close() //nolint:errcheck // it was only locked
	}
	go func() {
		<-procs.asking
		// This comes at once, because a command that does not end will be killed.
		_ = rundir.Clear(o.RunDir) // cleared again at the end, with its error reported
	}()
	return o.command(procs, none, stderr)
}
