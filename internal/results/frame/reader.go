package frame

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/sluice-ci/sluice/internal/results"
)

// bufferBytes is the size of the read buffer.
const bufferBytes = 16 << 10

// DefaultMaxLogBytes is the maximum length of a log if Limits has none: several times the largest set of results, so that
// there is room for foreign lines.
const DefaultMaxLogBytes = 16 << 20

// Limits are the limits of a Reader for one stream.
type Limits struct {
	// MaxBytes is the maximum total length of all values in bytes; results.ObjectLimit if it is 0.
	MaxBytes int64
	// MaxLogBytes is the maximum length of the log in bytes, with foreign lines; DefaultMaxLogBytes if it is 0.
	MaxLogBytes int64
	// Signatures selects certificates and signatures. Otherwise the Reader skips them, as it skips every optional record.
	Signatures bool
	// Reserve is called before memory is allocated for a value, with its length, and for each certificate and each part of a
	// signature. Its error ends the stream, and is the error of Next. Nil means that there is memory for everything within
	// the other limits. DecoderBytes are additional.
	Reserve func(bytes int64) error
}

// DecoderBytes is the memory of a Reader in bytes in addition to what it returns: its buffers and, after the first compressed
// value, a decompressor with a window of 32 KiB and its tables.
const DecoderBytes = 128 << 10

// Reader reads the records of one stream from a log that may have other lines. Its memory is limited by Limits.MaxBytes and a
// small constant, whatever the log contains. It is not safe for concurrent use.
//
// It checks the format. The caller must check that each name is declared and occurs only once.
type Reader struct {
	lines   lines
	limits  Limits
	digest  hash.Hash
	inflate io.ReadCloser
	data    dataReader
	layouts layouts
	counts  End
	// signedBytes is the length of all certificates and signatures so far.
	signedBytes int
	ended       bool
	err         error
}

// NewReader returns a Reader of the records with the nonce in the log r.
func NewReader(r io.Reader, nonce string, limits Limits) *Reader {
	if limits.MaxBytes <= 0 {
		limits.MaxBytes = results.ObjectLimit
	}
	if limits.MaxLogBytes <= 0 {
		limits.MaxLogBytes = DefaultMaxLogBytes
	}
	if limits.Reserve == nil {
		limits.Reserve = func(int64) error { return nil }
	}
	return &Reader{
		lines: lines{
			br: bufio.NewReaderSize(r, bufferBytes), nonce: []byte(nonce), maxLog: limits.MaxLogBytes,
		},
		limits:  limits,
		digest:  sha256.New(),
		layouts: newLayouts(),
		err:     ValidNonce(nonce),
	}
}

// Foreign returns the number of skipped lines that do not belong to the stream.
func (r *Reader) Foreign() int64 { return r.lines.foreign }

// Next returns the next record as soon as its line is available (for a Result: its last line). It does not wait for more, so
// a log can be followed. After End, Next returns io.EOF without reading; see Rest. Every other error is permanent. It is one
// of this package; an error of the underlying reader is an ErrIncomplete that wraps it.
func (r *Reader) Next() (Record, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.ended {
		return nil, io.EOF
	}
	rec, err := r.next()
	if err != nil {
		r.err = err
		return nil, err
	}
	return rec, nil
}

// Rest reads the log to its end after Next returned End. It returns ErrTrailing if the stream continues. For a followed log
// it waits until the log is closed.
func (r *Reader) Rest() error {
	if !r.ended {
		return fmt.Errorf("%w: its end was not read yet", ErrIncomplete)
	}
	if r.err != nil {
		return r.err
	}
	_, err := r.lines.record()
	switch {
	case err == nil, errors.Is(err, ErrDuplicate), errors.Is(err, ErrGap), errors.Is(err, ErrDigest),
		errors.Is(err, ErrMalformed), errors.Is(err, ErrVersion):
		r.err = ErrTrailing
	case errors.Is(err, ErrTooLarge):
		r.err = err
	}
	// Any error of the log after the end record is irrelevant: the stream is complete.
	return r.err
}

func (r *Reader) next() (Record, error) {
	for {
		ln, err := r.lines.record()
		if err != nil {
			return nil, err
		}
		if (ln.seq == 0) != (ln.kind == kindIntro) {
			return nil, fmt.Errorf("%w: record %d is %q", ErrMalformed, ln.seq, ln.kind)
		}
		if ln.kind == kindEnd {
			return r.end(ln)
		}
		r.digest.Write(ln.raw)
		switch ln.kind {
		case kindIntro:
			return Intro{Version: Version}, unmarshal(ln, &struct{}{}, fields{})
		case kindStep:
			return r.step(ln)
		case kindResult:
			return r.result(ln)
		case kindArtifacts:
			return r.artifacts(ln)
		case kindProblem:
			return r.problem(ln)
		case kindData:
			return nil, fmt.Errorf("%w: record %d is data without a result", ErrMalformed, ln.seq)
		}
		if r.limits.Signatures && (ln.kind == kindCertificate || ln.kind == kindSignature) {
			return r.signed(ln)
		}
		if ln.kind[0] != optionalMark {
			return nil, fmt.Errorf("%w: record %d is of the unknown kind %q", ErrVersion, ln.seq, ln.kind)
		}
	}
}

func (r *Reader) step(ln line) (Record, error) {
	var s Step
	if err := unmarshal(ln, &s, r.layouts.step); err != nil {
		return nil, err
	}
	s.StartedAt, s.FinishedAt = s.StartedAt.UTC(), s.FinishedAt.UTC()
	if err := ValidStep(s); err != nil {
		return nil, malformed(ln, err)
	}
	r.counts.Steps++
	return s, nil
}

func (r *Reader) problem(ln line) (Record, error) {
	var p Problem
	if err := unmarshal(ln, &p, r.layouts.problem); err != nil {
		return nil, err
	}
	if err := ValidProblem(p); err != nil {
		return nil, malformed(ln, err)
	}
	r.counts.Problems++
	return p, nil
}

func (r *Reader) result(ln line) (Record, error) {
	var h resultHeader
	if err := unmarshal(ln, &h, r.layouts.result); err != nil {
		return nil, err
	}
	if err := results.ValidType(h.Type); err != nil {
		return nil, malformed(ln, err)
	}
	res, err := r.valued(ln, h)
	if err != nil {
		return nil, err
	}
	r.counts.Results++
	return res, nil
}

// artifacts reads a document of artifacts. Its header is that of a result without a type.
func (r *Reader) artifacts(ln line) (Record, error) {
	var h artifactsHeader
	if err := unmarshal(ln, &h, r.layouts.artifacts); err != nil {
		return nil, err
	}
	res, err := r.valued(ln, h.header())
	if err != nil {
		return nil, err
	}
	r.counts.Artifacts++
	return res, nil
}

// valued reads the value of a header, whose type is valid.
func (r *Reader) valued(ln line, h resultHeader) (Record, error) {
	if err := results.ValidName(h.Name); err != nil {
		return nil, malformed(ln, err)
	}
	if h.Size < 0 || h.Frames < 0 {
		return nil, malformed(ln, errors.New("it has a negative number"))
	}
	if left := r.limits.MaxBytes - r.counts.Bytes; h.Size > left {
		return nil, fmt.Errorf("%w: result %q has %d bytes, and only %d of %d are left",
			ErrTooLarge, h.Name, h.Size, left, r.limits.MaxBytes)
	}
	res := Result{Name: h.Name, Type: h.Type}
	if err := decodeDigest(h.SHA256, &res.SHA256); err != nil {
		return nil, malformed(ln, err)
	}
	err := r.limits.Reserve(h.Size)
	if err != nil {
		return nil, err
	}
	if res.Value, err = r.value(h); err != nil {
		return nil, err
	}
	if sha256.Sum256(res.Value) != res.SHA256 {
		return nil, fmt.Errorf("%w: the digest of %q is wrong", ErrDigest, h.Name)
	}
	r.counts.Bytes += h.Size
	return res, nil
}

func (r *Reader) end(ln line) (Record, error) {
	var p endPayload
	if err := unmarshal(ln, &p, r.layouts.end); err != nil {
		return nil, err
	}
	end := End{Steps: p.Steps, Results: p.Results, Problems: p.Problems, Artifacts: p.Artifacts, Bytes: p.Bytes,
		Interrupted: p.Interrupted}
	if err := decodeDigest(p.SHA256, &end.SHA256); err != nil {
		return nil, malformed(ln, err)
	}
	if !bytes.Equal(r.digest.Sum(nil), end.SHA256[:]) {
		return nil, fmt.Errorf("%w: the digest of the whole stream is wrong", ErrDigest)
	}
	seen := r.counts
	seen.Interrupted, seen.SHA256 = end.Interrupted, end.SHA256
	if seen != end {
		return nil, malformed(ln, errors.New("its counts do not match the records"))
	}
	r.ended = true
	return end, nil
}

func malformed(ln line, err error) error {
	return fmt.Errorf("%w: record %d (%s): %w", ErrMalformed, ln.seq, ln.kind, err)
}

// decodeDigest parses the only valid form of a digest: 64 hexadecimal digits in lower case.
func decodeDigest(s string, to *[sha256.Size]byte) error {
	if hex.DecodedLen(len(s)) != sha256.Size {
		return fmt.Errorf("%q is not a SHA-256", s)
	}
	if _, err := hex.Decode(to[:], []byte(s)); err != nil {
		return err
	}
	if s != hex.EncodeToString(to[:]) {
		return fmt.Errorf("the SHA-256 %q is not in lower case", s)
	}
	return nil
}
