package entrypoint

import (
	"errors"
	"fmt"
	"os"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// message is the file of the container's termination message.
type message struct {
	// file is nil if the container has no termination message.
	file   *os.File
	budget int
}

// openMessage opens and truncates the file before the command runs. If it fails, the command does not run, because its end
// could not be reported. A later change of the file's mode has no effect, and existing content is not mistaken for a message.
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

// write replaces the content of the file by the record of the step and its results.
func (m *message) write(step frame.Step, left leftovers) error {
	if m.file == nil {
		return nil
	}
	b, err := termination.EncodeMessage(termination.Message{
		Step: step, Results: left.results, Removed: left.removed, Problems: left.problems,
	}, m.budget)
	// It is truncated even after an error, because no message is better than a wrong one.
	err = errors.Join(err, m.file.Truncate(0))
	if err == nil {
		_, err = m.file.WriteAt(b, 0)
	}
	if err != nil {
		return fmt.Errorf("cannot write termination message: %w", errors.Join(err, m.file.Truncate(0)))
	}
	return nil
}

// close closes the file. Some file systems report a failed write only then.
func (m *message) close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}
