package signature

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// Limits of the signature of one step.
const (
	// MaxDocument is the maximum length of an encoded Signed in bytes.
	MaxDocument = frame.MaxSignature
	// maxChain is the maximum number of certificates in a chain.
	maxChain = 8
	// maxProof is the maximum length of a signature in bytes: RSA with keys of 8192 bits.
	maxProof = 1024
)

// Signed is a statement with its signature, or the reason why there is none.
type Signed struct {
	// Statement is a text for ParseStatement; empty if there is none.
	Statement string `json:"statement,omitempty"`
	// Chain has the certificates in DER, the signer's first.
	Chain [][]byte `json:"chain,omitempty"`
	// Proof is the signature over ToSign(Statement) by the first certificate's key.
	Proof []byte `json:"proof,omitempty"`
	// Problem is why the step could not sign, at most frame.MaxText bytes; empty if it did.
	Problem string `json:"problem,omitempty"`
}

// Unsigned returns a Signed with the reason why there is no signature.
func Unsigned(err error) Signed { return Signed{Problem: frame.Clip(err.Error())} }

// Encode returns s as a document for Parse.
func (s Signed) Encode() ([]byte, error) {
	if err := s.valid(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("cannot encode signature: %w", err)
	}
	if len(b) > MaxDocument {
		return nil, fmt.Errorf("cannot encode signature: it takes %d bytes, at most %d are allowed", len(b), MaxDocument)
	}
	return b, nil
}

// Parse parses a document. It does not check statement, certificates and proof: the verifier does that. The error wraps
// ErrMalformed.
func Parse(document []byte) (Signed, error) {
	var s Signed
	if err := parse(document, &s); err != nil {
		return Signed{}, err
	}
	if err := s.valid(); err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if s.Problem != "" {
		return Signed{Problem: s.Problem}, nil
	}
	return s, nil
}

func parse(document []byte, into any) error {
	if len(document) > MaxDocument {
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrMalformed, len(document), MaxDocument)
	}
	if !utf8.Valid(document) {
		return fmt.Errorf("%w: it is not UTF-8", ErrMalformed)
	}
	return strict(document, into)
}

// valid returns what is wrong with s: it must have either a complete signature, or a problem.
func (s Signed) valid() error {
	if err := chained(s.Statement, len(s.Chain), s.Proof, s.Problem); err != nil {
		return err
	}
	for _, der := range s.Chain {
		if len(der) == 0 || len(der) > frame.MaxCertificate {
			return fmt.Errorf("a certificate has %d bytes, 1 to %d are allowed", len(der), frame.MaxCertificate)
		}
	}
	return nil
}

func chained(statement string, certificates int, proof []byte, problem string) error {
	switch {
	case problem != "" && (statement != "" || certificates > 0 || len(proof) > 0):
		return errors.New("it has both a signature and a problem")
	case problem != "" && len(problem) > frame.MaxText:
		return fmt.Errorf("its problem has %d bytes, at most %d are allowed", len(problem), frame.MaxText)
	case problem != "":
		return nil
	case statement == "" || certificates == 0 || len(proof) == 0:
		return errors.New("it lacks the statement, the certificates or the proof")
	case certificates > maxChain:
		return fmt.Errorf("it has %d certificates, at most %d are allowed", certificates, maxChain)
	case len(proof) > maxProof:
		return fmt.Errorf("its proof has %d bytes, at most %d are allowed", len(proof), maxProof)
	}
	return nil
}
