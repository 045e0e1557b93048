package tree

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

func example() Node {
	return Node{Name: "pipelinerun/build", State: runs.Running, Took: 65 * time.Second, Children: []Node{
		{
			Name:     "compile",
			State:    runs.Succeeded,
			Took:     10 * time.Second,
			Children: []Node{{Name: "cc", State: runs.Succeeded, Took: 10 * time.Second}},
		},
		{
			Name:     "test",
			State:    runs.Failed,
			Took:     20 * time.Second,
			Note:     "attempt 2",
			Children: []Node{{Name: "unit", State: runs.Failed, Note: "exit code 1"}},
		},
		{Name: "publish", State: runs.Waiting},
	}}
}

func TestLines(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		width  int
		limit  int
		want   string
	}{
		"Whole": {
			reason: "Names, times and notes stand in columns.",
			want: `● pipelinerun/build  1m05s
├─ ✓ compile         10s
│  └─ ✓ cc           10s
├─ ✗ test            20s    attempt 2
│  └─ ✗ unit                exit code 1
└─ ○ publish`,
		},
		"Folded": {
			reason: "Where there is no room, what went well is folded first.", limit: 5,
			want: `● pipelinerun/build  1m05s
├─ ✓ compile         10s
├─ ✗ test            20s    attempt 2
│  └─ ✗ unit                exit code 1
└─ ○ publish`,
		},
		"Cut": {
			reason: "And then the end.", limit: 2,
			want: `● pipelinerun/build  1m05s
├─ ✓ compile         10s`,
		},
		"Narrow": {
			reason: "A line that is too long would be two, and could not be drawn over.", width: 24,
			want: `● pipelinerun/build  1…
├─ ✓ compile         1…
│  └─ ✓ cc           1…
├─ ✗ test            2…
│  └─ ✗ unit          …
└─ ○ publish`,
		},
		"Tiny": {
			reason: "Even names are cut, then.", width: 10,
			want: `● pipeli…
├─ ✓ com…
│  └─ ✓ …
├─ ✗ test
│  └─ ✗ …
└─ ○ pub…`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			term := terminal.Plain(nil, nil, nil)
			term.Width = tc.width
			got := strings.Join(example().Lines(term, tc.limit), "\n")
			if tc.width > 0 {
				for line := range strings.SplitSeq(got, "\n") {
					if n := terminal.Columns(line); n >= tc.width {
						t.Errorf("%s %q has %d columns", tc.reason, line, n)
					}
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestColorsDoNotMoveColumns(t *testing.T) {
	plain := terminal.Plain(nil, nil, nil)
	colored := terminal.Plain(nil, nil, nil)
	colored.Color = true
	got := strings.Join(example().Lines(colored, 0), "\n")
	if !strings.Contains(got, "\x1b[32m✓\x1b[0m") {
		t.Errorf("what went well is green: %q", got)
	}
	if diff := cmp.Diff(strings.Join(example().Lines(plain, 0), "\n"), uncolored(got)); diff != "" {
		t.Errorf("without its colors the tree is the same (-plain +colored):\n%s", diff)
	}
}

// uncolored removes the colors of a text.
func uncolored(text string) string {
	var b bytes.Buffer
	for {
		before, after, found := strings.Cut(text, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, text, _ = strings.Cut(after, "m")
	}
}

func TestChanges(t *testing.T) {
	before := Node{Name: "pipelinerun/build", State: runs.Running, Children: []Node{
		{Name: "compile", State: runs.Running, Children: []Node{{Name: "cc", State: runs.Running}, {Name: "ld", State: runs.Waiting}}},
		{Name: "test", State: runs.Waiting},
	}}
	after := Node{Name: "pipelinerun/build", State: runs.Failed, Took: 9 * time.Second, Children: []Node{
		{Name: "compile", State: runs.Failed, Took: 5 * time.Second, Children: []Node{
			{Name: "cc", State: runs.Failed, Took: 4 * time.Second, Note: "exit code 2"},
			{Name: "ld", State: runs.Waiting},
		}},
		{Name: "test", State: runs.Skipped, Note: "PipelineRun was stopping"},
	}}
	want := []string{
		"compile › cc: failed after 4s (exit code 2)", "compile: failed after 5s",
		"test: skipped (PipelineRun was stopping)", "pipelinerun/build: failed after 9s",
	}
	if diff := cmp.Diff(want, Changes(before, after)); diff != "" {
		t.Errorf("lines come in the order in which things end, and what has not changed is not said (-want +got):\n%s", diff)
	}
	retried := Node{Name: "taskrun/a", State: runs.Running}
	second := retried
	second.Note = "attempt 2"
	if diff := cmp.Diff([]string{"taskrun/a: running (attempt 2)"}, Changes(retried, second)); diff != "" {
		t.Errorf("another attempt is a change, though it runs as the one before did (-want +got):\n%s", diff)
	}
	if again := Changes(after, after); len(again) != 0 {
		t.Errorf("where nothing has changed nothing is said: %q", again)
	}
}
