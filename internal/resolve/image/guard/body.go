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
)

// ErrTooLarge says that an answer has more bytes than MaxAnswer.
var ErrTooLarge = errors.New("the answer has more than 4 MiB")

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
	if b.left -= int64(n); b.left < 0 {
		return 0, b.end
	}
	return n, err
}
