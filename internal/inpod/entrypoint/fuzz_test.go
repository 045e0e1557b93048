package entrypoint_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/inpod/credentials"
	"github.com/sluice-ci/sluice/internal/inpod/entrypoint"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/results"
)

// FuzzParseOptions: any arguments are options that can be run, or an error.
func FuzzParseOptions(f *testing.F) {
	for _, args := range [][]string{
		{"-step", "step-a", "-run", "/tekton/run/0", "-result", "r:string=/tekton/results/r", "--", "sh", "-c", "true"},
		{"-step=s", "-stay", "-when", `{"input":"a","operator":"in","values":["b"]}`, "x"},
		{
			"-step=s", "-run=r", "-reference", "T step-a.r:array=/s/r [1]", "-credential", "basic-git:s=https://h",
			"-credentials-dir=/c", "-secrets-dir=/s", "x",
		},
		{"-step=s", "-run=r", "-script-path=/s", "-script", "0abc", "-timeout", "-1s", "-on-error=continue"},
		{"-step=s", "-run=r", "-report-results", "-termination-path=/t", "-termination-budget=4096", "-max-result-size=1e3", "x"},
	} {
		f.Add(strings.Join(args, "\n"))
	}
	f.Fuzz(func(t *testing.T, joined string) {
		o, err := entrypoint.ParseOptions(strings.Split(joined, "\n"), io.Discard)
		if err != nil {
			return
		}
		if o.Step == "" || len(o.Command) == 0 || o.Timeout < 0 || o.MaxResultSize < 1 || (o.RunDir == "" && !o.Stay) {
			t.Errorf("these were taken, and cannot be run: %+v", o)
		}
	})
}

// FuzzArguments: what travels as one argument of a container arrives as what it was, or not at all. (The arguments are
// made by the controller, out of names that users chose.)
func FuzzArguments(f *testing.F) {
	f.Add("T step-a.r:array=/s/r [1]")
	f.Add("T step-a.r:object=/s/r .a b [*]")
	f.Add("r:object=/tekton/results/r")
	f.Add("basic-git:s=https://github.com=x")
	f.Add(`{"input":"$(steps.a.results.b)","operator":"notin","values":["","\u0000"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		again(t, text, stepresult.Parse)
		again(t, text, results.ParseFile)
		again(t, text, credentials.Parse)
		if c, err := when.Parse(text); err == nil && c.Operator != when.In && c.Operator != when.NotIn {
			t.Errorf("%q: operator %q was taken", text, c.Operator)
		}
	})
}

// again parses what was parsed and written once more.
func again[T interface{ String() string }](t *testing.T, text string, parse func(string) (T, error)) {
	t.Helper()
	first, err := parse(text)
	if err != nil {
		return
	}
	second, err := parse(first.String())
	if diff := cmp.Diff(first, second); err != nil || diff != "" {
		t.Errorf("%q became %q, which is %v: %s", text, first.String(), err, diff)
	}
}
