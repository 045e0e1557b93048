// Package content generates the texts that the tests use as results. They are seeded, so that every run has the same ones and
// the test knows them without asking the cluster.
package content

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// Kind is a kind of content that has caused errors in transports.
type Kind struct {
	// Name of the kind, which is valid as the name of a result.
	Name string
	// Draw returns exactly n bytes, the same for the same numbers.
	Draw func(r *rand.Rand, n int) string
}

// Make returns exactly n bytes, the same for the same n.
func (k Kind) Make(n int) string { return k.Draw(source(n), n) }

// Kinds returns the kinds that a result must survive. Each is valid UTF-8, so that it can be an API string.
func Kinds() []Kind {
	return []Kind{
		{"text", text},
		{"json", jsonText},
		{"markup", markup},
		{"newlines", newlines},
		{"control", control},
	}
}

// All returns all kinds.
func All() []Kind {
	return append(Kinds(), Kind{"hard", hard}, Kind{"random", random})
}

// source returns random numbers that are the same in every run.
func source(n int) *rand.Rand { return rand.New(rand.NewPCG(127, uint64(n))) }

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// Random returns n letters and digits that do not compress well.
func Random(n int) string { return random(source(n), n) }

func random(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

// draw repeats the output of next until there are n bytes. It pads with letters, so that no character is split.
func draw(r *rand.Rand, n int, next func(r *rand.Rand) string) string {
	var b strings.Builder
	for b.Len() < n {
		piece := next(r)
		if b.Len()+len(piece) > n {
			piece = strings.Repeat("x", n-b.Len())
		}
		b.WriteString(piece)
	}
	return b.String()
}

func word(r *rand.Rand) string {
	b := make([]byte, 1+r.IntN(12))
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

// Text returns prose in several scripts, with characters of one to four bytes.
func Text(n int) string { return text(source(n), n) }

func text(r *rand.Rand, n int) string {
	pieces := []string{" ", " ", " ", ", ", ". ", " ü", " 水", " 🚰", " – ", " é "}
	return draw(r, n, func(r *rand.Rand) string { return word(r) + pieces[r.IntN(len(pieces))] })
}

// JSON returns JSON in which every string needs escapes when it is encoded again.
func JSON(n int) string { return jsonText(source(n), n) }

func jsonText(r *rand.Rand, n int) string {
	const frame = `{"list":[""]}`
	if n < len(frame) {
		return strings.Repeat("7", n)
	}
	body := draw(r, n-len(frame), func(r *rand.Rand) string { return word(r) + word(r) + word(r) + `","` })
	return `{"list":["` + strings.ReplaceAll(body, `",x`, `xxx`) + `"]}`
}

// Markup returns HTML. The API's encoder writes each of its brackets with six bytes.
func Markup(n int) string { return markup(source(n), n) }

func markup(r *rand.Rand, n int) string {
	return draw(r, n, func(r *rand.Rand) string {
		return "<p>" + strings.Repeat(word(r)+" ", 18) + "&amp;</p>"
	})
}

// Newlines returns line breaks of all kinds, without one at the end.
func Newlines(n int) string { return newlines(source(n), n) }

func newlines(r *rand.Rand, n int) string {
	breaks := []string{"\n", "\n", "\r\n", "\n\n", "\r", "\u2028"}
	body := draw(r, n, func(r *rand.Rand) string { return word(r) + breaks[r.IntN(len(breaks))] })
	if n > 0 {
		body = body[:n-1] + "."
	}
	return strings.ToValidUTF8(body, "...")
}

// Control returns every control character, including zero, between letters.
func Control(n int) string { return control(source(n), n) }

func control(r *rand.Rand, n int) string {
	return draw(r, n, func(r *rand.Rand) string { return string(rune(r.IntN(32))) })
}

// Hard returns text that a shell, a template or Kubernetes would expand.
func Hard(n int) string { return hard(source(n), n) }

func hard(r *rand.Rand, n int) string {
	pieces := []string{
		"$$", "$$(HOME)", "$(date)", "$(HOME)", "${HOME}", "$(params.value)", "$(params.bytes)", "$(context.taskRun.name)",
		"$(tasks.produce.results.value)", "`id`", `"`, `'`, `\`, `\n`, `\\"`, "\n", "\n\n", "%s", "$'\\x41'", "!!",
		"<<EOF\n", "#", ";", "&", "|", "*", "~", "\t",
	}
	return draw(r, n, func(r *rand.Rand) string { return word(r) + word(r) + word(r) + " " + pieces[r.IntN(len(pieces))] })
}

// Digest returns the SHA-256 of s as sha256sum prints it.
func Digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
