package terminal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cli/problem"
)

func TestReport(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		err    error
		colour bool
		want   string
	}{
		"Nothing":  {reason: "No error is no line."},
		"Plain":    {reason: "An error is a line.", err: errors.New("no"), want: "error: no\n"},
		"Hints":    {reason: "Each hint is one, too.", err: problem.New("no", "a", "b"), want: "error: no\nhint: a\nhint: b\n"},
		"Quiet":    {reason: "What was said is not said again; its hints are.", err: problem.Hint(problem.Quiet(problem.RunFailed), "a"), want: "hint: a\n"},
		"Colour":   {reason: "The first word stands out on a terminal.", err: problem.New("no", "a"), colour: true, want: "\x1b[31merror:\x1b[0m no\n\x1b[36mhint:\x1b[0m a\n"},
		"Controls": {reason: "A text from a cluster cannot clear the screen.", err: errors.New("a\x1b[2Jb"), want: "error: a�[2Jb\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			term := Plain(nil, nil, &b)
			term.ErrColour = tc.colour
			term.Report(tc.err)
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	term := System(file, file, file, func(string) string { return "" })
	if term.Colour || term.ErrColour || term.Interactive || term.Width != 0 {
		t.Errorf("a file shows no colours and cannot be drawn over: %+v", term)
	}
	if got := term.Paint(Red, "x"); got != "x" {
		t.Errorf("without colours a text stays as it is: %q", got)
	}
}

func TestCut(t *testing.T) {
	for name, tc := range map[string]struct {
		reason  string
		text    string
		columns int
		want    string
	}{
		"Fits":      {reason: "What fits stays.", text: "abc", columns: 3, want: "abc"},
		"Long":      {reason: "What is cut says so.", text: "abcd", columns: 3, want: "ab…"},
		"Umlauts":   {reason: "Characters count, not bytes.", text: "äöü", columns: 3, want: "äöü"},
		"Unlimited": {reason: "Without a width nothing is cut.", text: "abcd", want: "abcd"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Cut(tc.text, tc.columns); got != tc.want {
				t.Errorf("%s got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}
