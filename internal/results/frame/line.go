package frame

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// checksumBytes is the length of the end of a line: a space, eight hexadecimal digits, a newline.
const checksumBytes = 10

// line is the parsed line of one record. It points into the reader's buffer, and is valid until the next line is read.
type line struct {
	raw     []byte
	seq     uint64
	kind    string
	payload []byte
}

// lines finds the lines of one stream in a log.
type lines struct {
	br      *bufio.Reader
	nonce   []byte
	maxLog  int64
	read    int64
	foreign int64
	// next is the required number of the next record.
	next uint64
}

// record returns the next line of the stream, in sequence. It reads no further than needed for the newline of that line. Text
// without a newline is not a line.
func (l *lines) record() (line, error) {
	for {
		raw, err := l.raw()
		if err != nil {
			return line{}, err
		}
		if raw == nil || !l.ours(raw) {
			l.foreign++
			continue
		}
		ln, err := l.parse(raw)
		if err != nil {
			return line{}, err
		}
		switch {
		case ln.seq < l.next:
			return line{}, fmt.Errorf("%w: found record %d, want record %d", ErrDuplicate, ln.seq, l.next)
		case ln.seq > l.next:
			return line{}, fmt.Errorf("%w: found record %d, want record %d", ErrGap, ln.seq, l.next)
		}
		l.next++
		return ln, nil
	}
}

// raw returns the next line of the log with its newline, or nil for a line that is longer than MaxLine. It skips such a line
// without storing it.
func (l *lines) raw() ([]byte, error) {
	raw, err := l.br.ReadSlice('\n')
	long := false
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		if err := l.count(len(raw)); err != nil {
			return nil, err
		}
		raw, err = l.br.ReadSlice('\n')
	}
	if err := l.count(len(raw)); err != nil {
		return nil, err
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: it ends after %d records", ErrIncomplete, l.next)
	case err != nil:
		return nil, &cutError{cause: err}
	case long || len(raw) > MaxLine:
		return nil, nil
	}
	return raw, nil
}

func (l *lines) count(n int) error {
	l.read += int64(n)
	if l.read > l.maxLog {
		return fmt.Errorf("%w: the log has more than %d bytes", ErrTooLarge, l.maxLog)
	}
	return nil
}

// ours reports whether a line belongs to the stream: it has the mark, any version, and the nonce.
func (l *lines) ours(raw []byte) bool {
	rest, ok := bytes.CutPrefix(raw, []byte(mark))
	if !ok {
		return false
	}
	_, rest, ok = bytes.Cut(rest, []byte{' '})
	if !ok {
		return false
	}
	nonce, _, ok := bytes.Cut(rest, []byte{' '})
	return ok && bytes.Equal(nonce, l.nonce)
}

// parse parses a line of the stream.
func (l *lines) parse(raw []byte) (line, error) {
	version, rest, _ := bytes.Cut(raw[len(mark):], []byte{' '})
	if string(version) != strconv.Itoa(Version) {
		return line{}, fmt.Errorf("%w: found %q, want %d", ErrVersion, version, Version)
	}
	rest = rest[len(l.nonce)+1:]
	if len(rest) < checksumBytes {
		return line{}, fmt.Errorf("%w: line %d is cut", ErrDigest, l.next)
	}
	checked := raw[:len(raw)-checksumBytes]
	var sum [checksumBytes]byte
	if !bytes.Equal(raw[len(checked):], appendChecksum(sum[:0], crc32.ChecksumIEEE(checked))) {
		return line{}, fmt.Errorf("%w: the checksum of line %d is wrong", ErrDigest, l.next)
	}
	number, rest, ok := bytes.Cut(rest[:len(rest)-checksumBytes], []byte{' '})
	kind, payload, hasPayload := bytes.Cut(rest, []byte{' '})
	if !ok || !hasPayload {
		return line{}, fmt.Errorf("%w: line %d lacks a field", ErrMalformed, l.next)
	}
	if err := validKind(kind); err != nil {
		return line{}, fmt.Errorf("%w: line %d: %w", ErrMalformed, l.next, err)
	}
	seq, err := strconv.ParseUint(string(number), 10, 63)
	if err != nil || strconv.FormatUint(seq, 10) != string(number) {
		return line{}, fmt.Errorf("%w: %q is not a sequence number", ErrMalformed, number)
	}
	return line{raw: raw, seq: seq, kind: string(kind), payload: payload}, nil
}
