// Package report prints the results of the cases.
package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/test/conformance/runner"
)

// reasonWidth is the maximum length of a reason in the table. The whole reason is printed with the explanation.
const reasonWidth = 120

// Progress prints a result when it is available: one line, and the explanation of a failure.
func Progress(w io.Writer, r runner.Result) {
	fmt.Fprintf(w, "%-11s %6.1f s  %s\n", r.Outcome, r.Took.Seconds(), r.Name)
	if r.Outcome != runner.Failed {
		return
	}
	for line := range strings.Lines(strings.TrimRight(r.Reason+"\n"+r.Explanation, "\n") + "\n") {
		fmt.Fprint(w, "    ", line)
	}
}

// Table prints all results and a line that counts them.
func Table(w io.Writer, results []runner.Result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FILE\tOUTCOME\tSECONDS\tREASON")
	for _, r := range results {
		fmt.Fprintf(table, "%s\t%s\t%.1f\t%s\n", r.Name, r.Outcome, r.Took.Seconds(), short(r.Reason))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("cannot print table: %w", err)
	}
	fmt.Fprintf(w, "\n%s\n", count(results))
	return nil
}

func count(results []runner.Result) string {
	counts := map[runner.Outcome]int{}
	for _, r := range results {
		counts[r.Outcome]++
	}
	var line strings.Builder
	fmt.Fprintf(&line, "%d of %d files passed", counts[runner.Passed], len(results))
	for _, o := range []runner.Outcome{runner.Failed, runner.Skipped, runner.Interrupted} {
		if counts[o] > 0 {
			fmt.Fprintf(&line, ", %d %s", counts[o], strings.ToLower(string(o)))
		}
	}
	return line.String()
}

// short shortens a reason to one line of the table.
func short(reason string) string {
	reason = strings.Join(strings.Fields(reason), " ")
	if utf8.RuneCountInString(reason) <= reasonWidth {
		return reason
	}
	return string([]rune(reason)[:reasonWidth-1]) + "…"
}

// OK reports whether at least one case passed, and none failed or was interrupted.
func OK(results []runner.Result) bool {
	passed := false
	for _, r := range results {
		switch r.Outcome {
		case runner.Failed, runner.Interrupted:
			return false
		case runner.Passed:
			passed = true
		case runner.Skipped:
		}
	}
	return passed
}
