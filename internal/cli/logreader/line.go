// Package logreader reads the logs of a run's steps: of all of its attempts, and as they are written.
package logreader

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"time"
)

// Line is a line of a step's log.
type Line struct {
	// Task is the name of the pipeline's task; of a TaskRun alone it is the run's.
	Task string
	// Step that has written the line.
	Step string
	// Attempt counts from 1.
	Attempt int
	// Time at which the line was written, as the kubelet says it.
	Time string
	// Text without its line feed.
	Text string
}

// mark is how far a log has been read, so that it can be read on when a connection broke. A log is asked for from a whole
// second on, so lines come again that were read already.
type mark struct {
	last time.Time
	// same is how many lines with the time of the last one were read.
	same int
	// again is how many of these have come again.
	again int
}

// restart prepares for a log that is read from the second of the last line on.
func (m *mark) restart() { m.again = 0 }

// fresh reports whether a line with this time was not read before, and remembers it. A time that cannot be read is fresh.
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

// copyLines reads a log with times and hands on each fresh line. The end of the log is no error.
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
