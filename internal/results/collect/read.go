// Package collect reads the results stream of a pod, in the controller: it follows the log of the results container,
// and yields a verified Set or the reason why there is none.
package collect

import (
	"errors"
	"fmt"
	"io"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// Set is all that a results container said, from its intro to its end record. There is no half Set.
type Set struct {
	// Steps in the order in which they ended.
	Steps []frame.Step
	// Results in the order in which the task declares them, whole and checked against their digests.
	Results []frame.Result
	// Problems are results that exist and could not be carried.
	Problems []frame.Problem
	// Interrupted says that the container was asked to end before all steps had ended.
	Interrupted bool
}

// Want is what a stream must agree with.
type Want struct {
	// Nonce of the stream.
	Nonce string
	// Results that the task declares.
	Results []results.Declared
}

// ErrUnexpected says that the stream is whole, but speaks of results that the task does not declare, or twice of one.
var ErrUnexpected = errors.New("the results stream does not match the task")

// ReadFinished reads one stream from the log of a container that has ended, to the end of the log: nothing may come
// after the end record. The errors are those of the package frame, and ErrUnexpected.
func ReadFinished(log io.Reader, want Want) (*Set, error) {
	reader := frame.NewReader(log, want.Nonce, frame.Limits{})
	set, err := read(reader, want)
	if err != nil {
		return nil, err
	}
	if err := reader.Rest(); err != nil {
		return nil, err
	}
	return set, nil
}

// ReadFollowed reads one stream from a log that is being followed. It returns with the end record, without waiting for
// the log to end. The errors are those of the package frame, and ErrUnexpected.
func ReadFollowed(log io.Reader, want Want) (*Set, error) {
	return read(frame.NewReader(log, want.Nonce, frame.Limits{}), want)
}

func read(reader *frame.Reader, want Want) (*Set, error) {
	declared := make(map[string]string, len(want.Results))
	for _, d := range want.Results {
		declared[d.Name] = d.Type
	}
	set := &Set{}
	for {
		record, err := reader.Next()
		if err != nil {
			return nil, err
		}
		switch r := record.(type) {
		case frame.Step:
			set.Steps = append(set.Steps, r)
		case frame.Result:
			if declared[r.Name] != r.Type {
				return nil, unexpected(r.Name)
			}
			delete(declared, r.Name)
			set.Results = append(set.Results, r)
		case frame.Problem:
			if _, ok := declared[r.Result]; !ok {
				return nil, unexpected(r.Result)
			}
			delete(declared, r.Result)
			set.Problems = append(set.Problems, r)
		case frame.End:
			set.Interrupted = r.Interrupted
			return set, nil
		}
	}
}

func unexpected(result string) error {
	return fmt.Errorf("%w: result %q is not declared with this type, or comes twice", ErrUnexpected, result)
}

// final reports whether reading the same finished log again can only fail in the same way.
func final(err error) bool {
	for _, target := range []error{frame.ErrGap, frame.ErrDuplicate, frame.ErrTrailing, frame.ErrVersion, frame.ErrDigest,
		frame.ErrTooLarge, frame.ErrMalformed, ErrUnexpected} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
