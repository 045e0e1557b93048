package git

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	billy "github.com/go-git/go-billy/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolvers"
)

// errTooLarge means that a server sends more than a limit permits.
var errTooLarge = errors.New("the server sends more bytes than the limit permits")

// errNoMemory means that other fetches use the memory.
var errNoMemory = errors.New("other fetches use all the memory for repositories")

// bounded reads at most limit bytes, and then returns errTooLarge.
type bounded struct {
	from io.Reader
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one byte more shows that there is more
	}
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return max(n-1, 0), errTooLarge
	}
	return n, err
}

// step is the number of bytes by which a pack grows in the budget of all fetches.
const step = 1 << 20

// leased reads into memory that a lease covers, so many bytes for each byte that is read.
type leased struct {
	from   io.Reader
	lease  *budget.Lease
	factor int64
	read   int64
}

// Read implements io.Reader.
func (l *leased) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if l.read += int64(n); !l.lease.Grow(l.factor * (l.read/step + 1) * step) {
		return 0, errNoMemory
	}
	return n, err
}

// readPack reads a pack of at most limit bytes into memory. The lease covers the buffer twice, since it doubles when it grows.
func readPack(from io.Reader, limit int64, lease *budget.Lease) ([]byte, error) {
	limited := &bounded{from: from, left: limit}
	var pack bytes.Buffer
	for {
		if !lease.Grow(2 * (int64(pack.Len()) + step)) {
			return nil, errNoMemory
		}
		_, err := io.CopyN(&pack, limited, step)
		switch {
		case errors.Is(err, io.EOF):
			return pack.Bytes(), nil
		case err != nil:
			return nil, err
		}
	}
}

// objects are the objects of a pack.
type objects struct {
	pack *packfile.Packfile
	// filtered reports that the server was asked to leave out files that are too large for a definition.
	filtered bool
}

// openPack checks a pack against the limits, and indexes it. The lease grows by the memory of that. An error is an *Error, or
// is one of an invalid pack.
func openPack(content []byte, filtered bool, lease *budget.Lease) (*objects, error) {
	inMemory, err := measure(content)
	if err != nil {
		return nil, err
	}
	if !lease.Grow(2*int64(len(content)) + inMemory) {
		return nil, errNoMemory
	}
	file := &packFile{bytes.NewReader(content)}
	index := &idxfile.Writer{}
	parser, err := packfile.NewParser(packfile.NewScanner(file), index)
	if err != nil {
		return nil, err
	}
	if _, err = parser.Parse(); err != nil {
		return nil, err
	}
	known, err := index.Index()
	if err != nil {
		return nil, err
	}
	return &objects{pack: packfile.NewPackfile(known, nil, file, 0), filtered: filtered}, nil
}

const (
	// perObject is the memory in bytes that the index takes for an object.
	perObject = 512
	// deltaBases is the maximum memory in bytes of the bases of deltas that go-git keeps while it indexes a pack.
	deltaBases = 96 << 20
)

// measure checks the sizes of all objects of a pack, before anything is read into memory. It returns the memory in bytes that
// the index needs at most.
func measure(content []byte) (memory int64, err error) {
	scanner := packfile.NewScanner(bytes.NewReader(content))
	_, count, err := scanner.Header()
	switch {
	case err != nil:
		return 0, err
	case count > maxObjects:
		return 0, resolvers.Failed(nil, "cannot fetch the repository: the revision has %d files and folders, more than the limit of %d%s",
			count, maxObjects, adviceLarge)
	}
	var total, largest, bases int64
	for range count {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return 0, err
		}
		size, err := inflatedSize(scanner, header)
		if err != nil {
			return 0, err
		}
		if header.Type.IsDelta() {
			bases += maxObject
		}
		total, largest = total+size, max(largest, size)
		if size > maxObject || total > maxInflated {
			return 0, resolvers.Failed(nil, "cannot fetch the repository: it has a file of %d bytes, or %d bytes of files together; "+
				"the limits are %d and %d%s", largest, total, maxObject, maxInflated, adviceLarge)
		}
	}
	return 3*largest + min(deltaBases, bases, total) + int64(count)*perObject, nil
}

const adviceLarge = `; use params "org" and "repo", with which only the file is read, or a smaller repository`

// inflatedSize returns the number of bytes of an object: those that the pack has for it, and those that result from it if it
// is a delta.
func inflatedSize(scanner *packfile.Scanner, header *packfile.ObjectHeader) (int64, error) {
	if header.Length > maxObject {
		return header.Length, nil
	}
	head := &prefix{}
	written, _, err := scanner.NextObject(head)
	if err != nil {
		return 0, err
	}
	if !header.Type.IsDelta() {
		return written, nil
	}
	_, rest, ok := varint(head.kept)
	target, _, ok2 := varint(rest)
	if !ok || !ok2 {
		return 0, fmt.Errorf("a delta has an invalid size: %w", packfile.ErrMalformedPackFile)
	}
	return max(written, target), nil
}

// prefix keeps the first bytes that are written, where a delta has its sizes.
type prefix struct{ kept []byte }

// Write implements io.Writer.
func (p *prefix) Write(b []byte) (int, error) {
	if room := 20 - len(p.kept); room > 0 {
		p.kept = append(p.kept, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// varint reads a number of 7-bit groups, the least significant one first. A number above maxInflated is as good as that.
func varint(from []byte) (value int64, rest []byte, ok bool) {
	for i, b := range from {
		if i*7 > 56 {
			return 0, nil, false
		}
		value |= int64(b&0x7f) << (i * 7)
		if b&0x80 == 0 {
			return value, from[i+1:], true
		}
	}
	return 0, nil, false
}

// object returns an object of the pack.
func (o *objects) object(name plumbing.Hash) (plumbing.EncodedObject, error) { return o.pack.Get(name) }

// packFile is a pack in memory, as go-git reads it.
type packFile struct{ *bytes.Reader }

var _ billy.File = (*packFile)(nil)

// Name implements billy.File.
func (*packFile) Name() string { return "pack" }

// Write implements billy.File.
func (*packFile) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close implements billy.File.
func (*packFile) Close() error { return nil }

// Lock implements billy.File.
func (*packFile) Lock() error { return nil }

// Unlock implements billy.File.
func (*packFile) Unlock() error { return nil }

// Truncate implements billy.File.
func (*packFile) Truncate(int64) error { return errors.ErrUnsupported }
