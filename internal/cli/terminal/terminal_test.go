package terminal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

func TestReport(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		err    error
		color  bool
		want   string
	}{
		"Nothing": {reason: "No error is no line."},
		"Plain": {
			reason: "An error is a line.",
			err:    errors.New("no"),
			want:   "error: no\n",
		},
		"Hints": {
			reason: "Each hint is one, too.",
			err:    clierror.New("no", "a", "b"),
			want:   "error: no\nhint: a\nhint: b\n",
		},
		"Quiet": {
			reason: "What was said is not said again; its hints are.",
			err:    clierror.Hint(clierror.Quiet(clierror.RunFailed), "a"),
			want:   "hint: a\n",
		},
		"Color": {
			reason: "The first word stands out on a terminal.",
			err:    clierror.New("no", "a"),
			color:  true,
			want:   "\x1b[31merror:\x1b[0m no\n\x1b[36mhint:\x1b[0m a\n",
		},
		"Controls": {
			reason: "A text from a cluster cannot clear the screen.",
			err:    errors.New("a\x1b[2Jb"),
			want:   "error: a�[2Jb\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			term := Plain(nil, nil, &b)
			term.ErrColor = tc.color
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
	if term.Color || term.ErrColor || term.Interactive || term.Width != 0 {
		t.Errorf("a file shows no colors and cannot be drawn over: %+v", term)
	}
	if got := term.Paint(Red, "x"); got != "x" {
		t.Errorf("without colors a text stays as it is: %q", got)
	}
}

// pseudoterminal opens a pseudoterminal, and returns the side for programs.
func pseudoterminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 90, Row: 30}); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return slave
}

func TestTerminals(t *testing.T) {
	tty := pseudoterminal(t)
	for name, tc := range map[string]struct {
		reason             string
		environment        map[string]string
		color, interactive bool
	}{
		"Terminal": {
			reason:      "A terminal has colors, and can be drawn over.",
			environment: map[string]string{"TERM": "xterm"},
			color:       true,
			interactive: true,
		},
		"NO_COLOR": {
			reason:      "Who wants none gets none, whatever the value.",
			environment: map[string]string{"TERM": "xterm", "NO_COLOR": "0"},
			interactive: true,
		},
		"Dumb": {
			reason:      "One that can do nothing is asked for nothing.",
			environment: map[string]string{"TERM": "dumb"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			term := System(tty, tty, tty, func(key string) string { return tc.environment[key] })
			if term.Color != tc.color || term.ErrColor != tc.color || term.Interactive != tc.interactive ||
				term.Width != 90 || term.Height != 30 {
				t.Errorf("%s got %+v", tc.reason, term)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for name, tc := range map[string]struct {
		reason  string
		text    string
		columns int
		want    string
	}{
		"Fits": {
			reason:  "What fits stays.",
			text:    "abc",
			columns: 3,
			want:    "abc",
		},
		"Long": {
			reason:  "What is cut says so.",
			text:    "abcd",
			columns: 3,
			want:    "ab…",
		},
		"Umlauts": {
			reason:  "Characters count, not bytes.",
			text:    "äöü",
			columns: 3,
			want:    "äöü",
		},
		"Wide": {
			reason:  "A wide character covers two columns, and is never cut in half.",
			text:    "日本語",
			columns: 4,
			want:    "日…",
		},
		"WideFits": {
			reason:  "Wide characters that fit stay.",
			text:    "日本",
			columns: 4,
			want:    "日本",
		},
		"Unlimited": {
			reason: "Without a width nothing is cut.",
			text:   "abcd",
			want:   "abcd",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Cut(tc.text, tc.columns); got != tc.want {
				t.Errorf("%s got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestColumns(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		text   string
		want   int
	}{
		"Empty": {
			reason: "Nothing covers nothing.",
		},
		"Latin": {
			reason: "One column a character, not a byte.",
			text:   "naïve",
			want:   5,
		},
		"Wide": {
			reason: "Chinese, Japanese and Korean characters cover two columns each.",
			text:   "結果kr한",
			want:   8,
		},
		"Emoji": {
			reason: "An emoji covers two columns.",
			text:   "🚀",
			want:   2,
		},
		"Combining": {
			reason: "A mark that joins the character before it covers none.",
			text:   "e\u0301",
			want:   1,
		},
		"Lines": {
			reason: "The characters that draw trees and boxes cover one column.",
			text:   "├─│…",
			want:   4,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Columns(tc.text); got != tc.want {
				t.Errorf("%s got %d columns of %q, want %d", tc.reason, got, tc.text, tc.want)
			}
		})
	}
}
