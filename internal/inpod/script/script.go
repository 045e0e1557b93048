// Package script encodes a step's script for the arguments of its entrypoint.
package script

import (
	"compress/flate"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync"
)

// PieceBytes is the maximum length of one piece. Linux refuses a single argument above 128 KiB, and about 2 MB of all
// arguments and environment together.
const PieceBytes = 96 << 10

// MaxBytes is the maximum length in bytes of a decoded script: more than an object (1.5 MiB) can contain.
const MaxBytes = 8 << 20

// Shebang is the line that WithShebang adds: a shell that every image with a shell has, which exits at the first command that
// fails.
const Shebang = "#!/bin/sh\nset -e\n"

// WithShebang returns a script that the kernel can run: unchanged if its first line names an interpreter, otherwise with
// Shebang.
func WithShebang(script string) string {
	if strings.HasPrefix(script, "#!") {
		return script
	}
	return Shebang + script
}

// compressors are reused, because the tables of one take most of a megabyte, for a script of any length.
var compressors = sync.Pool{New: func() any { //nolint:gochecknoglobals // a cache without meaning
	d, _ := flate.NewWriter(nil, flate.BestCompression) // there can be no error: the level is valid
	return d
}}

// Encode returns script in one or more pieces of at most PieceBytes: raw deflate in base64 without padding, split. Neither
// Kubernetes nor a shell expands anything in this alphabet.
func Encode(script string) []string {
	var b strings.Builder
	e := base64.NewEncoder(base64.RawStdEncoding, &b)
	d, _ := compressors.Get().(*flate.Writer)
	defer compressors.Put(d)
	d.Reset(e)
	// There can be no error: a strings.Builder accepts all writes.
	_, _ = io.WriteString(d, script)
	_ = d.Close()
	_ = e.Close()
	encoded := b.String()
	var pieces []string
	for len(encoded) > PieceBytes {
		pieces = append(pieces, encoded[:PieceBytes])
		encoded = encoded[PieceBytes:]
	}
	return append(pieces, encoded)
}

// Decode decodes the pieces of Encode and writes the script to w, without holding it in memory.
func Decode(w io.Writer, pieces []string) error {
	readers := make([]io.Reader, len(pieces))
	for i, p := range pieces {
		readers[i] = strings.NewReader(p)
	}
	compressed := base64.NewDecoder(base64.RawStdEncoding, io.MultiReader(readers...))
	n, err := io.Copy(w, io.LimitReader(flate.NewReader(compressed), MaxBytes+1))
	if err != nil {
		return fmt.Errorf("cannot decode script: %w", err)
	}
	if n > MaxBytes {
		return fmt.Errorf("cannot decode script: it has more than %d bytes", MaxBytes)
	}
	return nil
}
