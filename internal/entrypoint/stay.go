package entrypoint

import (
	"errors"
	"fmt"
	"io"

	"github.com/sluice-ci/sluice/internal/entrypoint/rundir"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// stay runs a user's sidecar. When its command ends by itself, that is recorded and told, and the container stays
// until it is asked to end: the kubelet would start it again, and again. Whatever the command left running in the
// background goes on. The exit code is the command's.
func stay(o Options, procs *processes, stderr io.Writer) int {
	step := o.command(procs)
	if o.RunDir != "" {
		if err := rundir.Post(o.RunDir, step); err != nil {
			complain(stderr, err)
		}
	}
	if step.Reason == frame.ReasonStartError {
		complain(stderr, errors.New(step.Message))
	}
	if procs.asked() == 0 {
		complain(stderr, fmt.Errorf("sidecar %q ended by itself with exit code %d; its container stays until the pod ends",
			o.Step, step.ExitCode))
		<-procs.asking
	}
	return step.ExitCode
}
