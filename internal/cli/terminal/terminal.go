// Package terminal has the standard streams of a command of sluice, and whether they are a terminal, its size and its colors.
package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

// Terminal has the streams of one command.
type Terminal struct {
	// In is standard input.
	In io.Reader
	// Out is for the output of the command.
	Out io.Writer
	// Err is for errors, hints and progress.
	Err io.Writer
	// Interactive: Out is a terminal with a cursor, so that a tree can be updated in place.
	Interactive bool
	// Color: Out shows colors. NO_COLOR and TERM=dumb disable them.
	Color bool
	// ErrColor: Err shows colors.
	ErrColor bool
	// Width of Out in columns; 0 if unknown, for example in a file.
	Width int
	// Height of Out in lines; 0 if unknown.
	Height int
}

// System returns the terminal of this process.
func System(in, out, errOut *os.File, environment func(string) string) *Terminal {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil {
		width, height = 0, 0 // Out is not a terminal
	}
	isTerminal := func(f *os.File) bool {
		return environment("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
	}
	plain := environment("NO_COLOR") != ""
	return &Terminal{
		In: in, Out: out, Err: errOut, Width: width, Height: height,
		Interactive: isTerminal(out),
		Color:       isTerminal(out) && !plain,
		ErrColor:    isTerminal(errOut) && !plain,
	}
}

// Plain returns a terminal without colors, for tests.
func Plain(in io.Reader, out, errOut io.Writer) *Terminal {
	return &Terminal{In: in, Out: out, Err: errOut}
}

// Printf writes to Out. It ignores errors of writing.
func (t *Terminal) Printf(format string, args ...any) { fmt.Fprintf(t.Out, format, args...) }

// Notef writes a line to Err: progress, or what to do next.
func (t *Terminal) Notef(format string, args ...any) { fmt.Fprintf(t.Err, format+"\n", args...) }

// Hintf writes a hint: line to Err.
func (t *Terminal) Hintf(format string, args ...any) {
	fmt.Fprintf(t.Err, "%s %s\n", paint(t.ErrColor, Cyan, "hint:"), fmt.Sprintf(format, args...))
}

// Report writes an error: line and its hint: lines to Err; nothing for nil and for clierror.ErrQuiet.
func (t *Terminal) Report(err error) {
	if err == nil {
		return
	}
	if !errors.Is(err, clierror.ErrQuiet) {
		fmt.Fprintf(t.Err, "%s %s\n", paint(t.ErrColor, Red, "error:"), Clean(err.Error()))
	}
	for _, hint := range clierror.HintsOf(err) {
		t.Hintf("%s", Clean(hint))
	}
}

// Paint returns text with a color if Out shows colors.
func (t *Terminal) Paint(c Color, text string) string { return paint(t.Color, c, text) }

// Color is an escape sequence for a color.
type Color string

// The colors of terminals.
const (
	None    Color = ""
	Bold    Color = "1"
	Dim     Color = "2"
	Red     Color = "31"
	Green   Color = "32"
	Yellow  Color = "33"
	Blue    Color = "34"
	Magenta Color = "35"
	Cyan    Color = "36"
)

// Escape sequences for Interactive terminals.
const (
	// ClearLine clears from the cursor to the end of its line.
	ClearLine = "\x1b[K"
	// ClearBelow clears from the cursor to the end of the screen.
	ClearBelow = "\x1b[J"
)

// Up returns the escape sequence that moves the cursor up by a number of lines, to the first column.
func Up(lines int) string { return fmt.Sprintf("\x1b[%dF", lines) }

func paint(on bool, c Color, text string) string {
	if !on || c == None || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// Clean makes control characters other than line feed and tab visible, so that a text from a cluster cannot move the cursor or
// change colors.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Line returns Clean(text) on one line, with a space for each line feed and tab.
func Line(text string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(Clean(text))
}
