package frame_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// signed is a signed stream: two certificates, and a signature. The bytes of both are arbitrary, because this package does
// not parse them.
func signed() *forge {
	f := newForge().add("step", step).result("digest", []byte("sha256:2c26b46b"), 100)
	for part := range chunks(noise(4000), 2000) {
		f.add("?certificate", base64.RawStdEncoding.EncodeToString(part))
	}
	return f.add("?signature", part("step-build", 1, 1, "document"))
}

// part is the payload of one record of a signature.
func part(step string, n, of int, data string) string {
	return fmt.Sprintf(`{"step":%q,"part":%d,"parts":%d,"data":%q}`, step, n, of, base64.RawStdEncoding.EncodeToString([]byte(data)))
}

// optionalVectors show what becomes of records that a reader may not know.
func optionalVectors() map[string]vector {
	const size = len("sha256:2c26b46b")
	whole := signed().end(1, 1, 0, size).bytes()
	lines := bytes.SplitAfter(whole, []byte("\n"))
	// The lines: 0 intro, 1 step, 2 result, 3 its data, 4 and 5 certificates, 6 signature, 7 end.
	without := func(expect, comment string, n int) vector {
		return vector{expect: expect, comment: comment, stream: bytes.Join(append(lines[:n:n], lines[n+1:]...), nil)}
	}
	damaged := vector{expect: "digest", comment: "An optional record is damaged.",
		stream: bytes.Replace(whole, []byte(`"parts":1`), []byte(`"parts":2`), 1)}
	anywhere := newForge().add("?note", "").add("step", step).add("?note", "\x00\xff not JSON").add("?a-1", "x").
		result("a", []byte("ab"), 1).add("?"+strings.Repeat("n", 64), "[]").end(1, 1, 0, 2)
	return map[string]vector{
		"whole-optional": vec("whole",
			"Records of kinds that nobody knows and that begin with a question mark are passed over, whatever is in them.", anywhere),
		"whole-signed": {expect: "whole", stream: whole,
			comment: "A reader that does not want signatures reads a signed stream. The certificates and the signature are made up."},
		"gap-optional":      without("gap", "An optional record is a record: one that is lost is missed.", 5),
		"gap-signature":     without("gap", "Nobody can take the signature away unnoticed.", 6),
		"digest-optional":   damaged,
		"trailing-optional": vec("trailing", "An optional record after the end.", newForge().end(0, 0, 0, 0).add("?note", "x")),
		"version-optional": vec("version", "Another version is another version, in an optional record, too.",
			newForge().raw(newForge().text("2", 1, "?note", "x"))),
		"malformed-optional": vec("malformed", "A question mark alone is no kind.", newForge().add("?", "x").end(0, 0, 0, 0)),
		"malformed-optional-first": vec("malformed", "The first record is the intro, whatever may be passed over.",
			(&forge{nonce: "n0nce"}).add("?note", "x").add("intro", "{}").end(0, 0, 0, 0)),
		"malformed-optional-counted": vec("malformed", "Optional records do not count as results.",
			newForge().add("?note", "x").end(0, 1, 0, 0)),
	}
}
