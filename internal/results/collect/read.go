// Package collect reads the results stream of a pod, in the controller: it follows the log of the results container,
// and yields a verified Set or the reason why there is none.
package collect

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/signature"
)

// Set is all that a results container said, from its intro to its end record. There is no half Set.
type Set struct {
	// Nonce of the stream, where signatures are wanted, which have to speak of it.
	Nonce string
	// Steps in the order in which they ended; one for each step that was wanted, and no other.
	Steps []frame.Step
	// Results in the order of the stream, each declared with its type, whole, and checked against its digest.
	Results []frame.Result
	// Problems are results that exist and could not be carried.
	Problems []frame.Problem
	// Signatures are what the steps have signed, in their order, where that was wanted: at most one of each step.
	Signatures []Signature
	// Interrupted says that the container was asked to end before all steps had ended. Those that had not have a record
	// all the same, with the reason frame.ReasonUnfinished.
	Interrupted bool
}

// Signature is what one step has signed, which nobody has judged yet.
type Signature struct {
	// Step is the name of the step's container.
	Step string
	// Signed is what there is of it: a Problem also when it could not be understood.
	Signed signature.Signed
}

// Want is what a stream must agree with.
type Want struct {
	// Nonce of the stream.
	Nonce string
	// Steps are the names of the containers of the task's steps, in order. A stream must have exactly one record of each
	// before its end: a step that nobody speaks of may have failed. That holds for interrupted streams, too, since the
	// sidecar then writes what it knows of each step. A task has at least one step, so without names every stream is
	// refused: to forget them is no way around the check.
	Steps []string
	// Results that the task declares.
	Results []results.Declared
	// Signatures says that what the steps have signed is wanted.
	Signatures bool
}

// ErrUnexpected says that the stream is whole, but does not speak of the task that was wanted: it has a step or a result
// that the task does not have, has one twice, or ends without a record of each step.
var ErrUnexpected = errors.New("the results stream does not match the task")

// ReadFinished reads one stream from the log of a container that has ended, to the end of the log: nothing may come
// after the end record. The errors are those of the package frame, and ErrUnexpected.
func ReadFinished(log io.Reader, want Want) (*Set, error) {
	return read(log, want, !following, unbounded(), func() {})
}

// ReadFollowed reads one stream from a log that is being followed. It returns with the end record, without waiting for
// the log to end. The errors are those of the package frame, and ErrUnexpected.
func ReadFollowed(log io.Reader, want Want) (*Set, error) {
	return read(log, want, following, unbounded(), func() {})
}

// following says that a log is read while its container runs.
const following = true

// read calls heard for each record that it has read. What it keeps is bounded whatever the log holds: one record for
// each step, and one value or problem for each result; and held has room for it.
func read(log io.Reader, want Want, follow bool, held *hold, heard func()) (*Set, error) {
	expected, err := newExpectations(want)
	if err != nil {
		return nil, err
	}
	reader := frame.NewReader(log, want.Nonce, frame.Limits{Signatures: want.Signatures, Reserve: held.value})
	set := &Set{}
	if want.Signatures {
		set.Nonce = want.Nonce
	}
	for {
		record, err := reader.Next()
		if err != nil {
			return nil, err
		}
		heard()
		if err := held.record(record); err != nil {
			return nil, err
		}
		ended, err := set.take(record, expected)
		if err != nil {
			return nil, err
		}
		if !ended {
			continue
		}
		if !follow {
			err = reader.Rest()
		}
		if err != nil {
			return nil, err
		}
		return set, nil
	}
}

// take adds one record, if it was expected, and reports whether it was the last one.
func (s *Set) take(record frame.Record, expected *expectations) (ended bool, err error) {
	switch r := record.(type) {
	case frame.Step:
		s.Steps = append(s.Steps, r)
		return false, expected.step(r.Name)
	case frame.Result:
		s.Results = append(s.Results, r)
		return false, expected.result(r.Name, r.Type)
	case frame.Problem:
		s.Problems = append(s.Problems, r)
		return false, expected.problem(r.Result)
	case frame.Certificate:
		expected.certificates = append(expected.certificates, r)
	case frame.Signature:
		return false, s.takeSignature(r, expected)
	case frame.End:
		s.Interrupted = r.Interrupted
		return true, expected.checkComplete()
	}
	return false, nil
}

// takeSignature adds what a step has signed. One that cannot be understood is as good as none, which whoever wants it
// judges: it does not make the results unreadable.
func (s *Set) takeSignature(r frame.Signature, expected *expectations) error {
	if err := expected.signature(r.Step); err != nil {
		return err
	}
	signed, err := signature.Unpack(r, expected.certificates)
	if err != nil {
		signed = signature.Unsigned(err)
	}
	s.Signatures = append(s.Signatures, Signature{Step: r.Step, Signed: signed})
	return nil
}

// expectations are the steps and results of a task that a stream has no record of yet.
type expectations struct {
	order   []string
	steps   map[string]bool
	results map[string]string // name and type
	// signed has the steps whose signature has come.
	signed       map[string]bool
	certificates []frame.Certificate
}

func newExpectations(want Want) (*expectations, error) {
	if len(want.Steps) == 0 {
		return nil, fmt.Errorf("%w: it is not known which steps the task has", ErrUnexpected)
	}
	e := &expectations{
		order:   want.Steps,
		steps:   make(map[string]bool, len(want.Steps)),
		results: make(map[string]string, len(want.Results)),
		signed:  map[string]bool{},
	}
	for _, name := range want.Steps {
		e.steps[name] = true
	}
	for _, r := range want.Results {
		e.results[r.Name] = r.Type
	}
	return e, nil
}

func (e *expectations) step(name string) error {
	if !e.steps[name] {
		return fmt.Errorf("%w: step %q is not the task's, or comes twice", ErrUnexpected, name)
	}
	delete(e.steps, name)
	return nil
}

func (e *expectations) signature(step string) error {
	if !slices.Contains(e.order, step) || e.signed[step] {
		return fmt.Errorf("%w: the signature of step %q is of no step of the task, or comes twice", ErrUnexpected, step)
	}
	e.signed[step] = true
	return nil
}

func (e *expectations) result(name, typ string) error {
	if declared, ok := e.results[name]; !ok || declared != typ {
		return fmt.Errorf("%w: result %q is not declared as %s, or comes twice", ErrUnexpected, name, typ)
	}
	delete(e.results, name)
	return nil
}

func (e *expectations) problem(name string) error {
	if _, ok := e.results[name]; !ok {
		return fmt.Errorf("%w: result %q is not declared, or comes twice", ErrUnexpected, name)
	}
	delete(e.results, name)
	return nil
}

// checkComplete returns an error with the name of the first step that has no record, if the stream ends here.
func (e *expectations) checkComplete() error {
	for _, name := range e.order {
		if e.steps[name] {
			return fmt.Errorf("%w: it ends without a record of step %q", ErrUnexpected, name)
		}
	}
	return nil
}

// damaged reports whether reading the same finished log again can only fail in the same way.
func damaged(err error) bool {
	for _, target := range []error{frame.ErrGap, frame.ErrDuplicate, frame.ErrTrailing, frame.ErrVersion, frame.ErrDigest,
		frame.ErrTooLarge, frame.ErrMalformed, ErrUnexpected} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
