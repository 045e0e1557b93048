// Package terminal is where a command of sluice reads and writes: its three streams, whether a person looks at them, how
// wide they are, and the colours that they may have.
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

// Terminal is the streams of one command.
type Terminal struct {
	// In is what a person types, or another program sends.
	In io.Reader
	// Out is for what was asked for.
	Out io.Writer
	// Err is for everything else: errors, hints, and how far the work has come.
	Err io.Writer
	// Interactive: Out is a terminal that can be written over, so that a tree can be shown live.
	Interactive bool
	// Colour: Out shows colours. NO_COLOR and TERM=dumb switch them off.
	Colour bool
	// ErrColour is Colour of Err.
	ErrColour bool
	// Width of Out in columns; 0 where that is not known, as in a file.
	Width int
	// Height of Out in lines; 0 where that is not known.
	Height int
}

// System is the terminal of this process.
func System(in, out, errOut *os.File, environment func(string) string) *Terminal {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil {
		width, height = 0, 0 // Out is no terminal
	}
	isTerminal := func(f *os.File) bool {
		return environment("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
	}
	plain := environment("NO_COLOR") != ""
	return &Terminal{
		In: in, Out: out, Err: errOut, Width: width, Height: height,
		Interactive: isTerminal(out),
		Colour:      isTerminal(out) && !plain,
		ErrColour:   isTerminal(errOut) && !plain,
	}
}

// Plain is a terminal without colours, as programs and tests have it.
func Plain(in io.Reader, out, errOut io.Writer) *Terminal {
	return &Terminal{In: in, Out: out, Err: errOut}
}

// Printf writes to Out. What is printed for people goes to a terminal or nowhere, so there is no error.
func (t *Terminal) Printf(format string, args ...any) { fmt.Fprintf(t.Out, format, args...) }

// Notef writes a line to Err: how far the work has come, or what to do next.
func (t *Terminal) Notef(format string, args ...any) { fmt.Fprintf(t.Err, format+"\n", args...) }

// Hintf writes a hint: line to Err.
func (t *Terminal) Hintf(format string, args ...any) {
	fmt.Fprintf(t.Err, "%s %s\n", paint(t.ErrColour, Cyan, "hint:"), fmt.Sprintf(format, args...))
}

// Report writes an error: line and its hint: lines to Err; nothing for nil, and for what was said already.
func (t *Terminal) Report(err error) {
	if err == nil {
		return
	}
	if !errors.Is(err, clierror.ErrQuiet) {
		fmt.Fprintf(t.Err, "%s %s\n", paint(t.ErrColour, Red, "error:"), Clean(err.Error()))
	}
	for _, hint := range clierror.HintsOf(err) {
		t.Hintf("%s", Clean(hint))
	}
}

// Paint gives text a colour where Out shows colours.
func (t *Terminal) Paint(c Colour, text string) string { return paint(t.Colour, c, text) }

// Colour is how a text stands out.
type Colour string

// The colours, by what terminals call them. Their shades are the user's choice.
const (
	None    Colour = ""
	Bold    Colour = "1"
	Dim     Colour = "2"
	Red     Colour = "31"
	Green   Colour = "32"
	Yellow  Colour = "33"
	Blue    Colour = "34"
	Magenta Colour = "35"
	Cyan    Colour = "36"
)

// What moves the cursor and clears, on terminals that are Interactive.
const (
	// ClearLine clears from the cursor to the end of its line.
	ClearLine = "\x1b[K"
	// ClearBelow clears from the cursor to the end of the screen.
	ClearBelow = "\x1b[J"
)

// Up moves the cursor so many lines up, to the first column.
func Up(lines int) string { return fmt.Sprintf("\x1b[%dF", lines) }

func paint(on bool, c Colour, text string) string {
	if !on || c == None || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// Clean makes a text from a cluster fit to be shown: control characters other than line feed and tab become visible, so
// that no message can move the cursor or change colours.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Line makes a text fit to be a part of a line: Clean, with a space for each line feed and tab.
func Line(text string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(Clean(text))
}
