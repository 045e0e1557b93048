// Package script carries a step's script through the arguments of its entrypoint.
package script

import (
	"compress/flate"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// PieceBytes is the length of one piece at most. Linux refuses a single argument above 128 KiB, and about 2 MB of all
// arguments and environment together.
const PieceBytes = 96 << 10

// MaxBytes is the size in bytes of the script that Decode writes at most: more than any script that the object which
// carries it (1.5 MiB) can hold.
const MaxBytes = 8 << 20

// Shebang is what WithShebang puts before a script: the shell that every image with a shell has, ending at the first
// command that fails.
const Shebang = "#!/bin/sh\nset -e\n"

// WithShebang returns script so that the kernel can run it: as it is when its first line says what runs it, else for
// the shell.
func WithShebang(script string) string {
	if strings.HasPrefix(script, "#!") {
		return script
	}
	return Shebang + script
}

// Encode returns script in pieces of at most PieceBytes, at least one: raw deflate in base64 without padding, cut.
// The alphabet has nothing that Kubernetes would expand in arguments, and nothing that a shell would.
func Encode(script string) []string {
	var b strings.Builder
	e := base64.NewEncoder(base64.RawStdEncoding, &b)
	// The level is valid, and a strings.Builder takes whatever is written: there is no error to be had.
	d, _ := flate.NewWriter(e, flate.BestCompression)
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

// Decode writes the script that Encode gave the pieces of to w, without holding it in memory.
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
