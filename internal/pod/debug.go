package pod

import (
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// breakEnabled is the value that enables a breakpoint.
const breakEnabled = "enabled"

func (b *builder) breakpoints() v1.TaskBreakpoints {
	if d := b.TaskRun.Spec.Debug; d != nil && d.Breakpoints != nil {
		return *d.Breakpoints
	}
	return v1.TaskBreakpoints{}
}

func (b *builder) breaksOnFailure() bool { return b.breakpoints().OnFailure == breakEnabled }

func (b *builder) breaksBefore(s v1.Step, i int) bool {
	return slices.Contains(b.breakpoints().BeforeSteps, podpaths.StepName(s, i))
}

// debugged reports whether the step has any breakpoint.
func (b *builder) debugged(s v1.Step, i int) bool { return b.breaksOnFailure() || b.breaksBefore(s, i) }
