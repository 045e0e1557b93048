package inpod_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// A step whose container is started again does not run again, however it ended the first time. It has failed, because what it reports
// could be from both times. The next step does not run either.
func TestStepIsNotRestarted(t *testing.T) {
	cases := map[string]struct {
		reason string
		script string
		kill   bool
		code   int
	}{
		"Completed": {
			reason: "its results may have been read, or not",
			script: "echo >> lives; printf 1 > results/a",
		},
		"Failed": {
			reason: "the pod has no restarts",
			script: "echo >> lives; printf 1 > results/a; exit 3",
			code:   3,
		},
		"Killed": {
			reason: "the runtime killed all processes of the container while the step ran",
			script: "echo >> lives; printf 1 > results/a; exec sleep 600",
			kill:   true,
			code:   -1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 2)
			flags := append(p.reporting(0, "a"), p.script(tc.script)...)
			first := p.step(0, flags)
			if tc.kill {
				eventually(t, "the step runs", func() bool { return p.exists("results", "a") })
				first.signal(syscall.SIGKILL)
			}
			first.exit(tc.code)
			must(t, os.Remove(p.path("message-0"))) // each container has its own file

			second := p.step(0, flags)
			second.exit(126)
			second.complained("started again", "retries")
			p.recorded(0, 126, frame.ReasonStartError)
			got := p.message(0)
			if got.Step.Reason != frame.ReasonStartError || len(got.Results) > 0 || !strings.Contains(got.Step.Message, "started again") {
				t.Errorf("%s: the message says %+v", tc.reason, got)
			}
			if lives := strings.Count(p.read("lives"), "\n"); lives != 1 {
				t.Errorf("%s: the command ran %d times", tc.reason, lives)
			}
			p.step(1, nil, "touch", "ran").exit(1)
			if p.exists("ran") {
				t.Error("the next step ran")
			}
		})
	}
}
