package guard

import (
	"errors"
	"io"
	"net/http"
)

const (
	// MaxAnswer is how many bytes an answer of a registry may have: the distribution specification asks registries to take
	// manifests of 4 MiB, and nobody has to take larger ones. Configurations are smaller still.
	MaxAnswer = 4 << 20
	// maxFailure is how many bytes of an answer are read that is not a success. The rest is cut off.
	maxFailure = 64 << 10
	// free is how many bytes of an answer take nothing from the memory that all lookups share. Almost every answer of an
	// honest registry is smaller, so that large answers keep no other lookup from its own.
	free = 64 << 10
	// step is by how many bytes of an answer its part of that memory grows.
	step = 256 << 10
	// copies is how often an answer is in memory at most: twice while its parts are joined, then once with the buffer of
	// its decoder, which doubles.
	copies = 3

	// Memory is how many bytes the answers of all lookups may take together beyond what is free, 32 MiB: two of the largest.
	Memory = 32 << 20
	// FreeMemory is how many bytes the answer of one lookup may take besides that.
	FreeMemory = copies * free
)

// ErrTooLarge says that an answer has more bytes than MaxAnswer.
var ErrTooLarge = errors.New("the answer has more than 4 MiB")

// ErrBusy says that the answers of other lookups take all the memory that there is for them.
var ErrBusy = errors.New("other lookups hold the memory for answers of registries")

// bound limits the body of an answer: an image's owner must not fill the controller's memory.
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
	// read is how many bytes were read.
	read int64
	// end is what is read where the limit is passed.
	end error
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.end
	}
	// One byte more than allowed tells an answer that is too large from one that just fits.
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

// reserve makes sure that there is memory for an answer of so many bytes. A lookup reads one answer at a time, and drops it
// before the next one: its lease is as large as the largest of them needs.
func (d *Door) reserve(answer int64) bool {
	if answer <= free {
		return true
	}
	return d.memory.Grow((answer + step - 1) / step * step * copies)
}
