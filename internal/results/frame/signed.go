package frame

import (
	"errors"
	"fmt"

	"github.com/sluice-ci/sluice/internal/results"
)

// Limits of the optional records for signatures.
const (
	// MaxCertificate is the maximum length of a certificate in bytes: what fits in a line.
	MaxCertificate = FrameBytes
	// MaxSignature is the maximum length of the document of a Signature in bytes.
	MaxSignature = 384 << 10
	// maxSigned is the maximum total length of all certificates and signatures of a stream in bytes.
	maxSigned = 2 << 20
	// partBytes is the number of bytes of a document in one record.
	partBytes = 5400
)

// The optional kinds for signatures.
const (
	kindCertificate = "?certificate"
	kindSignature   = "?signature"
)

// Certificate is a certificate. Signatures of the stream refer to it by its number, which is 0 for the first.
type Certificate struct {
	// DER is the certificate, which this package does not parse: 1 to MaxCertificate bytes.
	DER []byte
}

// Signature is the signature of a step. Its document is one of package signature.
type Signature struct {
	// Step is the name of the step's container.
	Step string
	// Document has 1 to MaxSignature bytes.
	Document []byte
}

func (Certificate) record() {}
func (Signature) record()   {}

// signaturePart is the payload of one record of a signature.
type signaturePart struct {
	Step  string `json:"step"`
	Part  int    `json:"part"`
	Parts int    `json:"parts"`
	Data  string `json:"data"`
}

// Certificate writes a certificate in DER.
func (w *Writer) Certificate(der []byte) error {
	if len(der) == 0 || len(der) > MaxCertificate {
		return w.fail(fmt.Errorf("cannot write certificate: it has %d bytes, 1 to %d are allowed", len(der), MaxCertificate))
	}
	w.line(kindCertificate, b64.AppendEncode(nil, der))
	return w.err
}

// Signature writes the signature of a step in as many records as necessary.
func (w *Writer) Signature(s Signature) error {
	if err := results.ValidName(s.Step); err != nil {
		return w.fail(fmt.Errorf("cannot write signature: invalid name of a step: %w", err))
	}
	if len(s.Document) == 0 || len(s.Document) > MaxSignature {
		return w.fail(fmt.Errorf("cannot write signature of step %q: it has %d bytes, 1 to %d are allowed",
			s.Step, len(s.Document), MaxSignature))
	}
	parts := (len(s.Document) + partBytes - 1) / partBytes
	for part := 1; part <= parts; part++ {
		n := min(len(s.Document), partBytes)
		w.json(kindSignature, signaturePart{s.Step, part, parts, b64.EncodeToString(s.Document[:n])})
		s.Document = s.Document[n:]
	}
	return w.err
}

// signed returns the Certificate, or the Signature, that begins with a line.
func (r *Reader) signed(ln line) (Record, error) {
	if ln.kind == kindSignature {
		return r.signature(ln)
	}
	der := make([]byte, b64.DecodedLen(len(ln.payload)))
	n, err := decode(der, ln.payload)
	if err != nil || n == 0 || n > MaxCertificate {
		return nil, malformed(ln, fmt.Errorf("it is not a certificate of 1 to %d bytes in base64", MaxCertificate))
	}
	return Certificate{DER: der}, r.countSigned(n)
}

// signature reads all parts of the signature of a step.
func (r *Reader) signature(ln line) (Record, error) {
	var s Signature
	first := signaturePart{}
	for part := 1; ; part++ {
		p, err := r.part(ln)
		if err != nil {
			return nil, err
		}
		if part == 1 {
			first = p
		}
		if p.Part != part || p.Parts != first.Parts || p.Step != first.Step {
			return nil, malformed(ln, fmt.Errorf("found part %d of %d of step %q, want part %d of step %q",
				p.Part, p.Parts, p.Step, part, first.Step))
		}
		before := len(s.Document)
		if s.Document, err = b64.AppendDecode(s.Document, []byte(p.Data)); err != nil || len(s.Document) == before || hasSpace(p.Data) {
			return nil, malformed(ln, errors.New("its data is not base64"))
		}
		if err := r.countSigned(len(s.Document) - before); err != nil {
			return nil, err
		}
		if len(s.Document) > MaxSignature {
			return nil, fmt.Errorf("%w: the signature of step %q has more than %d bytes", ErrTooLarge, p.Step, MaxSignature)
		}
		if part == p.Parts {
			s.Step = first.Step
			return s, nil
		}
		if ln, err = r.lines.record(); err != nil {
			return nil, err
		}
		if ln.kind != kindSignature {
			return nil, fmt.Errorf("%w: found record %d of kind %q, want part %d of %d of a signature",
				ErrMalformed, ln.seq, ln.kind, part+1, p.Parts)
		}
		r.digest.Write(ln.raw)
	}
}

// part parses one record of a signature.
func (r *Reader) part(ln line) (signaturePart, error) {
	var p signaturePart
	if err := unmarshal(ln, &p, fields{required: []string{"step", "part", "parts", "data"}}); err != nil {
		return p, err
	}
	if err := results.ValidName(p.Step); err != nil {
		return p, malformed(ln, err)
	}
	return p, nil
}

// countSigned limits the total length of certificates and signatures.
func (r *Reader) countSigned(n int) error {
	if r.signedBytes += n; r.signedBytes > maxSigned {
		return fmt.Errorf("%w: certificates and signatures have more than %d bytes", ErrTooLarge, maxSigned)
	}
	return r.limits.Reserve(int64(n))
}

// hasSpace reports whether a text has characters that decoders of base64 skip.
func hasSpace(s string) bool {
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\r' {
			return true
		}
	}
	return false
}
