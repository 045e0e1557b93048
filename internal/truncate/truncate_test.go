package truncate

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		limit  int
		want   string
	}{
		"Short": {
			reason: "a text within the limit stays as it is",
			text:   "abc",
			limit:  3,
			want:   "abc",
		},
		"Long": {
			reason: "a longer one is cut at the limit",
			text:   "abcd",
			limit:  3,
			want:   "abc…",
		},
		"Character": {
			reason: "a character is not cut in two",
			text:   "aaü",
			limit:  3,
			want:   "aa…",
		},
		"Zero": {
			reason: "of a limit of zero only the mark is left",
			text:   "abc",
			limit:  0,
			want:   "…",
		},
		"NotUTF8": {
			reason: "bytes that are not UTF-8 are cut at the limit",
			text:   "\x80\x80\x80\x80\x80\x80",
			limit:  5,
			want:   "\x80\x80\x80\x80\x80…",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Text(tc.text, tc.limit); got != tc.want {
				t.Errorf("%s: want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}

func TestCounted(t *testing.T) {
	if got, want := Counted("abcd", 3), "abc… (4 bytes)"; got != want {
		t.Errorf("want the length of what was cut, %q, got %q", want, got)
	}
	if got, want := Counted("abc", 3), "abc"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}

// TestTextIsAPrefix: whatever the text and the limit, what is left is valid UTF-8, is the beginning of the text, and is
// shorter than the limit by less than one character.
func TestTextIsAPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		limit := rapid.IntRange(0, len(text)+1).Draw(t, "limit")
		got := Text(text, limit)
		kept, cut := strings.CutSuffix(got, mark)
		if got == text {
			kept, cut = text, false
		}
		switch {
		case !utf8.ValidString(got) || !strings.HasPrefix(text, kept):
			t.Errorf("want a beginning of %q, got %q", text, got)
		case cut && (len(kept) > limit || len(kept) <= limit-utf8.UTFMax):
			t.Errorf("want at most %d bytes, and not %d fewer, got %d", limit, utf8.UTFMax, len(kept))
		case !cut && len(text) > limit:
			t.Errorf("want %d bytes cut to %d, got all", len(text), limit)
		}
	})
}
