package frame

import (
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/results"
)

// compressFrom is the minimum length in bytes for compression. A shorter value needs one line with and without it, and the
// compressor would cost most of the time.
const compressFrom = 1024

// flushAt is the number of bytes that the Writer buffers before it writes them.
const flushAt = 24 << 10

// b64 is the encoding of data records. It is strict: the unused bits of the last character must be zero, so that a value has
// only one encoding.
var b64 = base64.RawStdEncoding.Strict()

var errEnded = errors.New("the stream has ended")

// Writer writes a stream of records. It buffers lines, and writes them at the latest at the end of Step and End. After an
// error every method returns that error: a stream without one of its records cannot be repaired, and no reader accepts it
// without its end record. A Writer is not safe for concurrent use.
type Writer struct {
	w       io.Writer
	nonce   string
	seq     uint64
	pending []byte
	digest  hash.Hash
	deflate *flate.Writer
	data    dataWriter
	counts  End
	err     error
}

// NewWriter returns a Writer of a stream with nonce, which must be valid by ValidNonce. If it is not, the first method call
// returns the error. The intro is written with the first records, or by Flush.
func NewWriter(w io.Writer, nonce string) *Writer {
	wr := &Writer{w: w, nonce: nonce, digest: sha256.New(), pending: make([]byte, 0, flushAt+MaxLine)}
	wr.data.to = wr
	wr.err = ValidNonce(nonce)
	wr.line(kindIntro, []byte("{}"))
	return wr
}

// Flush writes the buffered lines.
func (w *Writer) Flush() error {
	if w.err == nil && len(w.pending) > 0 {
		_, w.err = w.w.Write(w.pending)
		w.pending = w.pending[:0]
	}
	return w.err
}

// Step writes the record of an ended step immediately, because readers wait for it.
func (w *Writer) Step(s Step) error {
	s.StartedAt, s.FinishedAt = s.StartedAt.UTC(), s.FinishedAt.UTC()
	s.Message = Clip(s.Message)
	if err := ValidStep(s); err != nil {
		return w.fail(err)
	}
	w.json(kindStep, s)
	w.counts.Steps++
	return w.Flush()
}

// Result writes a result, or a document of artifacts: its header, and its value in data records, compressed if that is smaller.
// It does not keep the value.
func (w *Writer) Result(r Result) error {
	if err := validResult(r.Name, r.Type); err != nil {
		return w.fail(err)
	}
	sum := sha256.Sum256(r.Value)
	header := resultHeader{
		Name: r.Name, Type: r.Type, Size: int64(len(r.Value)), SHA256: hex.EncodeToString(sum[:]),
		Encoding: encodingRaw, Frames: frames(int64(len(r.Value))),
	}
	if n, smaller := w.deflated(r.Value); smaller {
		header.Encoding, header.Frames = encodingDeflate, frames(n)
	}
	w.header(header)
	if header.Encoding == encodingDeflate {
		if err := w.compressTo(&w.data, r.Value); err != nil {
			return w.fail(err)
		}
	} else if _, err := w.data.Write(r.Value); err != nil {
		return err
	}
	w.data.close()
	w.counts.Bytes += int64(len(r.Value))
	return w.err
}

// header writes and counts the first record of a result, or of a document of artifacts.
func (w *Writer) header(h resultHeader) {
	if h.Type != results.TypeArtifacts {
		w.json(kindResult, h)
		w.counts.Results++
		return
	}
	w.json(kindArtifacts, artifactsHeader{Name: h.Name, Size: h.Size, Encoding: h.Encoding, Frames: h.Frames, SHA256: h.SHA256})
	w.counts.Artifacts++
}

// Problem writes that a result exists but cannot be transported.
func (w *Writer) Problem(p Problem) error {
	p.Detail = Clip(p.Detail)
	if err := ValidProblem(p); err != nil {
		return w.fail(err)
	}
	w.json(kindProblem, p)
	w.counts.Problems++
	return w.err
}

// End writes the end record. Nothing can be written after it. Interrupted reports that the sender was asked to stop before
// all steps had ended.
func (w *Writer) End(interrupted bool) error {
	w.json(kindEnd, endPayload{
		Steps: w.counts.Steps, Results: w.counts.Results, Problems: w.counts.Problems, Bytes: w.counts.Bytes,
		Artifacts: w.counts.Artifacts, Interrupted: interrupted, SHA256: hex.EncodeToString(w.digest.Sum(nil)),
	})
	if err := w.Flush(); err != nil {
		return err
	}
	w.err = errEnded
	return nil
}

// fail makes err the error of every later call, unless there is one already.
func (w *Writer) fail(err error) error {
	if w.err == nil {
		w.err = err
	}
	return w.err
}

func (w *Writer) json(kind string, payload any) {
	b, err := json.Marshal(payload)
	if err != nil {
		w.err = w.fail(fmt.Errorf("cannot encode record %q: %w", kind, err))
		return
	}
	w.line(kind, b)
}

// line buffers one record, and writes the buffer when it is full enough.
func (w *Writer) line(kind string, payload []byte) {
	if w.err != nil {
		return
	}
	start := len(w.pending)
	b := w.pending
	b = append(b, mark...)
	b = strconv.AppendInt(b, Version, 10)
	b = append(append(append(b, ' '), w.nonce...), ' ')
	b = strconv.AppendUint(b, w.seq, 10)
	b = append(append(append(b, ' '), kind...), ' ')
	b = append(b, payload...)
	b = appendChecksum(b, crc32.ChecksumIEEE(b[start:]))
	if n := len(b) - start; n > MaxLine {
		w.err = fmt.Errorf("cannot write record %q: its line has %d bytes, at most %d are allowed", kind, n, MaxLine)
		return
	}
	w.digest.Write(b[start:])
	w.pending = b
	w.seq++
	if len(w.pending) >= flushAt {
		w.err = w.Flush()
	}
}

// appendChecksum appends the end of a line: a space, the checksum of the line as eight hexadecimal digits, a newline.
func appendChecksum(b []byte, sum uint32) []byte {
	const digits = "0123456789abcdef"
	b = append(b, ' ')
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[sum>>shift&0xf])
	}
	return append(b, '\n')
}

// deflated returns the length of the compressed value, and whether it is smaller. This first compression only counts. To keep
// the compressed form until its length is known would need as much memory as the value, and the container has little.
func (w *Writer) deflated(value []byte) (int64, bool) {
	if len(value) < compressFrom || w.err != nil {
		return 0, false
	}
	count := &counter{below: int64(len(value))}
	if err := w.compressTo(count, value); err != nil {
		return 0, false
	}
	return count.n, true
}

func (w *Writer) compressTo(to io.Writer, value []byte) error {
	if w.deflate == nil {
		// The level is a valid constant, so there is no error.
		w.deflate, _ = flate.NewWriter(to, flate.BestSpeed)
	} else {
		w.deflate.Reset(to)
	}
	if _, err := w.deflate.Write(value); err != nil {
		return err
	}
	return w.deflate.Close()
}

// dataWriter splits its input into data records.
type dataWriter struct {
	to      *Writer
	n       int
	buf     [FrameBytes]byte
	encoded [FrameBytes / 3 * 4]byte
}

// Write implements io.Writer.
func (d *dataWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := copy(d.buf[d.n:], p)
		d.n += n
		p = p[n:]
		if d.n == FrameBytes {
			d.close()
		}
	}
	return written, d.to.err
}

// close writes the remaining bytes as the last record, if there are any.
func (d *dataWriter) close() {
	if d.n == 0 {
		return
	}
	encoded := d.encoded[:b64.EncodedLen(d.n)]
	b64.Encode(encoded, d.buf[:d.n])
	d.to.line(kindData, encoded)
	d.n = 0
}

var errNotSmaller = errors.New("not smaller")

// counter counts written bytes. It fails as soon as they are not fewer than below.
type counter struct{ n, below int64 }

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	if c.n >= c.below {
		return 0, errNotSmaller
	}
	return len(p), nil
}

// frames returns the number of data records for n bytes.
func frames(n int64) int64 { return (n + FrameBytes - 1) / FrameBytes }

// Clip returns s as valid UTF-8 of at most MaxText bytes, as texts for users in a record must be.
func Clip(s string) string {
	if len(s) > MaxText {
		end := MaxText
		for end > MaxText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	// A replacement character would need three bytes for one; a question mark keeps the length.
	return strings.ToValidUTF8(s, "?")
}
