package doctor

import (
	"fmt"

	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	// OK is as it should be.
	OK Level = "ok"
	// Warning works, but not in all cases, or could not be looked at.
	Warning Level = "warning"
	// Problem keeps runs from working.
	Problem Level = "problem"
)

// Finding is what a check has found.
type Finding struct {
	// Check is the name of the check.
	Check string `json:"check"`
	Level Level  `json:"level"`
	// What was found, as a sentence without its full stop.
	What string `json:"what"`
	// Fix is what to do; empty where there is nothing to do.
	Fix string `json:"fix,omitempty"`
}

func ok(format string, args ...any) Finding {
	return Finding{Level: OK, What: fmt.Sprintf(format, args...)}
}

func warning(fix, format string, args ...any) Finding {
	return Finding{Level: Warning, What: fmt.Sprintf(format, args...), Fix: fix}
}

func trouble(fix, format string, args ...any) Finding {
	return Finding{Level: Problem, What: fmt.Sprintf(format, args...), Fix: fix}
}

func (l Level) mark() string {
	switch l {
	case Warning:
		return "!"
	case Problem:
		return "✗"
	case OK:
		return "✓"
	default:
		return "?"
	}
}

func (l Level) color() terminal.Color {
	switch l {
	case Warning:
		return terminal.Yellow
	case Problem:
		return terminal.Red
	case OK:
		return terminal.Green
	default:
		return terminal.None
	}
}
