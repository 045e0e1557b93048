// Package termination is the format of a step's results in its container's termination message: a JSON list of entries, or
// the same list compressed.
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

// MaxMessage is the maximum length in bytes of one container's termination message that the kubelet keeps. All containers of
// a pod share MaxPod bytes in equal parts.
const (
	MaxMessage = 4096
	MaxPod     = 12288
)

// MaxParsed is the maximum length in bytes of the list that Parse decompresses. It limits the cost of a hostile message.
// Valid messages are far smaller.
const MaxParsed = 1 << 20

// MaxEntries is the maximum number of entries in a list. It limits the cost of a hostile message, in which a compressed entry
// may need only a few bits. A message with different keys has room for far fewer.
const MaxEntries = 4096

// compressedMark is the prefix of the compressed form: base64 without padding of the list in raw deflate.
const compressedMark = "tknz:"

// The types of an entry. A reader must refuse a message with an unknown type, because it may be a result. It may only skip
// keys of TypeInternal.
const (
	// TypeResult is a result of the task.
	TypeResult = 1
	// TypeInternal is for the controller, and not a result.
	TypeInternal = 3
	// TypeArtifacts is a document of artifacts.
	TypeArtifacts = 5
)

// Entry is one entry of the list.
type Entry struct {
	// Key is the name of a result or of a document of artifacts, or that of an internal entry.
	Key string `json:"key"`
	// Value is valid UTF-8.
	Value string `json:"value"`
	// Type is TypeResult, TypeInternal or TypeArtifacts. Parse accepts other numbers, ParseMessage does not.
	Type int `json:"type"`
}

// OverBudgetError means that a list does not fit in a termination message in either form.
type OverBudgetError struct {
	// Result is the name of the result with the largest value; empty when there is none.
	Result string
	// Size is the length of the message in bytes, in the smaller of its two forms. It is the length of the uncompressed list
	// if only the compressed form fits, but no reader would decompress it.
	Size int
	// Budget is the number of available bytes.
	Budget int
}

// Error implements error.
func (e *OverBudgetError) Error() string {
	return fmt.Sprintf("the termination message needs %d bytes and has %d; the largest result is %q", e.Size, e.Budget, e.Result)
}

// ErrMalformed is in every error of Parse and ParseMessage.
var ErrMalformed = errors.New("malformed termination message")

// Budget returns the bytes for each container's message in a pod with this number of containers. The kubelet counts all
// containers of the pod, also init containers and debug containers.
func Budget(containers int) int {
	return min(MaxMessage, MaxPod/max(1, containers))
}

// Encode returns the list uncompressed if that fits in budget bytes, else compressed if that fits, else an *OverBudgetError.
// Values must be valid UTF-8.
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
	// Even a list that compresses very well must not exceed what Parse accepts.
	if len(small) <= budget && len(plain) <= MaxParsed && len(entries) <= MaxEntries {
		return small, nil
	}
	size := min(len(plain), len(small))
	if len(small) <= budget {
		size = len(plain)
	}
	return nil, &OverBudgetError{Result: largest(entries), Size: size, Budget: budget}
}

// Parse returns the list in a message of either form. The error wraps ErrMalformed.
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

// IsCut reports whether an invalid message begins like a valid one.
func IsCut(message []byte) bool {
	if _, err := Parse(message); err == nil {
		return false
	}
	return bytes.HasPrefix(message, []byte("[{")) || bytes.HasPrefix(message, []byte(compressedMark))
}

// errCut explains the most likely cause of a damaged list.
var errCut = errors.New("it is truncated; the kubelet does this if the pod has more containers than it was created with")

// decode parses a list up to the maximum number of entries. A truncated list has no closing bracket.
func decode(plain []byte) ([]Entry, error) {
	d := json.NewDecoder(bytes.NewReader(plain))
	if begin, err := d.Token(); err != nil || begin != json.Delim('[') {
		return nil, errors.New("it is not a list")
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

// marshal does not escape markup: the budget is small, and termination messages are not part of web pages.
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

// largest returns the name of the result, or the document of artifacts, with the largest value; the first by name among equals.
func largest(entries []Entry) string {
	name, size := "", -1
	for _, e := range entries {
		if e.Type != TypeResult && e.Type != TypeArtifacts {
			continue
		}
		if n := len(e.Value); n > size || n == size && strings.Compare(e.Key, name) < 0 {
			name, size = e.Key, n
		}
	}
	return name
}
