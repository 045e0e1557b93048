package logs

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cli/logreader"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

func TestPrinter(t *testing.T) {
	lines := []logreader.Line{
		{Task: "make", Step: "cc", Attempt: 1, Time: "2026-01-02T10:00:00Z", Text: "one"},
		{Task: "make", Step: "ld", Attempt: 2, Time: "2026-01-02T10:00:01Z", Text: ""},
	}
	for name, tc := range map[string]struct {
		reason                      string
		alone, prefixed, timestamps bool
		color                       bool
		want                        string
	}{
		"Pipeline": {
			reason:   "Task and step stand before a line, and which attempt it was.",
			prefixed: true,
			want:     "[make › cc] one\n[make › ld, attempt 2] \n",
		},
		"Alone": {
			reason:   "Of a TaskRun the task is known.",
			alone:    true,
			prefixed: true,
			want:     "[cc] one\n[ld, attempt 2] \n",
		},
		"Bare": {
			reason: "One step alone is what it printed.",
			alone:  true,
			want:   "one\n\n",
		},
		"Timestamps": {
			reason:     "The time stands before the text.",
			alone:      true,
			timestamps: true,
			want:       "2026-01-02T10:00:00Z one\n2026-01-02T10:00:01Z \n",
		},
		"Colors": {
			reason:   "Each step has a color of its own.",
			alone:    true,
			prefixed: true,
			color:    true,
			want:     "\x1b[36m[cc]\x1b[0m one\n\x1b[35m[ld, attempt 2]\x1b[0m \n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			term := terminal.Plain(nil, &b, nil)
			term.Color = tc.color
			p := NewPrinter(term, tc.alone, tc.prefixed, tc.timestamps)
			for _, line := range lines {
				p.Print(line)
			}
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if p.Lines() != len(lines) {
				t.Errorf("it counts what it has printed: %d", p.Lines())
			}
		})
	}
}
