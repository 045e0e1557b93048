package termination_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/results/termination"
)

// noise returns n characters that hardly compress, the same ones each time.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return base64.RawStdEncoding.EncodeToString(b)[:n]
}

func TestBudget(t *testing.T) {
	for containers, want := range map[int]int{0: 4096, 1: 4096, 3: 4096, 4: 3072, 10: 1228, 100: 122} {
		if got := termination.Budget(containers); got != want {
			t.Errorf("with %d containers: got %d, want %d", containers, got, want)
		}
	}
}

func TestEncode(t *testing.T) {
	one := func(value string) []termination.Entry {
		return []termination.Entry{{Key: "a", Value: value, Type: termination.TypeResult}}
	}
	const around = len(`[{"key":"a","value":"","type":1}]`)
	cases := map[string]struct {
		reason  string
		entries []termination.Entry
		budget  int
		want    string // the message, or how it begins
		size    int    // of an OverBudgetError
	}{
		"None": {
			reason:  "No entries are an empty list.",
			entries: []termination.Entry{},
			budget:  10,
			want:    "[]",
		},
		"Plain": {
			reason:  "A list that fits is plain.",
			entries: one("v"),
			budget:  100,
			want:    `[{"key":"a","value":"v","type":1}]`,
		},
		"Exact": {
			reason:  "A list that just fits is plain.",
			entries: one(noise(50)),
			budget:  around + 50,
			want:    `[{"key":"a","value":"` + noise(50),
		},
		"Markup": {
			reason:  "Markup takes one byte a character.",
			entries: one("<a&b>"),
			budget:  around + 5,
			want:    `[{"key":"a","value":"<a&b>"`,
		},
		"Deflated": {
			reason:  "A list that is too long is compressed.",
			entries: one(strings.Repeat("long ", 1000)),
			budget:  4096,
			want:    "tknz:",
		},
		"OneOver": {
			reason:  "What does not fit in either form is over the budget.",
			entries: one(noise(50)),
			budget:  around + 49,
			size:    around + 50,
		},
		"Nothing": {
			reason:  "Without a budget nothing fits.",
			entries: one("v"),
			size:    around + 1,
		},
		"Bomb": {
			reason:  "What nobody would decompress is over the budget, however small it is compressed.",
			entries: one(strings.Repeat("a", termination.MaxParsed)),
			budget:  4096,
			size:    around + termination.MaxParsed,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := termination.Encode(tc.entries, tc.budget)
			var over *termination.OverBudgetError
			if errors.As(err, &over) != (tc.size != 0) {
				t.Fatalf("%s\ngot error %v", tc.reason, err)
			}
			if over != nil {
				want := &termination.OverBudgetError{Result: "a", Size: tc.size, Budget: tc.budget}
				if diff := cmp.Diff(want, over); diff != "" {
					t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
				}
				return
			}
			if !strings.HasPrefix(string(got), tc.want) || len(got) > tc.budget {
				t.Errorf("%s\ngot %d bytes %q, want %q in %d", tc.reason, len(got), got, tc.want, tc.budget)
			}
			back, err := termination.Parse(got)
			if diff := cmp.Diff(tc.entries, back); err != nil || diff != "" {
				t.Errorf("%s\nread again: %v, -want +got:\n%s", tc.reason, err, diff)
			}
		})
	}
}

// An error over the budget names the result that takes the most room, whatever else is in the list.
func TestEncodeNamesLargest(t *testing.T) {
	_, err := termination.Encode([]termination.Entry{
		{Key: "Message", Value: noise(900), Type: termination.TypeInternal},
		{Key: "small", Value: noise(10), Type: termination.TypeResult},
		{Key: "z-large", Value: noise(500), Type: termination.TypeResult},
		{Key: "large", Value: noise(500), Type: termination.TypeResult},
	}, 512)
	var over *termination.OverBudgetError
	if !errors.As(err, &over) || over.Result != "large" {
		t.Errorf("got %v, want an error that names result %q", err, "large")
	}
}

// compressed returns any text in the compressed form.
func compressed(text string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return "tknz:" + base64.RawStdEncoding.EncodeToString(b.Bytes())
}

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason  string
		message string
		want    []termination.Entry
		wrong   bool
	}{
		"Plain": {
			reason:  "The plain form.",
			message: `[{"key":"a","value":"v","type":1}]`,
			want:    []termination.Entry{{Key: "a", Value: "v", Type: 1}},
		},
		"Compressed": {
			reason:  "The compressed form.",
			message: compressed(`[{"key":"a","value":"v","type":1}]`),
			want:    []termination.Entry{{Key: "a", Value: "v", Type: 1}},
		},
		"Unknown": {
			reason:  "Other types are for others.",
			message: `[{"key":"a","value":"v","type":77,"more":{}}]`,
			want:    []termination.Entry{{Key: "a", Value: "v", Type: 77}},
		},
		"Empty": {
			reason: "No message is no list.",
			wrong:  true,
		},
		"Text": {
			reason:  "A message that a program wrote itself is no list.",
			message: "out of memory",
			wrong:   true,
		},
		"Cut": {
			reason:  "A list that the kubelet cut is refused whole.",
			message: `[{"key":"a","value":"v","type":1},{"ke`,
			wrong:   true,
		},
		"CutDeflate": {
			reason:  "A compressed list that was cut is refused whole.",
			message: compressed(`[{"key":"a","value":"v","type":1}]`)[:30],
			wrong:   true,
		},
		"NotBase64": {
			reason:  "The compressed form is base64.",
			message: "tknz:%%%",
			wrong:   true,
		},
		"NotDeflate": {
			reason:  "The compressed form is raw deflate.",
			message: "tknz://///w",
			wrong:   true,
		},
		"Bomb": {
			reason:  "What decompresses to too much is refused.",
			message: compressed("[" + strings.Repeat(" ", 50<<20) + "]"),
			wrong:   true,
		},
		"Null": {
			reason:  "Null is no list.",
			message: "null",
			wrong:   true,
		},
		"TwoLists": {
			reason:  "A message is one list.",
			message: "[][]",
			wrong:   true,
		},
		"NoEntry": {
			reason:  "A list has entries.",
			message: "[1]",
			wrong:   true,
		},
		"ManyEntries": {
			reason:  "What has more entries than any step could mean is refused.",
			message: compressed("[" + strings.Repeat(`{},`, termination.MaxEntries) + "{}]"),
			wrong:   true,
		},
		"PlainTooLong": {
			reason:  "What is too long is refused.",
			message: "[" + strings.Repeat(" ", termination.MaxParsed) + "]",
			wrong:   true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := termination.Parse([]byte(tc.message))
			if errors.Is(err, termination.ErrMalformed) != tc.wrong {
				t.Fatalf("%s\ngot error %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// A hostile message costs little more memory than what it decompresses to.
func TestParseIsBounded(t *testing.T) {
	const most = 12 << 20
	for name, message := range map[string]string{
		"Entries": compressed("[" + strings.Repeat(`{},`, termination.MaxParsed/4) + "{}]"),
		"Spaces":  compressed("[" + strings.Repeat(" ", 50<<20) + "]"),
		"Value":   compressed(`[{"key":"a","type":1,"value":"` + strings.Repeat("v", termination.MaxParsed-100) + `"}]`),
		"Depth":   compressed(strings.Repeat("[", termination.MaxParsed-1)),
		"Keys":    compressed(`[{` + strings.Repeat(`"a":1,`, termination.MaxParsed/7) + `"b":1}]`),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = termination.ParseMessage([]byte(message)) // what comes out is looked at elsewhere
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > most {
				t.Errorf("a message of %d bytes made %d bytes be allocated, at most %d are expected", len(message), n, most)
			}
		})
	}
}

// Results that fit are read as they were written; others are reported.
func TestEncodeParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(rapid.Custom(func(t *rapid.T) termination.Entry {
			return termination.Entry{
				Key: rapid.String().Draw(t, "key"), Value: rapid.String().Draw(t, "value"), Type: rapid.IntRange(0, 9).Draw(t, "type"),
			}
		})).Draw(t, "entries")
		budget := rapid.IntRange(0, 2000).Draw(t, "budget")
		b, err := termination.Encode(entries, budget)
		if over, ok := errors.AsType[*termination.OverBudgetError](err); ok {
			if over.Size <= budget {
				t.Fatalf("%d bytes are over the budget of %d", over.Size, budget)
			}
			return
		}
		if err != nil || len(b) > budget {
			t.Fatalf("%d bytes in a budget of %d: %v", len(b), budget, err)
		}
		got, err := termination.Parse(b)
		if err != nil || len(got) != len(entries) || len(got) > 0 && !cmp.Equal(entries, got) {
			t.Fatalf("read again: %v, -want +got:\n%s", err, cmp.Diff(entries, got))
		}
	})
}

// FuzzParse reads anything; what is a list can be written and read again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "[]", "null", `[{"key":"a","value":"v","type":1}]`, compressed(`[{"key":"ExitCode","value":"1","type":3}]`),
		"tknz:", `[{"key":"Problem","value":"{}","type":3},{"key":"StartedAt","value":"x","type":3}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		entries, err := termination.Parse(message)
		if err != nil {
			if !errors.Is(err, termination.ErrMalformed) {
				t.Fatalf("error %v is of no known kind", err)
			}
			return
		}
		b, err := termination.Encode(entries, 8*termination.MaxParsed)
		if err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		again, err := termination.Parse(b)
		if len(b) <= termination.MaxParsed && (err != nil || !cmp.Equal(entries, again)) {
			t.Fatalf("read again: %v, -want +got:\n%s", err, cmp.Diff(entries, again))
		}
		if _, err := termination.ParseMessage(message); err != nil && !errors.Is(err, termination.ErrMalformed) {
			t.Fatalf("error %v is of no known kind", err)
		}
	})
}
