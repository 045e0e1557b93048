// Package termination is the form in which a step's results travel in its container's termination message: a JSON
// list of entries, or the same list compressed.
package termination

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxMessage is what the kubelet keeps of one container's termination message, in bytes. All containers of a pod
// share MaxPod bytes, in equal parts.
const (
	MaxMessage = 4096
	MaxPod     = 12288
)

// MaxParsed is the size in bytes of the list that Parse decompresses at most. Messages are far smaller: this bounds
// what a hostile one can cost.
const MaxParsed = 1 << 20

// MaxEntries is how many entries a list has at most. Far fewer fit a message whose keys differ: this bounds what a
// hostile one can cost, since a compressed entry may take a few bits.
const MaxEntries = 4096

// compressedMark begins the compressed form: base64 without padding of the list in raw deflate.
const compressedMark = "tknz:"

// The types of an entry. Who does not know a type must refuse the message, since it may be that of a result; what may
// be passed over is a key of TypeInternal.
const (
	// TypeResult is a result of the task.
	TypeResult = 1
	// TypeInternal is for the controller, and no result.
	TypeInternal = 3
)

// Entry is one item of the list.
type Entry struct {
	// Key is a result's name, or the name of an internal entry.
	Key string `json:"key"`
	// Value is valid UTF-8.
	Value string `json:"value"`
	// Type is TypeResult or TypeInternal. Parse accepts other numbers, ParseMessage does not.
	Type int `json:"type"`
}

// OverBudgetError says that a list does not fit into a termination message in either form.
type OverBudgetError struct {
	// Result is the name of the result with the largest value; empty when there is none.
	Result string
	// Size is the length of the message in its smaller form, in bytes; of the list as it stands, if only its compressed
	// form would fit, and nobody would decompress it.
	Size int
	// Budget is how many bytes there are.
	Budget int
}

// Error implements error.
func (e *OverBudgetError) Error() string {
	return fmt.Sprintf("the termination message needs %d bytes and has %d; the largest result is %q", e.Size, e.Budget, e.Result)
}

// ErrMalformed is what every error of Parse and ParseMessage wraps.
var ErrMalformed = errors.New("malformed termination message")

// Budget returns how many bytes each container of a pod with so many containers has for its message. The kubelet counts
// all of the pod's containers: init containers, and those that were added for debugging, too.
func Budget(containers int) int {
	return min(MaxMessage, MaxPod/max(1, containers))
}

// Encode returns the list as it stands if that fits budget bytes, else compressed if that fits, else an
// *OverBudgetError. Values must be valid UTF-8.
func Encode(entries []Entry, budget int) ([]byte, error) {
	plain, err := marshal(entries)
	if err != nil {
		return nil, err
	}
	if len(plain) <= budget {
		return plain, nil
	}
	small, err := compress(plain)
	if err != nil {
		return nil, err
	}
	// A list that compresses very well is still no larger than what Parse takes.
	if len(small) <= budget && len(plain) <= MaxParsed && len(entries) <= MaxEntries {
		return small, nil
	}
	size := min(len(plain), len(small))
	if len(small) <= budget {
		size = len(plain)
	}
	return nil, &OverBudgetError{Result: largest(entries), Size: size, Budget: budget}
}

// Parse returns the list that a message holds in either form. The error wraps ErrMalformed.
func Parse(message []byte) ([]Entry, error) {
	plain := message
	if small, ok := bytes.CutPrefix(message, []byte(compressedMark)); ok {
		var err error
		if plain, err = decompress(small); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	if len(plain) > MaxParsed {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxParsed)
	}
	entries, err := decode(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return entries, nil
}

// IsCut reports whether a message is not one, and begins as one does.
func IsCut(message []byte) bool {
	if _, err := Parse(message); err == nil {
		return false
	}
	return bytes.HasPrefix(message, []byte("[{")) || bytes.HasPrefix(message, []byte(compressedMark))
}

// errCut explains the most likely way in which a list is damaged.
var errCut = errors.New("it is cut, as the kubelet does when the pod has more containers than it was made with")

// decode reads a list, and no more of it than a list may have. A cut one lacks the bracket that ends it.
func decode(plain []byte) ([]Entry, error) {
	d := json.NewDecoder(bytes.NewReader(plain))
	if begin, err := d.Token(); err != nil || begin != json.Delim('[') {
		return nil, errors.New("it is no list")
	}
	entries := []Entry{}
	for d.More() {
		if len(entries) == MaxEntries {
			return nil, fmt.Errorf("more than %d entries", MaxEntries)
		}
		var e Entry
		switch err := d.Decode(&e); {
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
			return nil, errCut
		case err != nil:
			return nil, err
		}
		entries = append(entries, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, errCut
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the list")
	}
	return entries, nil
}

// marshal writes markup as it is: the budget is small, and nothing puts a termination message into a web page.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("cannot encode termination message: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

func compress(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(compressedMark)
	e := base64.NewEncoder(base64.RawStdEncoding, &b)
	d, err := flate.NewWriter(e, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { _, err := d.Write(plain); return err }, d.Close, e.Close,
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("cannot compress termination message: %w", err)
		}
	}
	return b.Bytes(), nil
}

func decompress(small []byte) ([]byte, error) {
	compressed := base64.NewDecoder(base64.RawStdEncoding, bytes.NewReader(small))
	return io.ReadAll(io.LimitReader(flate.NewReader(compressed), MaxParsed+1))
}

// largest returns the name of the result that has the largest value, the first by name among equals.
func largest(entries []Entry) string {
	name, size := "", -1
	for _, e := range entries {
		if e.Type != TypeResult {
			continue
		}
		if n := len(e.Value); n > size || n == size && strings.Compare(e.Key, name) < 0 {
			name, size = e.Key, n
		}
	}
	return name
}
