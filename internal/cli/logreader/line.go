// Package logreader reads the logs of the steps of a run, of all attempts, also while they are written.
package logreader

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"time"
)

// Line is a line of the log of a step.
type Line struct {
	// Task is the name of the pipeline task, or of the TaskRun if it has no pipeline.
	Task string
	// Step that wrote the line.
	Step string
	// Attempt counts from 1.
	Attempt int
	// Time of the line, from the kubelet.
	Time string
	// Text without its line feed.
	Text string
}

// mark is the position up to which a log has been read, for reconnects. A log can only be requested from a whole second, so some
// lines come twice.
type mark struct {
	last time.Time
	// same is how many lines with the time of the last line were read.
	same int
	// again is how many of these lines have come twice.
	again int
}

// restart prepares for a log from the second of the last line.
func (m *mark) restart() { m.again = 0 }

// fresh reports whether a line with this time is new, and records it. A line with an invalid time is new.
func (m *mark) fresh(text string) bool {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return true
	}
	switch {
	case at.Before(m.last):
		return false
	case at.Equal(m.last):
		if m.again++; m.again <= m.same {
			return false
		}
		m.same = m.again
	default:
		m.last, m.same, m.again = at, 1, 1
	}
	return true
}

// copyLines reads a log with times and emits each new line. The end of the log is not an error.
func copyLines(log io.Reader, m *mark, emit func(at, text string)) error {
	reader := bufio.NewReaderSize(log, 64<<10)
	for {
		line, err := reader.ReadString('\n')
		if line != "" && (err == nil || errors.Is(err, io.EOF)) {
			at, text, found := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			if !found {
				at, text = line, ""
			}
			if m.fresh(at) {
				emit(at, text)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
