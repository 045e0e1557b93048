package content

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestKinds checks the generators: content that is short, split or different each time would prove nothing.
func TestKinds(t *testing.T) {
	for _, k := range All() {
		for _, n := range []int{0, 1, 2, 13, 14, 4096, 4097, 65536, 1000000} {
			t.Run(fmt.Sprintf("%s/%d", k.Name, n), func(t *testing.T) {
				got := k.Make(n)
				if len(got) != n {
					t.Errorf("it has %d bytes", len(got))
				}
				if strings.ToValidUTF8(got, "") != got {
					t.Error("it is not valid UTF-8")
				}
				if got != k.Make(n) {
					t.Error("it differs between calls")
				}
				if n > 64 && got == k.Draw(rand.New(rand.NewPCG(1, 2)), n) {
					t.Error("it is the same whatever the numbers are")
				}
			})
		}
	}
}

func TestKindsHoldWhatTheyAreNamedAfter(t *testing.T) {
	cases := map[string]struct {
		reason string
		make   func(int) string
		pieces []string
	}{
		"text": {
			reason: "characters of one to four bytes",
			make:   Text,
			pieces: []string{"a", "ü", "水", "🚰"},
		},
		"json": {
			reason: "quotes that are escaped again",
			make:   JSON,
			pieces: []string{`{"list":["`, `","`, `"]}`},
		},
		"markup": {
			reason: "the characters that the API's encoder escapes",
			make:   Markup,
			pieces: []string{"<p>", "&amp;", "</p>"},
		},
		"newlines": {
			reason: "every sort of line break",
			make:   Newlines,
			pieces: []string{"\n", "\r\n", "\n\n", "\r", "\u2028"},
		},
		"control": {
			reason: "every control character",
			make:   Control,
			pieces: []string{"\x00", "\x1b", "\x1f", "\r"},
		},
		"hard": {
			reason: "what shells, templates and Kubernetes expand",
			make:   Hard,
			pieces: []string{"$$", "$(date)", "$(HOME)", "`id`", `"`, "'", `\`, "$(params.value)"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := tc.make(65536)
			for _, piece := range tc.pieces {
				if !strings.Contains(got, piece) {
					t.Errorf("%s: %q is missing", tc.reason, piece)
				}
			}
		})
	}
}

func TestDigest(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got := Digest(""); got != empty {
		t.Errorf("Digest of nothing: got %s, want %s", got, empty)
	}
}
