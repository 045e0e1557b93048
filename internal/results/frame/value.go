package frame

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// value reads the data records of a result. Its length was checked against the limits before.
func (r *Reader) value(h resultHeader) ([]byte, error) {
	data := &r.data
	data.from, data.left, data.budget, data.rest, data.err = r, h.Frames, h.Size, nil, nil
	if h.Size == 0 && h.Frames == 0 && h.Encoding == encodingRaw {
		return []byte{}, nil
	}
	if h.Frames == 0 {
		return nil, fmt.Errorf("%w: result %q has no data", ErrMalformed, h.Name)
	}
	value := make([]byte, h.Size)
	var err error
	switch h.Encoding {
	case encodingRaw:
		err = data.into(value)
	case encodingDeflate:
		err = r.inflateInto(value, data)
	default:
		return nil, fmt.Errorf("%w: result %q is in the unknown encoding %q", ErrVersion, h.Name, h.Encoding)
	}
	if err != nil {
		return nil, err
	}
	return value, nil
}

// inflateInto decompresses exactly len(value) bytes from all of data, and never more.
func (r *Reader) inflateInto(value []byte, data *dataReader) error {
	if used, ok := r.inflate.(flate.Resetter); !ok {
		r.inflate = flate.NewReader(data)
	} else if err := used.Reset(data, nil); err != nil {
		return err
	}
	if _, err := io.ReadFull(r.inflate, value); err != nil {
		return data.explain(err)
	}
	var more [1]byte
	if n, err := r.inflate.Read(more[:]); n != 0 || !errors.Is(err, io.EOF) {
		return data.explain(errors.New("its decompressed data exceeds its size"))
	}
	if data.left != 0 || len(data.rest) != 0 {
		return data.explain(errors.New("it has more data than its size needs"))
	}
	return nil
}

// dataReader returns the bytes of consecutive data records.
type dataReader struct {
	from *Reader
	// left is the number of further records. Budget is the maximum length of them together, because no encoding makes a value
	// larger.
	left   int64
	budget int64
	// rest is the unread part of the last record, in buf.
	rest []byte
	buf  [MaxLine]byte
	err  error
}

// into reads all records into value, which they must fill.
func (d *dataReader) into(value []byte) error {
	for d.left > 0 {
		payload, err := d.payload()
		if err != nil {
			return err
		}
		if d.budget < 0 {
			break
		}
		n, err := decode(value, payload)
		if err != nil {
			return d.explain(err)
		}
		value = value[n:]
	}
	if len(value) != 0 || d.budget != 0 {
		return d.explain(errors.New("its data does not have its size"))
	}
	return nil
}

// payload returns the text of the next data record, and subtracts its decoded length from the budget.
func (d *dataReader) payload() ([]byte, error) {
	ln, err := d.from.lines.record()
	if err != nil {
		return nil, err
	}
	if ln.kind != kindData {
		return nil, fmt.Errorf("%w: found record %d of kind %q, want %d data records", ErrMalformed, ln.seq, ln.kind, d.left)
	}
	if len(ln.payload) == 0 {
		return nil, fmt.Errorf("%w: record %d is empty", ErrMalformed, ln.seq)
	}
	d.from.digest.Write(ln.raw)
	d.left--
	d.budget -= int64(b64.DecodedLen(len(ln.payload)))
	return ln.payload, nil
}

// fill reads the next record after the previous one is consumed.
func (d *dataReader) fill() error {
	if d.err != nil || len(d.rest) > 0 {
		return d.err
	}
	if d.left == 0 {
		return io.EOF
	}
	payload, err := d.payload()
	if err == nil && d.budget < 0 {
		err = fmt.Errorf("%w: the compressed form of a result is larger than the result", ErrMalformed)
	}
	n := 0
	if err == nil {
		n, err = decode(d.buf[:], payload)
	}
	d.err = err
	d.rest = d.buf[:n]
	return err
}

// Read implements io.Reader for the decompressor.
func (d *dataReader) Read(p []byte) (int, error) {
	if err := d.fill(); err != nil {
		return 0, err
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// ReadByte implements io.ByteReader, so that the decompressor reads no further than necessary.
func (d *dataReader) ReadByte() (byte, error) {
	// The decompressor calls it for each byte of compressed data.
	if len(d.rest) == 0 {
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c, nil
}

// explain returns the error of the stream if there is one, and otherwise an error for invalid data.
func (d *dataReader) explain(err error) error {
	if d.err != nil {
		return d.err
	}
	return fmt.Errorf("%w: the data before record %d: %w", ErrMalformed, d.from.lines.next, err)
}

// decode decodes payload into dst, which has room for it.
func decode(dst, payload []byte) (int, error) {
	want := b64.DecodedLen(len(payload))
	n, err := b64.Decode(dst[:want], payload)
	if err != nil {
		return 0, err
	}
	if n != want {
		// The decoder skips newline characters, and a line may contain a carriage return.
		return 0, errors.New("a character is not base64")
	}
	return n, nil
}
