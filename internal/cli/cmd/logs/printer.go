package logs

import (
	"fmt"
	"sync"

	"github.com/sluice-ci/sluice/internal/cli/logreader"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Printer prints lines of logs, each with the step that it is from, in the step's color. Several goroutines may use it.
type Printer struct {
	terminal   *terminal.Terminal
	alone      bool
	prefixed   bool
	timestamps bool

	mutex  sync.Mutex
	colors map[string]terminal.Color
	lines  int
}

// NewPrinter returns a Printer. Lines of a TaskRun alone are not given the name of their task; without prefixed nothing is
// put before them.
func NewPrinter(t *terminal.Terminal, alone, prefixed, timestamps bool) *Printer {
	return &Printer{terminal: t, alone: alone, prefixed: prefixed, timestamps: timestamps, colors: map[string]terminal.Color{}}
}

// Print prints a line.
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

// Note says something about the logs.
func (p *Printer) Note(message string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.terminal.Notef("%s", message)
}

// Lines is how many lines were printed.
func (p *Printer) Lines() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.lines
}

// color gives each step a color of its own, in turn.
func (p *Printer) color(name string) terminal.Color {
	palette := []terminal.Color{terminal.Cyan, terminal.Magenta, terminal.Blue, terminal.Yellow, terminal.Green}
	if _, ok := p.colors[name]; !ok {
		p.colors[name] = palette[len(p.colors)%len(palette)]
	}
	return p.colors[name]
}
