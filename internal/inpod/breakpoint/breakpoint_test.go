package breakpoint_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-ci/sluice/internal/inpod/breakpoint"
)

func TestCommand(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason, program string
		answer          breakpoint.Answer
		dir             string
		ok              bool
	}{
		"Absolute": {
			reason:  "A command answers for the directory that it lies in.",
			program: "/d/scripts/debug-continue",
			answer:  breakpoint.Continue,
			dir:     "/d",
			ok:      true,
		},
		"Relative": {
			reason:  "However it was called.",
			program: "./debug-fail-continue",
			answer:  breakpoint.FailContinue,
			dir:     filepath.Dir(here),
			ok:      true,
		},
		"Path": {
			reason:  "From PATH it is the usual one.",
			program: "debug-beforestep-continue",
			answer:  breakpoint.BeforeContinue,
			dir:     "/tekton/debug",
			ok:      true,
		},
		"Other": {
			reason:  "The program under its own name is none.",
			program: "/tekton/bin/inpod",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			answer, dir, ok := breakpoint.Command(tc.program)
			if answer != tc.answer || dir != tc.dir || ok != tc.ok {
				t.Errorf("%s\ngot %q, %q, %t", tc.reason, answer, dir, ok)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // a container that was started anew finds everything there
		if err := breakpoint.Place(dir, "3", "/bin/true"); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range breakpoint.Answers() {
		if target, err := os.Readlink(filepath.Join(dir, "scripts", string(a))); err != nil || target != "/bin/true" {
			t.Errorf("command %q leads to %q, error %v", a, target, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "info", "3")); err != nil {
		t.Error(err)
	}
	never, closed := make(chan struct{}), make(chan struct{})
	close(closed)
	give := func(a breakpoint.Answer) {
		t.Helper()
		if err := breakpoint.Give(dir, a); err != nil {
			t.Fatal(err)
		}
	}
	give(breakpoint.FailContinue)
	if a, ok := breakpoint.Wait(dir, never, breakpoint.Continue, breakpoint.FailContinue); !ok || a != breakpoint.FailContinue {
		t.Errorf("want the answer that was given, got %q, %t", a, ok)
	}
	if a, ok := breakpoint.Wait(dir, closed, breakpoint.Continue, breakpoint.FailContinue); ok {
		t.Errorf("an answer counts once, and a wait ends when it is asked to; got %q", a)
	}
	give(breakpoint.BeforeContinue)
	if a, ok := breakpoint.Wait(dir, closed, breakpoint.Continue); ok {
		t.Errorf("an answer to another question is none, got %q", a)
	}
	if err := breakpoint.Give(filepath.Join(dir, "absent"), breakpoint.Continue); err == nil {
		t.Error("without a breakpoint there is nothing to answer")
	}
}
