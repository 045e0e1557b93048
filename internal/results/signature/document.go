package signature

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// document is a Signed in the results stream, where each certificate occurs only once for all steps.
type document struct {
	Statement string `json:"statement,omitempty"`
	// Chain has the numbers of the stream's certificates.
	Chain   []int  `json:"chain,omitempty"`
	Proof   []byte `json:"proof,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// Packer converts the signatures of steps into records of a stream.
type Packer struct{ certificates [][]byte }

// Pack returns the certificates that the stream does not have yet, and the text of the signature's document.
func (p *Packer) Pack(s Signed) (certificates [][]byte, text []byte, err error) {
	d := document{Statement: s.Statement, Proof: s.Proof, Problem: s.Problem}
	before := len(p.certificates)
	for _, der := range s.Chain {
		i := slices.IndexFunc(p.certificates, func(other []byte) bool { return slices.Equal(der, other) })
		if i < 0 {
			i = len(p.certificates)
			p.certificates = append(p.certificates, der)
		}
		d.Chain = append(d.Chain, i)
	}
	if text, err = json.Marshal(d); err != nil {
		return nil, nil, fmt.Errorf("cannot encode signature: %w", err)
	}
	return p.certificates[before:], text, nil
}

// Unpack returns the content of a signature of a stream with these certificates. The error wraps ErrMalformed.
func Unpack(record frame.Signature, certificates []frame.Certificate) (Signed, error) {
	var d document
	if err := parse(record.Document, &d); err != nil {
		return Signed{}, err
	}
	if err := chained(d.Statement, len(d.Chain), d.Proof, d.Problem); err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	s := Signed{Statement: d.Statement, Proof: d.Proof, Problem: d.Problem}
	for _, n := range d.Chain {
		if n < 0 || n >= len(certificates) {
			return Signed{}, fmt.Errorf("%w: the stream has no certificate %d", ErrMalformed, n)
		}
		s.Chain = append(s.Chain, certificates[n].DER)
	}
	return s, nil
}
