// Package collect reads the results stream of a pod in the controller. It follows the log of the results container, and
// returns a verified Set or the reason why there is none.
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

// Set is the complete content of a stream, from its intro to its end record. There is never a partial Set.
type Set struct {
	// Nonce is the nonce of the stream, if signatures are wanted, which must contain it.
	Nonce string
	// Steps are in the order in which they ended: exactly one record for each wanted step.
	Steps []frame.Step
	// Results are in the order of the stream. Each is declared with its type, complete, and verified against its digest.
	Results []frame.Result
	// Problems are results that exist but could not be transported.
	Problems []frame.Problem
	// Signatures are those of the steps, in their order, if signatures are wanted: at most one for each step.
	Signatures []Signature
	// Interrupted reports that the sidecar was terminated before all steps had ended. The steps that had not ended also have
	// a record, with the reason frame.ReasonUnfinished.
	Interrupted bool
}

// Signature is the signature of one step, not yet verified.
type Signature struct {
	// Step is the name of the step's container.
	Step string
	// Signed is its content. It is a Problem if it could not be parsed.
	Signed signature.Signed
}

// Want is what a stream must match.
type Want struct {
	// Nonce is the nonce of the stream.
	Nonce string
	// Steps are the names of the containers of the task's steps, in order. A stream must have exactly one record of each
	// before its end, because a step without a record may have failed. That is also true for an interrupted stream, for which
	// the sidecar writes what it knows of each step. A task has at least one step. Therefore every stream is refused if Steps
	// is empty, so that a caller cannot skip the check by mistake.
	Steps []string
	// Results are the results that the task declares.
	Results []results.Declared
	// Signatures reports that signatures of the steps are wanted.
	Signatures bool
}

// ErrUnexpected means that the stream is complete, but does not match the task: it has an unknown step or result, has one
// twice, or has no record of some step.
var ErrUnexpected = errors.New("the results stream does not match the task")

// ReadFinished reads one stream from the log of an ended container, to the end of the log: nothing may follow the end record.
// The errors are those of package frame, and ErrUnexpected.
func ReadFinished(log io.Reader, want Want) (*Set, error) {
	return read(log, want, !following, unbounded(), func() {})
}

// ReadFollowed reads one stream from a log that is followed. It returns after the end record, and does not wait for the end
// of the log. The errors are those of package frame, and ErrUnexpected.
func ReadFollowed(log io.Reader, want Want) (*Set, error) {
	return read(log, want, following, unbounded(), func() {})
}

// following selects a log that is read while its container runs.
const following = true

// read reads a stream and calls heard after each record. It keeps at most one record for each step, and one value or problem
// for each result, whatever the log contains, and reserves memory for them in held.
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

// take adds one record, if it is expected, and reports whether it was the last one.
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

// takeSignature adds the signature of a step. A signature that cannot be parsed counts as missing, which its verifier
// reports. It does not make the results unreadable.
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

// expectations is the steps and results of a task that the stream has not had yet.
type expectations struct {
	order   []string
	steps   map[string]bool
	results map[string]string // name and type
	// signed has the steps with a signature.
	signed       map[string]bool
	certificates []frame.Certificate
}

func newExpectations(want Want) (*expectations, error) {
	if len(want.Steps) == 0 {
		return nil, fmt.Errorf("%w: the steps of the task are unknown", ErrUnexpected)
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
		return fmt.Errorf("%w: step %q is not in the task, or occurs twice", ErrUnexpected, name)
	}
	delete(e.steps, name)
	return nil
}

func (e *expectations) signature(step string) error {
	if !slices.Contains(e.order, step) || e.signed[step] {
		return fmt.Errorf("%w: step %q of a signature is not in the task, or has two signatures", ErrUnexpected, step)
	}
	e.signed[step] = true
	return nil
}

func (e *expectations) result(name, typ string) error {
	if declared, ok := e.results[name]; !ok || declared != typ {
		return fmt.Errorf("%w: result %q is not declared as %s, or occurs twice", ErrUnexpected, name, typ)
	}
	delete(e.results, name)
	return nil
}

func (e *expectations) problem(name string) error {
	if _, ok := e.results[name]; !ok {
		return fmt.Errorf("%w: result %q is not declared, or occurs twice", ErrUnexpected, name)
	}
	delete(e.results, name)
	return nil
}

// checkComplete returns an error with the first step without a record, for a stream that ends here.
func (e *expectations) checkComplete() error {
	for _, name := range e.order {
		if e.steps[name] {
			return fmt.Errorf("%w: it ends without a record of step %q", ErrUnexpected, name)
		}
	}
	return nil
}

// damaged reports whether another read of the same finished log must fail in the same way.
func damaged(err error) bool {
	for _, target := range []error{frame.ErrGap, frame.ErrDuplicate, frame.ErrTrailing, frame.ErrVersion, frame.ErrDigest,
		frame.ErrTooLarge, frame.ErrMalformed, ErrUnexpected} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
