package draw_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/cli/cmd/timeline/draw"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/timeline"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func plain(_ terminal.Color, text string) string { return text }

var begin = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

func span(kind timeline.Kind, name string, from, to int, state timeline.State, children ...timeline.Span) timeline.Span {
	return timeline.Span{
		Kind: kind, Name: name, State: state, Children: children,
		Start: begin.Add(time.Duration(from) * time.Second), End: begin.Add(time.Duration(to) * time.Second),
	}
}

func spans() map[string]timeline.Span {
	const ok, running, failed = timeline.StateSucceeded, timeline.StateRunning, timeline.StateFailed
	pipeline := span(timeline.PipelineRun, "release-x7k2p", 0, 90, running,
		span(timeline.Queue, "queue", 0, 1, ok),
		span(timeline.Resolve, "resolve", 1, 3, ok),
		span(timeline.Waiting, "publish", 1, 90, timeline.StateWaiting),
		span(timeline.TaskRun, "build", 3, 40, ok,
			span(timeline.Schedule, "schedule", 3, 5, ok),
			span(timeline.Images, "images", 5, 14, ok),
			span(timeline.Step, "compile", 14, 38, ok),
			span(timeline.Step, "nothing", 38, 38, timeline.StateSkipped),
			span(timeline.Results, "results", 38, 40, ok)),
		span(timeline.TaskRun, "a-task-with-a-name-that-is-longer-than-the-column-for-names", 41, 60, failed,
			span(timeline.Attempt, "attempt 1", 41, 50, failed),
			span(timeline.Attempt, "attempt 2", 50, 60, timeline.StateCancelled)),
		span(timeline.CustomRun, "approve", 61, 90, running))
	pipeline.More = 7
	return map[string]timeline.Span{
		"pipeline": pipeline,
		"new":      span(timeline.TaskRun, "new", 0, 0, timeline.StateWaiting),
		"hostile":  span(timeline.TaskRun, "<script>alert(\"1\")</script>\x1b[31m", 0, 10, ok, span(timeline.Step, "a\n&\"'<b>", 0, 4, ok)),
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want, +got:\n%s", file, diff)
	}
}

func TestGolden(t *testing.T) {
	for name, s := range spans() {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", draw.Text(s, 0, plain))
			golden(t, name+".narrow.txt", draw.Text(s, 60, plain))
			golden(t, name+".svg", draw.SVG(s))
		})
	}
}

// wellFormed returns an error if a text is no XML, or has an element that runs something.
func wellFormed(text string) error {
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "script" {
			return errors.New("it has a script")
		}
	}
}

// TestNothingGetsOut: whatever a name is, the image is XML without scripts, the text has no control characters, and no line is longer
// than the terminal.
func TestNothingGetsOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, 100).Draw(t, "from")
		s := span(timeline.TaskRun, rapid.String().Draw(t, "name"), 0, 100, timeline.StateSucceeded,
			span(timeline.Step, rapid.String().Draw(t, "step"), from, from+rapid.IntRange(0, 100-from).Draw(t, "length"), timeline.StateFailed))
		if err := wellFormed(draw.SVG(s)); err != nil {
			t.Fatal(err)
		}
		const width = 80
		for line := range strings.SplitSeq(draw.Text(s, width, plain), "\n") {
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) || terminal.Columns(line) > width {
				t.Fatalf("line %q has %d columns", line, terminal.Columns(line))
			}
		}
	})
}
