package entrypoint_test

import (
	"errors"
	"flag"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/entrypoint"
	"github.com/sluice-ci/sluice/internal/results"
)

// What refuses arguments is tested with the binary, in package inpod.
func TestParseOptions(t *testing.T) {
	least := entrypoint.Options{
		Step: "step-a", RunDir: "/run/0", Command: []string{"sh", "-c", "-run"}, OnError: entrypoint.OnErrorStop,
		MaxResultSize: results.DefaultMaxSize,
	}
	cases := map[string]struct {
		reason string
		args   []string
		want   entrypoint.Options
	}{
		"Least": {
			"What is not said has a default, and what follows the dashes is the command.",
			[]string{"-step", "step-a", "-run", "/run/0", "--", "sh", "-c", "-run"}, least,
		},
		"Most": {
			"Everything can be said; a script is the command, and what follows are its arguments.",
			[]string{
				"-step", "step-b", "-run", "/run/1", "-after", "/run/0", "-script-path", "/s", "-script", "one", "-script", "two",
				"-workdir", "/w", "-on-error", "continue", "-report-results", "-results-from", "termination-message", "-max-result-size", "10",
				"-termination-path", "/t", "-termination-budget", "100", "-result", "a:string=/r/a", "-result", "b:array=/r/b", "--", "x", "",
			},
			entrypoint.Options{
				Step: "step-b", RunDir: "/run/1", After: "/run/0", ScriptPath: "/s", Script: []string{"one", "two"}, WorkDir: "/w",
				Command: []string{"/s", "x", ""}, OnError: entrypoint.OnErrorContinue, ReportResults: true, ResultsFrom: "termination-message",
				MaxResultSize: 10, TerminationPath: "/t", TerminationBudget: 100, Results: []results.File{
					{Declared: results.Declared{Name: "a", Type: "string"}, Path: "/r/a"},
					{Declared: results.Declared{Name: "b", Type: "array"}, Path: "/r/b"},
				},
			},
		},
		"Sidecar": {
			"A user's sidecar needs no run directory.",
			[]string{"-stay", "-step", "sidecar-a", "-script-path", "/s", "-script", "one", "--"},
			entrypoint.Options{
				Stay: true, Step: "sidecar-a", ScriptPath: "/s", Script: []string{"one"}, Command: []string{"/s"},
				OnError: entrypoint.OnErrorStop, MaxResultSize: results.DefaultMaxSize,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := entrypoint.ParseOptions(tc.args, io.Discard)
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("%s\nerror %v, -want +got:\n%s", tc.reason, err, diff)
			}
		})
	}
	if _, err := entrypoint.ParseOptions([]string{"-help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("asked for help: got error %v, want %v", err, flag.ErrHelp)
	}
}
