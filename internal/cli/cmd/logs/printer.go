package logs

import (
	"fmt"
	"sync"

	"github.com/sluice-ci/sluice/internal/cli/logreader"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Printer prints lines of logs, each with its step in the color of the step. It is safe for concurrent use.
type Printer struct {
	terminal   *terminal.Terminal
	alone      bool
	prefixed   bool
	timestamps bool

	mutex  sync.Mutex
	colors map[string]terminal.Color
	lines  int
}

// NewPrinter returns a Printer. With alone the prefix of a line is its step without its task. Without prefixed, lines have no
// prefix.
func NewPrinter(t *terminal.Terminal, alone, prefixed, timestamps bool) *Printer {
	return &Printer{terminal: t, alone: alone, prefixed: prefixed, timestamps: timestamps, colors: map[string]terminal.Color{}}
}

// Print prints one line.
func (p *Printer) Print(line logreader.Line) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.lines++
	before := ""
	if p.prefixed {
		name := line.Step
		if !p.alone {
			name = line.Task + " › " + line.Step
		}
		if line.Attempt > 1 {
			name += fmt.Sprintf(", attempt %d", line.Attempt)
		}
		before = p.terminal.Paint(p.color(name), "["+name+"]") + " "
	}
	if p.timestamps {
		before += p.terminal.Paint(terminal.Dim, line.Time) + " "
	}
	p.terminal.Printf("%s%s\n", before, line.Text)
}

// Note prints a note about the logs.
func (p *Printer) Note(message string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.terminal.Notef("%s", message)
}

// Lines returns the number of lines that were printed.
func (p *Printer) Lines() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.lines
}

// color gives each step its color, in turn.
func (p *Printer) color(name string) terminal.Color {
	palette := []terminal.Color{terminal.Cyan, terminal.Magenta, terminal.Blue, terminal.Yellow, terminal.Green}
	if _, ok := p.colors[name]; !ok {
		p.colors[name] = palette[len(p.colors)%len(palette)]
	}
	return p.colors[name]
}
