package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/test/conformance/runner"
)

func results() []runner.Result {
	return []runner.Result{
		{Name: "a.yaml", Outcome: runner.Passed, Took: 4321 * time.Millisecond},
		{Name: "longer.yaml", Outcome: runner.Failed, Took: time.Minute, Reason: "TaskRun \"x\": Failed:\nexit 1", Explanation: "pod x\n  log\n"},
		{Name: "c.yaml", Outcome: runner.Skipped, Reason: strings.Repeat("ä", 200)},
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := Table(&out, results()); err != nil {
		t.Fatal(err)
	}
	want := `FILE         OUTCOME  SECONDS  REASON
a.yaml       passed   4.3      
longer.yaml  FAILED   60.0     TaskRun "x": Failed: exit 1
c.yaml       skipped  0.0      ` + strings.Repeat("ä", 119) + `…

1 of 3 files passed, 1 failed, 1 skipped
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestProgress(t *testing.T) {
	var out strings.Builder
	for _, r := range results()[:2] {
		Progress(&out, r)
	}
	want := `passed         4.3 s  a.yaml
FAILED        60.0 s  longer.yaml
    TaskRun "x": Failed:
    exit 1
    pod x
      log
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOK(t *testing.T) {
	cases := map[string]struct {
		reason  string
		outcome runner.Outcome
		want    bool
	}{
		"Passed":      {reason: "All cases passed.", outcome: runner.Passed, want: true},
		"Skipped":     {reason: "A skipped case runs in the other mode.", outcome: runner.Skipped, want: true},
		"Failed":      {reason: "After a failure the program must fail.", outcome: runner.Failed},
		"Interrupted": {reason: "A case that did not run has not passed.", outcome: runner.Interrupted},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := OK([]runner.Result{{Outcome: runner.Passed}, {Outcome: tc.outcome}}); got != tc.want {
				t.Errorf("%s\ngot %t", tc.reason, got)
			}
		})
	}
	if OK([]runner.Result{{Outcome: runner.Skipped}}) {
		t.Error("OK is true without any case")
	}
}
