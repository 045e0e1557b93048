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

// bufferBytes is how much of the log is read at once.
const bufferBytes = 16 << 10

// DefaultMaxLogBytes is the length of a log that is read when Limits do not say: what the largest set of results can
// take, several times over, so that there is room for foreign lines.
const DefaultMaxLogBytes = 16 << 20

// Limits bound what a Reader takes from a stream.
type Limits struct {
	// MaxBytes is the sum of the lengths of all values, in bytes; results.ObjectLimit when it is 0.
	MaxBytes int64
	// MaxLogBytes is the length of the log in bytes, foreign lines included; DefaultMaxLogBytes when it is 0.
	MaxLogBytes int64
	// Signatures says that certificates and signatures are wanted; otherwise they are passed over like every other
	// optional record.
	Signatures bool
	// Reserve is called before memory is taken for the bytes of a value, and with the bytes of each certificate and each
	// part of a signature. Its error ends the reading, and is what Next returns. Nil means that there is memory for all that
	// the other limits allow. DecoderBytes come on top.
	Reserve func(bytes int64) error
}

// DecoderBytes is what a Reader takes besides what it returns, in bytes: its buffers, and from the first compressed value on
// a decompressor, with a window of 32 KiB and its tables.
const DecoderBytes = 128 << 10

// Reader reads the records of one stream out of a log that may hold other lines. Whatever the log holds, the memory
// it takes is bounded by Limits.MaxBytes and a small constant. A Reader is for one goroutine.
//
// It checks the format. Whether a name was declared, and that each came once, is for the caller to check, who knows
// what was declared.
type Reader struct {
	lines   lines
	limits  Limits
	digest  hash.Hash
	inflate io.ReadCloser
	data    dataReader
	layouts layouts
	counts  End
	// signedBytes is what certificates and signatures have taken.
	signedBytes int
	ended       bool
	err         error
}

// NewReader returns a Reader of the records that carry nonce in the log r.
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

// Foreign returns how many lines were passed over because they are not the stream's.
func (r *Reader) Foreign() int64 { return r.lines.foreign }

// Next returns the next record. A record is returned as soon as its line is there (a Result: its last line); nothing
// beyond is waited for, so a log can be followed. After End, Next returns io.EOF without reading on: see Rest. Every
// other error stays: it is one of this package's, and a failure of the log below is an ErrIncomplete that also wraps
// that failure.
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

// Rest reads the log to its end, after Next returned End, and returns ErrTrailing if the stream goes on there. On a
// log that is being followed it waits until the log is closed.
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
	// Whatever else ends the log after the end record, the stream itself is whole.
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
		case kindProblem:
			return r.problem(ln)
		case kindData:
			return nil, fmt.Errorf("%w: record %d is data of no result", ErrMalformed, ln.seq)
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
	if err := validResult(h.Name, h.Type); err != nil {
		return nil, malformed(ln, err)
	}
	if h.Size < 0 || h.Frames < 0 {
		return nil, malformed(ln, errors.New("a number is negative"))
	}
	if left := r.limits.MaxBytes - r.counts.Bytes; h.Size > left {
		return nil, fmt.Errorf("%w: result %q has %d bytes where %d of %d are left",
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
		return nil, fmt.Errorf("%w: the digest of result %q is wrong", ErrDigest, h.Name)
	}
	r.counts.Results++
	r.counts.Bytes += h.Size
	return res, nil
}

func (r *Reader) end(ln line) (Record, error) {
	var p endPayload
	if err := unmarshal(ln, &p, r.layouts.end); err != nil {
		return nil, err
	}
	end := End{Steps: p.Steps, Results: p.Results, Problems: p.Problems, Bytes: p.Bytes, Interrupted: p.Interrupted}
	if err := decodeDigest(p.SHA256, &end.SHA256); err != nil {
		return nil, malformed(ln, err)
	}
	if !bytes.Equal(r.digest.Sum(nil), end.SHA256[:]) {
		return nil, fmt.Errorf("%w: the digest of the whole stream is wrong", ErrDigest)
	}
	seen := r.counts
	seen.Interrupted, seen.SHA256 = end.Interrupted, end.SHA256
	if seen != end {
		return nil, malformed(ln, errors.New("it counts other records than there were"))
	}
	r.ended = true
	return end, nil
}

func malformed(ln line, err error) error {
	return fmt.Errorf("%w: record %d (%s): %w", ErrMalformed, ln.seq, ln.kind, err)
}

// decodeDigest reads the one spelling of a digest: 64 digits in lower case.
func decodeDigest(s string, to *[sha256.Size]byte) error {
	if hex.DecodedLen(len(s)) != sha256.Size {
		return fmt.Errorf("%q is no SHA-256", s)
	}
	if _, err := hex.Decode(to[:], []byte(s)); err != nil {
		return err
	}
	if s != hex.EncodeToString(to[:]) {
		return fmt.Errorf("the SHA-256 %q is not in lower case", s)
	}
	return nil
}
