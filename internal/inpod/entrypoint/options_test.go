package entrypoint_test

import (
	"errors"
	"flag"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/inpod/breakpoint"
	"github.com/sluice-ci/sluice/internal/inpod/credentials"
	"github.com/sluice-ci/sluice/internal/inpod/entrypoint"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/results"
)

// What refuses arguments is tested with the binary, in package inpod.
func TestParseOptions(t *testing.T) {
	least := entrypoint.Options{
		Step: "step-a", RunDir: "/run/0", Command: []string{"sh", "-c", "-run"}, OnError: entrypoint.OnErrorStop,
		MaxResultSize: results.DefaultMaxSize, DebugDir: breakpoint.Dir,
	}
	cases := map[string]struct {
		reason string
		args   []string
		want   entrypoint.Options
	}{
		"Least": {
			reason: "What is not said has a default, and what follows the dashes is the command.",
			args:   []string{"-step", "step-a", "-run", "/run/0", "--", "sh", "-c", "-run"}, want: least,
		},
		"Most": {
			reason: "Everything can be said; a script is the command, and what follows are its arguments.",
			args: []string{
				"-step", "step-b", "-run", "/run/1", "-after", "/run/0", "-script-path", "/s", "-script", "one", "-script", "two",
				"-workdir", "/w", "-on-error", "continue", "-report-results", "-results-from", "termination-message", "-max-result-size", "10",
				"-termination-path", "/t", "-termination-budget", "100", "-result", "a:string=/r/a", "-result", "b:array=/r/b",
				"-own-results", "/o", "-timeout", "1m30s", "-stdout-path", "/out", "-stderr-path", "/err",
				"-when", `{"input":"i","operator":"in","values":["v"]}`, "-when", `{"operator":"notin","values":null}`,
				"-reference", "T step-a.r:object=/s/r .k", "-credential", "docker-cfg:c", "-credential", "git-basic:g=https://h",
				"-credentials-dir", "/c", "-secrets-dir", "/sec", "-passwd", "/p", "-break-before", "-break-on-failure", "-debug-dir", "/d",
				"--", "x", "",
			},
			want: entrypoint.Options{
				Step: "step-b", RunDir: "/run/1", After: "/run/0", ScriptPath: "/s", Script: []string{"one", "two"}, WorkDir: "/w",
				Command: []string{"/s", "x", ""}, OnError: entrypoint.OnErrorContinue, ReportResults: true, ResultsFrom: "termination-message",
				Conditions: []when.Condition{{Input: "i", Operator: "in", Values: []string{"v"}}, {Operator: "notin"}},
				References: []stepresult.Reference{{
					Token: "T", File: results.File{Declared: results.Declared{Name: "step-a.r", Type: "object"}, Path: "/s/r"},
					Index: stepresult.NoIndex, Key: "k",
				}},
				Timeout: 90 * time.Second, Stdout: "/out", Stderr: "/err", OwnResults: "/o",
				Credentials: []credentials.Credential{
					{Kind: credentials.DockerCfg, Secret: "c"}, {Kind: credentials.GitBasic, Secret: "g", URL: "https://h"},
				},
				CredentialsDir: "/c", SecretsDir: "/sec", Passwd: "/p", BreakBefore: true, BreakOnFailure: true, DebugDir: "/d",
				MaxResultSize: 10, TerminationPath: "/t", TerminationBudget: 100, Results: []results.File{
					{Declared: results.Declared{Name: "a", Type: "string"}, Path: "/r/a"},
					{Declared: results.Declared{Name: "b", Type: "array"}, Path: "/r/b"},
				},
			},
		},
		"Sidecar": {
			reason: "A user's sidecar needs no run directory.",
			args:   []string{"-stay", "-step", "sidecar-a", "-script-path", "/s", "-script", "one", "--"},
			want: entrypoint.Options{
				Stay: true, Step: "sidecar-a", ScriptPath: "/s", Script: []string{"one"}, Command: []string{"/s"},
				OnError: entrypoint.OnErrorStop, MaxResultSize: results.DefaultMaxSize, DebugDir: breakpoint.Dir,
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
