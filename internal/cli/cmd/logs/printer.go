package logs

import (
	"fmt"
	"sync"

	"github.com/sluice-ci/sluice/internal/cli/logreader"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Printer prints lines of logs, each with the step that it is from, in the step's colour. Several goroutines may use it.
type Printer struct {
	terminal   *terminal.Terminal
	alone      bool
	prefixed   bool
	timestamps bool

	mutex   sync.Mutex
	colours map[string]terminal.Colour
	lines   int
}

// NewPrinter returns a Printer. Lines of a TaskRun alone are not given the name of their task; without prefixed nothing is
// put before them.
func NewPrinter(t *terminal.Terminal, alone, prefixed, timestamps bool) *Printer {
	return &Printer{terminal: t, alone: alone, prefixed: prefixed, timestamps: timestamps, colours: map[string]terminal.Colour{}}
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
		before = p.terminal.Paint(p.colour(name), "["+name+"]") + " "
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

// colour gives each step a colour of its own, in turn.
func (p *Printer) colour(name string) terminal.Colour {
	palette := []terminal.Colour{terminal.Cyan, terminal.Magenta, terminal.Blue, terminal.Yellow, terminal.Green}
	if _, ok := p.colours[name]; !ok {
		p.colours[name] = palette[len(p.colours)%len(palette)]
	}
	return p.colours[name]
}
