package doctor

import (
	"fmt"

	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Level is the severity of a finding.
type Level string

// The levels.
const (
	// OK: no problem.
	OK Level = "ok"
	// Warning: it works only in some cases, or could not be checked.
	Warning Level = "warning"
	// Problem: runs do not work.
	Problem Level = "problem"
)

// Finding is the result of a check.
type Finding struct {
	// Check is the name of the check.
	Check string `json:"check"`
	Level Level  `json:"level"`
	// What was found, as a sentence without a period.
	What string `json:"what"`
	// Fix is what to do; empty: nothing.
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
