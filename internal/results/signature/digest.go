package signature

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// b64 has only one encoding for each value: the unused bits of the last character are zero.
var b64 = base64.RawStdEncoding.Strict()

// Digest is a SHA-256. In JSON it is base64 without padding.
type Digest [sha256.Size]byte

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(b64.EncodeToString(d[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != b64.EncodedLen(len(d)) {
		return fmt.Errorf("a digest has %d characters, not %d", b64.EncodedLen(len(d)), len(text))
	}
	b, err := b64.AppendDecode(nil, text)
	if err != nil || len(b) != len(d) {
		return fmt.Errorf("%q is not a digest in base64", text)
	}
	copy(d[:], b)
	return nil
}

// String returns the hexadecimal form, which is also the output of sha256sum.
func (d Digest) String() string { return fmt.Sprintf("%x", d[:]) }
