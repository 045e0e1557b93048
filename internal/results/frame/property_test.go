package frame_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// anyStream draws a stream of a nonce, and the records that it has.
func anyStream(t *rapid.T, nonce string) (stream []byte, records []frame.Record) {
	var b bytes.Buffer
	w := frame.NewWriter(&b, nonce)
	for i := range rapid.IntRange(0, 3).Draw(t, "steps") {
		err := w.Step(frame.Step{Name: fmt.Sprint("step-", i), ExitCode: i, Reason: frame.ReasonError})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "results") {
		var err error
		if rapid.IntRange(0, 5).Draw(t, "problem") == 0 {
			err = w.Problem(frame.Problem{Result: fmt.Sprint("r", i), Kind: frame.NotRegular, Detail: "a directory"})
		} else {
			err = w.Result(frame.Result{Name: fmt.Sprint("r", i), Type: rapid.SampledFrom(types).Draw(t, "type"), Value: anyValue(t)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(rapid.Bool().Draw(t, "interrupted")); err != nil {
		t.Fatal(err)
	}
	records, err := collect(b.Bytes(), nonce, frame.Limits{})
	if err != nil {
		t.Fatalf("cannot read what was written: %v", err)
	}
	return b.Bytes(), records
}

// types are those of values: of results, and of documents of artifacts.
var types = []string{results.TypeString, results.TypeArray, results.TypeObject, results.TypeArtifacts}

// contents are what values are cut from.
var contents = map[string][]byte{"noise": noise(30000), "inventory": inventory(30000), "zeros": make([]byte, 30000)}

// anyValue draws a value: often around the length of a frame, compressible or not.
func anyValue(t *rapid.T) []byte {
	size := rapid.OneOf(
		rapid.IntRange(0, 100), rapid.IntRange(frame.FrameBytes-2, frame.FrameBytes+2), rapid.IntRange(0, 30000),
	).Draw(t, "size")
	content := rapid.SampledFrom([]string{"noise", "inventory", "zeros"}).Draw(t, "content")
	return contents[content][:size]
}

// log is what a reader gets, and what may come out of it.
type log struct {
	bytes []byte
	// wants are the records of each stream that was written under the reader's nonce. A second one of the same pod,
	// whole, is as good as the first.
	wants [][]frame.Record
}

// lines returns the log's lines, and draws the number of one.
func (l log) lines(t *rapid.T) (lines [][]byte, at int) {
	lines = bytes.SplitAfter(l.bytes, []byte("\n"))
	return lines, rapid.IntRange(0, len(lines)-1).Draw(t, "line")
}

// place draws a position between two bytes of the log.
func (l log) place(t *rapid.T, label string) int {
	return rapid.IntRange(0, len(l.bytes)).Draw(t, label)
}

// insert puts text into the log.
func (l log) insert(at int, text []byte) []byte {
	return slices.Concat(l.bytes[:at:at], text, l.bytes[at:])
}

// damages are the things that can happen to a log on its way. Each returns the log afterwards.
func damages() map[string]func(*rapid.T, log) log {
	onBytes := func(change func(*rapid.T, log) []byte) func(*rapid.T, log) log {
		return func(t *rapid.T, l log) log { l.bytes = change(t, l); return l }
	}
	onLines := func(change func(t *rapid.T, lines [][]byte, at int) [][]byte) func(*rapid.T, log) log {
		return onBytes(func(t *rapid.T, l log) []byte {
			lines, at := l.lines(t)
			return bytes.Join(change(t, lines, at), nil)
		})
	}
	other := func(t *rapid.T, lines [][]byte) int { return rapid.IntRange(0, len(lines)-1).Draw(t, "other line") }
	return map[string]func(*rapid.T, log) log{
		"end cut off":       onBytes(func(t *rapid.T, l log) []byte { return l.bytes[:l.place(t, "at")] }),
		"beginning cut off": onBytes(func(t *rapid.T, l log) []byte { return l.bytes[l.place(t, "at"):] }),
		"hole": onBytes(func(t *rapid.T, l log) []byte {
			from, to := l.place(t, "from"), l.place(t, "to")
			return slices.Concat(l.bytes[:min(from, to)], l.bytes[max(from, to):])
		}),
		"lines lost": onLines(func(t *rapid.T, lines [][]byte, at int) [][]byte {
			return slices.Delete(lines, at, min(len(lines), at+rapid.IntRange(1, 3).Draw(t, "count")))
		}),
		"line repeated": onLines(func(t *rapid.T, lines [][]byte, at int) [][]byte {
			return slices.Insert(lines, other(t, lines), lines[at])
		}),
		"lines swapped": onLines(func(t *rapid.T, lines [][]byte, at int) [][]byte {
			to := other(t, lines)
			lines[at], lines[to] = lines[to], lines[at]
			return lines
		}),
		"line moved": onLines(func(t *rapid.T, lines [][]byte, at int) [][]byte {
			moved, to := lines[at], other(t, lines)
			return slices.Insert(slices.Delete(lines, at, at+1), min(to, len(lines)-1), moved)
		}),
		"newline lost": onLines(func(_ *rapid.T, lines [][]byte, at int) [][]byte {
			lines[at] = bytes.TrimSuffix(lines[at], []byte("\n"))
			return lines
		}),
		"bits flipped": onBytes(func(t *rapid.T, l log) []byte {
			flipped := bytes.Clone(l.bytes)
			for range rapid.IntRange(1, 4).Draw(t, "count") {
				if len(flipped) > 0 {
					flipped[rapid.IntRange(0, len(flipped)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
				}
			}
			return flipped
		}),
		"foreign lines": onLines(func(t *rapid.T, lines [][]byte, at int) [][]byte {
			return slices.Insert(lines, at, foreignLine(t))
		}),
		"foreign text": onBytes(func(t *rapid.T, l log) []byte {
			return l.insert(l.place(t, "at"), bytes.TrimSuffix(foreignLine(t), []byte("\n")))
		}),
		"stream of another pod": onLines(func(t *rapid.T, lines [][]byte, at int) [][]byte {
			stream, _ := anyStream(t, "other")
			return slices.Insert(lines, at, stream)
		}),
		"stream of the same pod": func(t *rapid.T, l log) log {
			stream, records := anyStream(t, "n0nce")
			_, at := l.lines(t)
			lines := bytes.SplitAfter(l.bytes, []byte("\n"))
			l.bytes = bytes.Join(slices.Insert(lines, at, stream), nil)
			l.wants = append(slices.Clip(l.wants), records)
			return l
		},
		"begun again": func(t *rapid.T, l log) log {
			stream, records := anyStream(t, "n0nce")
			l.bytes = slices.Concat(l.bytes[:l.place(t, "at")], stream)
			l.wants = append(slices.Clip(l.wants), records)
			return l
		},
	}
}

// foreignLine draws a line that is not the stream's, often one that looks like it.
func foreignLine(t *rapid.T) []byte {
	return []byte(rapid.OneOf(
		rapid.SampledFrom([]string{
			"", "E1122 klog line", "~sluice/1 other 1 end {} 00000000", "~sluice/1 n0nce2 3 data AAAA 00000000",
			" ~sluice/1 n0nce 1 step {} 00000000", "~sluice/1", strings.Repeat("x", 10000),
		}),
		rapid.StringMatching(`[ -}]{0,40}`),
	).Draw(t, "foreign") + "\n")
}

// same says whether two lists have the same records, values byte for byte. The package cmp would take long for those.
func same(a, b []frame.Record) bool {
	return slices.EqualFunc(a, b, func(x, y frame.Record) bool {
		r, isResult := x.(frame.Result)
		q, wasResult := y.(frame.Result)
		return isResult == wasResult && describe(x) == describe(y) && bytes.Equal(r.Value, q.Value)
	})
}

// diff shows how two lists of records differ, without their values.
func diff(want, got []frame.Record) string {
	describeAll := func(records []frame.Record) (lines []string) {
		for _, rec := range records {
			lines = append(lines, describe(rec))
		}
		return lines
	}
	return cmp.Diff(describeAll(want), describeAll(got))
}

// check wants a log to be read as it was written, or refused; and what was read before the refusal to be what was
// written, too.
func (l log) check(t *rapid.T) {
	got, err := collect(l.bytes, "n0nce", frame.Limits{})
	if err == nil {
		if !slices.ContainsFunc(l.wants, func(want []frame.Record) bool { return same(want, got) }) {
			t.Fatalf("a damaged stream was read as another: -want +got:\n%s", diff(l.wants[0], got))
		}
		return
	}
	if n := len(got); len(l.wants) == 1 && (n > len(l.wants[0]) || !same(l.wants[0][:n], got)) {
		t.Fatalf("before error %v other records were read: -want +got:\n%s", err, diff(l.wants[0], got))
	}
}

func anyLog(t *rapid.T) log {
	stream, records := anyStream(t, "n0nce")
	return log{bytes: stream, wants: [][]frame.Record{records}}
}

// Whatever one thing happens to a stream, the reader gives exactly what was written or an error, never less.
func TestDamage(t *testing.T) {
	for name, damage := range damages() {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) { damage(t, anyLog(t)).check(t) }))
	}
}

// Nor do several things together make another stream.
func TestDamages(t *testing.T) {
	all := damages()
	names := slices.Sorted(maps.Keys(all))
	rapid.Check(t, func(t *rapid.T) {
		l := anyLog(t)
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 2, 4).Draw(t, "damages") {
			l = all[name](t, l)
		}
		l.check(t)
	})
}

// What is no damage is none: foreign lines and the streams of other pods are passed over, wherever they stand.
func TestForeignLinesAreNoDamage(t *testing.T) {
	all := damages()
	rapid.Check(t, func(t *rapid.T) {
		l := anyLog(t)
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			l = all[rapid.SampledFrom([]string{"foreign lines", "stream of another pod"}).Draw(t, "what")](t, l)
		}
		got, err := collect(l.bytes, "n0nce", frame.Limits{})
		if err != nil || !same(l.wants[0], got) {
			t.Fatalf("error %v, -want +got:\n%s", err, diff(l.wants[0], got))
		}
	})
}
