package inpod_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/inpod/hold"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// mark writes the file of a hold as the kubelet does: in a new directory, to which a link is then replaced.
func (p *pod) mark(version, content string) {
	p.t.Helper()
	must(p.t, os.MkdirAll(p.path("downward", version), 0o755), os.WriteFile(p.path("downward", version, "steps"), []byte(content), 0o644),
		os.Symlink(version, p.path("downward", "..tmp")), os.Rename(p.path("downward", "..tmp"), p.path("downward", "..data")))
	if !p.exists("downward", "steps") {
		must(p.t, os.Symlink("..data/steps", p.path("downward", "steps")))
	}
}

// TestFirstStepIsHeld: a step that the controller holds runs its command only after it is released.
func TestFirstStepIsHeld(t *testing.T) {
	p := newPod(t, 1)
	p.mark("..1", hold.Held)
	first := p.step(0, []string{"-hold", p.path("downward", "steps")}, "sh", "-c", "cat downward/steps")
	eventually(t, "the step waits", func() bool { return p.exists("run", "0", "running") })
	p.mark("..2", "released")
	first.exit(0)
	first.wrote("released")
}

// TestStepThatIsNotHeld: any other content lets the step start.
func TestStepThatIsNotHeld(t *testing.T) {
	for name, content := range map[string]string{"Free": "free", "Released": "released", "Empty": ""} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			p.mark("..1", content)
			p.step(0, []string{"-hold", p.path("downward", "steps")}, "true").exit(0)
			p.recorded(0, 0, frame.ReasonCompleted)
		})
	}
}

// TestHeldStepIsStopped: a run that is cancelled while its first step is held ends, and no step runs.
func TestHeldStepIsStopped(t *testing.T) {
	p := newPod(t, 2)
	p.mark("..1", hold.Held)
	first := p.step(0, []string{"-hold", p.path("downward", "steps")}, "touch", "ran")
	second := p.step(1, nil, "touch", "ran")
	eventually(t, "the step waits", func() bool { return p.exists("run", "0", "running") })
	first.signal(syscall.SIGTERM)
	first.exit(128 + int(syscall.SIGTERM))
	second.exit(frame.SkippedExitCode)
	p.recorded(0, 128+int(syscall.SIGTERM), frame.ReasonCancelled)
	if p.exists("ran") {
		t.Error("want no step to run")
	}
}

// TestHoldThatCannotBeRead: a step that cannot find out whether it may start fails and says so.
func TestHoldThatCannotBeRead(t *testing.T) {
	p := newPod(t, 1)
	first := p.step(0, []string{"-hold", p.path("downward", "steps")}, "touch", "ran")
	first.exit(126)
	first.complained("cannot read whether the step may start", "downward/steps")
	p.recorded(0, 126, frame.ReasonStartError)
	if p.exists("ran") {
		t.Error("want no step to run")
	}
}
