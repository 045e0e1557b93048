package entrypoint

import (
	"errors"
	"fmt"
	"os"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// message is the file that becomes the container's termination message.
type message struct {
	// file is nil when the container is to have no message.
	file   *os.File
	budget int
}

// openMessage opens and empties the file before the command runs: a command that nobody could tell the end of does not
// run, what it does to the file's mode later is of no consequence, and what others left in it is not taken for a message.
func (o Options) openMessage() (*message, error) {
	if o.TerminationPath == "" {
		return &message{}, nil
	}
	f, err := securefile.Overwrite(o.TerminationPath, 0o644)
	if err != nil {
		return &message{}, fmt.Errorf("cannot open termination message: %w", err)
	}
	return &message{file: f, budget: o.TerminationBudget}, nil
}

// write makes the message say how the step ended and what it left, in place of whatever the file has.
func (m *message) write(step frame.Step, left leftovers) error {
	if m.file == nil {
		return nil
	}
	b, err := termination.EncodeMessage(termination.Message{
		Step: step, Results: left.results, Removed: left.removed, Problems: left.problems,
	}, m.budget)
	// Emptied in any case: no message is better than one that is wrong.
	err = errors.Join(err, m.file.Truncate(0))
	if err == nil {
		_, err = m.file.WriteAt(b, 0)
	}
	if err != nil {
		return fmt.Errorf("cannot write termination message: %w", errors.Join(err, m.file.Truncate(0)))
	}
	return nil
}

// close closes the file, which is when some file systems say that they could not write.
func (m *message) close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}
