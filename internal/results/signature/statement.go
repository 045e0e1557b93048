// Package signature is what a step's entrypoint signs when the step ends, and the form in which statement, signature and
// certificates travel. Who signs and who judges are elsewhere: this package is in the pod and in the controller.
package signature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// MaxStatement is the length of the longest statement, in bytes: some two thousand results with long names.
const MaxStatement = 256 << 10

// preamble begins what is signed, so that a signature over a statement is none over anything else that the same key signs.
const preamble = "sluice results 1\n"

// Run is whose results a statement is about.
type Run struct {
	// Namespace, Name and UID of the TaskRun.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

// Result is a result as a step left it.
type Result struct {
	// Name under which the result travels, and its declared type.
	Name string `json:"name"`
	Type string `json:"type"`
	// SHA256 is the digest of the value; 43 characters in JSON. It is zero when there is a Problem.
	SHA256 Digest `json:"sha256"`
	// Problem says why the result, which was there, cannot be carried; empty when it can. Readers of earlier versions
	// refuse a statement that has one.
	Problem frame.ProblemKind `json:"problem,omitempty"`
}

// Statement is what a step says of itself when it ends.
type Statement struct {
	Run Run `json:"run"`
	// Nonce of the pod, which is another one for each attempt; valid by frame.ValidNonce.
	Nonce string `json:"nonce"`
	// Step is the name of the step's container.
	Step string `json:"step"`
	// ExitCode and Reason are those of the step's record.
	ExitCode int          `json:"exitCode"`
	Reason   frame.Reason `json:"reason"`
	// At is when it was signed, in UTC.
	At time.Time `json:"at"`
	// Results that the step made or changed, and no others.
	Results []Result `json:"results"`
}

// ErrMalformed is what every error of this package's parsers wraps.
var ErrMalformed = errors.New("malformed signature")

// Text returns the one form of s: two statements that say the same have the same text.
func (s Statement) Text() (string, error) {
	s.At = s.At.UTC()
	if s.Results == nil {
		s.Results = []Result{}
	}
	if err := s.valid(); err != nil {
		return "", err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("cannot encode the statement of step %q: %w", s.Step, err)
	}
	if len(b) > MaxStatement {
		return "", fmt.Errorf("cannot sign the results of step %q: their names and digests take %d bytes, at most %d are allowed",
			s.Step, len(b), MaxStatement)
	}
	return string(b), nil
}

// ParseStatement returns what a text says. A text that is not in the one form is refused, so that no two readers can take
// it for different things. The error wraps ErrMalformed.
func ParseStatement(text string) (Statement, error) {
	if len(text) > MaxStatement {
		return Statement{}, fmt.Errorf("%w: the statement has %d bytes, at most %d are allowed", ErrMalformed, len(text), MaxStatement)
	}
	var s Statement
	if err := strict([]byte(text), &s); err != nil {
		return Statement{}, err
	}
	again, err := s.Text()
	if err != nil {
		return Statement{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if again != text {
		return Statement{}, fmt.Errorf("%w: the statement is not in the form that is signed", ErrMalformed)
	}
	return s, nil
}

// ToSign returns the bytes that a signature over the text of a statement is made of.
func ToSign(text string) []byte { return append([]byte(preamble), text...) }

// valid returns what is wrong with a statement.
func (s Statement) valid() error {
	if s.Run.Namespace == "" || s.Run.Name == "" || s.Run.UID == "" {
		return errors.New("it does not name a run")
	}
	if err := frame.ValidNonce(s.Nonce); err != nil {
		return err
	}
	if err := frame.ValidStep(frame.Step{Name: s.Step, ExitCode: s.ExitCode, Reason: s.Reason, FinishedAt: s.At}); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, r := range s.Results {
		if err := errors.Join(results.ValidName(r.Name), results.ValidType(r.Type)); err != nil {
			return err
		}
		if err := validProblem(r); err != nil {
			return err
		}
		if seen[r.Name] {
			return fmt.Errorf("result %q comes twice", r.Name)
		}
		seen[r.Name] = true
	}
	return nil
}

// validProblem returns what is wrong with the problem of a result.
func validProblem(r Result) error {
	if r.Problem == "" {
		return nil
	}
	if r.SHA256 != (Digest{}) {
		return fmt.Errorf("result %q has a problem, and a digest", r.Name)
	}
	return frame.ValidProblem(frame.Problem{Result: r.Name, Kind: r.Problem})
}

// strict decodes JSON that has no other fields than those of into, and nothing after it.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if d.InputOffset() != int64(len(b)) {
		return fmt.Errorf("%w: something follows it", ErrMalformed)
	}
	return nil
}
