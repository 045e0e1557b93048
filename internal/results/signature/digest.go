package signature

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// b64 has one spelling for each value: the bits that a last character has too many are zero.
var b64 = base64.RawStdEncoding.Strict()

// Digest is a SHA-256, which in JSON is base64 without padding.
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
		return fmt.Errorf("%q is no digest in base64", text)
	}
	copy(d[:], b)
	return nil
}

// String returns the hexadecimal form, which people compare with what sha256sum prints.
func (d Digest) String() string { return fmt.Sprintf("%x", d[:]) }
