// Package signature has the statement that a step's entrypoint signs when the step ends, and the encoding of statement,
// signature and certificates. Signing and verification are in other packages: this one is part of the pod's binary and of the
// controller.
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

// MaxStatement is the maximum length of a statement in bytes: about two thousand results with long names.
const MaxStatement = 256 << 10

// preamble is the start of the signed bytes, so that the signature of a statement is not valid for anything else that the
// same key signs.
const preamble = "sluice results 1\n"

// Run identifies the TaskRun of a statement.
type Run struct {
	// Namespace, Name and UID of the TaskRun.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

// Result is a result as a step wrote it.
type Result struct {
	// Name is the name under which the result is transported, and Type its declared type; results.TypeArtifacts for a document of
	// artifacts.
	Name string `json:"name"`
	Type string `json:"type"`
	// SHA256 is the digest of the value; 43 characters in JSON. It is zero if there is a Problem.
	SHA256 Digest `json:"sha256"`
	// Problem is why an existing result cannot be transported; empty if it can. Readers of earlier versions refuse a
	// statement with a Problem.
	Problem frame.ProblemKind `json:"problem,omitempty"`
}

// Statement is what a step declares about itself when it ends.
type Statement struct {
	Run Run `json:"run"`
	// Nonce is the nonce of the pod, which differs for each attempt; valid by frame.ValidNonce.
	Nonce string `json:"nonce"`
	// Step is the name of the step's container.
	Step string `json:"step"`
	// ExitCode and Reason are those of the step's record.
	ExitCode int          `json:"exitCode"`
	Reason   frame.Reason `json:"reason"`
	// At is the time of signing, in UTC.
	At time.Time `json:"at"`
	// Results are the results that the step wrote or changed, and no others.
	Results []Result `json:"results"`
}

// ErrMalformed is in every error of the parsers of this package.
var ErrMalformed = errors.New("malformed signature")

// Text returns the canonical form of s: equal statements have the same text.
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

// ParseStatement parses a text. It refuses a text that is not in the canonical form, so that all readers interpret it in the
// same way. The error wraps ErrMalformed.
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

// ToSign returns the bytes to sign for the text of a statement.
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
		if err := errors.Join(results.ValidName(r.Name), results.ValidFileType(r.Type)); err != nil {
			return err
		}
		if err := validProblem(r); err != nil {
			return err
		}
		if seen[r.Name] {
			return fmt.Errorf("result %q occurs twice", r.Name)
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
		return fmt.Errorf("result %q has both a problem and a digest", r.Name)
	}
	return frame.ValidProblem(frame.Problem{Result: r.Name, Kind: r.Problem})
}

// strict decodes JSON without unknown fields, and with nothing after it.
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
