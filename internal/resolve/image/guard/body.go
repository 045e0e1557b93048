package guard

import (
	"errors"
	"io"
	"net/http"
)

const (
	// MaxAnswer is the maximum length of a registry's response in bytes. The distribution specification requires registries
	// to accept manifests of 4 MiB, and no larger ones. Configurations are smaller.
	MaxAnswer = 4 << 20
	// maxFailure is the maximum number of bytes to read of a response that is not a success. The rest is dropped.
	maxFailure = 64 << 10
	// free is the number of bytes of a response that do not count for the memory shared by all lookups. Almost every response
	// of an honest registry is smaller, so that large responses delay no other lookup.
	free = 64 << 10
	// step is the number of bytes by which a response increases its part of that memory.
	step = 256 << 10
	// copies is the maximum number of copies of a response in memory: two while its parts are joined, then one with the
	// buffer of its decoder, which doubles.
	copies = 3

	// Memory is the maximum number of bytes of the responses of all lookups together beyond the free ones, 32 MiB: two of the
	// largest.
	Memory = 32 << 20
	// FreeMemory is the additional number of bytes for the response of one lookup.
	FreeMemory = copies * free
)

// ErrTooLarge means that a response exceeds MaxAnswer.
var ErrTooLarge = errors.New("the response has more than 4 MiB")

// ErrBusy means that the responses of other lookups take all the memory for them.
var ErrBusy = errors.New("other lookups use all the memory for responses of registries")

// bound limits the body of a response, so that the owner of an image cannot fill the controller's memory.
func (d *Door) bound(answer *http.Response) io.ReadCloser {
	if answer.StatusCode >= http.StatusMultipleChoices {
		return &body{ReadCloser: answer.Body, door: d, left: maxFailure, end: io.EOF}
	}
	return &body{ReadCloser: answer.Body, door: d, left: MaxAnswer, end: ErrTooLarge}
}

type body struct {
	io.ReadCloser

	door *Door
	left int64
	// read is the number of bytes that were read.
	read int64
	// end is the error at the limit.
	end error
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.end
	}
	// One byte above the limit distinguishes a response that is too large from one that just fits.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.door.bytes.Add(int64(n)) > maxTotal {
		return 0, ErrTooMuch
	}
	if b.read += int64(n); !b.door.reserve(b.read) {
		return 0, ErrBusy
	}
	if b.left -= int64(n); b.left < 0 {
		return 0, b.end
	}
	return n, err
}

// reserve reserves memory for a response of this length. A lookup reads one response at a time, and drops it before the next
// one, so its lease is as large as the largest of them needs.
func (d *Door) reserve(answer int64) bool {
	if answer <= free {
		return true
	}
	return d.memory.Grow((answer + step - 1) / step * step * copies)
}
