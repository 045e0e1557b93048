package inpod_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

func (p *pod) sidecar(script string) *container {
	p.t.Helper()
	args := []string{
		"entrypoint",
		"-stay",
		"-step",
		"sidecar-x",
		"-run",
		p.runDir(0),
		"-termination-path",
		p.path("message"),
		"-termination-budget",
		"4096",
	}
	return p.start(append(args, p.script(script)...)...)
}

func (p *pod) sidecarMessage() frame.Step {
	p.t.Helper()
	m, err := termination.ParseMessage([]byte(p.read("message")))
	if err != nil {
		p.t.Errorf("termination message: %v", err)
	}
	return m.Step
}

// A sidecar that was killed, or whose command ended, does not run again when its container is restarted. How it ended is
// recorded.
func TestSidecarIsNotRestarted(t *testing.T) {
	cases := map[string]struct {
		reason string
		script string
		kill   bool
		code   int
		want   frame.Reason
	}{
		"Killed": {
			reason: "After the kernel had killed everything.",
			script: "touch begun; exec sleep 600",
			kill:   true,
			code:   137,
			want:   frame.ReasonLost,
		},
		"Failed": {
			reason: "After a failure that was killed in the end.",
			script: "touch begun; exit 3",
			kill:   true,
			code:   3,
			want:   frame.ReasonError,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			c := p.sidecar(tc.script)
			eventually(t, "the sidecar begins", func() bool { return p.exists("begun") })
			if tc.want == frame.ReasonError {
				eventually(t, "its end is recorded", func() bool { return p.exists("run", "0", "out.err") })
			}
			c.signal(syscall.SIGKILL)
			<-c.ended
			must(t, os.Remove(p.path("begun")), os.Remove(p.path("message")))
			c = p.sidecar(tc.script)
			eventually(t, "what became of it is told", func() bool {
				b, err := os.ReadFile(p.path("message"))
				return err == nil && strings.Contains(string(b), "Reason")
			})
			c.signal(syscall.SIGTERM)
			c.exit(tc.code)
			c.complained("keeps running until the pod ends", "exit code "+itoa(tc.code))
			if got := p.sidecarMessage(); got.Reason != tc.want || got.ExitCode != tc.code {
				t.Errorf("%s\nmessage %+v", tc.reason, got)
			}
			if p.exists("begun") {
				t.Errorf("%s\nit was run again", tc.reason)
			}
		})
	}
}

// A sidecar that was asked to end, as by a liveness probe that failed, is run again when its container is.
func TestSidecarThatWasAskedToEnd(t *testing.T) {
	cases := map[string]struct {
		reason, script string
		stubborn       bool
	}{
		"Obeys": {
			reason: "It ends when it is asked to.",
			script: "touch begun; exec sleep 600",
		},
		"Stubborn": {
			reason:   "Or is killed after it was asked to.",
			script:   "trap 'touch asked' TERM; touch begun; while true; do sleep 0.01; done",
			stubborn: true,
		},
		"Ended": {
			reason: "It had ended before.",
			script: "touch begun",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			for range 2 {
				c := p.sidecar(tc.script)
				eventually(t, "the sidecar begins", func() bool { return p.exists("begun") })
				c.signal(syscall.SIGTERM)
				if tc.stubborn {
					eventually(t, "the signal arrives", func() bool { return p.exists("asked") })
					eventually(t, "its mark goes", func() bool { return !p.exists("run", "0", "running") })
					// On a busy machine its entrypoint may have lost patience with it, and ended, by now.
					if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
						t.Fatal(err)
					}
					must(t, os.Remove(p.path("asked")))
				}
				<-c.ended
				must(t, os.Remove(p.path("begun")))
			}
		})
	}
}

// What a sidecar that was asked to end leaves says so.
func TestSidecarMessage(t *testing.T) {
	p := newPod(t, 1)
	c := p.sidecar("touch begun; exec sleep 600")
	eventually(t, "the sidecar begins", func() bool { return p.exists("begun") })
	c.signal(syscall.SIGTERM)
	c.exit(143)
	if got := p.sidecarMessage(); got.Reason != frame.ReasonCancelled || got.ExitCode != 143 || got.Name != "sidecar-x" {
		t.Errorf("message %+v", got)
	}
}
