package frame_test

import (
	"bytes"
	"cmp"
	"compress/flate"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// builtVectors are the vectors that the tests can write, by the names of their files.
func builtVectors() map[string]vector {
	all := map[string]vector{}
	for _, group := range []map[string]vector{
		wholeVectors(), foreignVectors(), incompleteVectors(), orderVectors(), versionVectors(), digestVectors(),
		limitVectors(), optionalVectors(), signedVectors(), artifactsVectors(),
		malformedVectors(), objectVectors(), dataVectors(), deflateVectors(),
	} {
		for name, v := range group {
			v.nonce = cmp.Or(v.nonce, "n0nce")
			all[name] = v
		}
	}
	return all
}

func vec(expect, comment string, f *forge) vector {
	return vector{expect: expect, comment: comment, stream: f.bytes()}
}

// deflated returns value compressed.
func deflated(value []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err = errors.Join(err, second(w.Write(value)), w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

func second(_ int, err error) error { return err }

// compressed appends a compressed value whose header says what the arguments say, in one frame.
func (f *forge) compressed(data []byte, size, frames int, value []byte) *forge {
	return f.header("a", "string", "deflate", size, frames, sha256.Sum256(value)).data(data)
}

func wholeVectors() map[string]vector {
	object := []byte(`{"name":"app","digest":"sha256:0123"}`)
	control := []byte("\x00\x01\x1b[31m\t\r\n~sluice/1 n0nce 2 end {}\n\"\\\u2028<&>")
	three := newForge().add("step", step).
		header("urls", "array", "raw", 2, 1, sha256.Sum256([]byte("[]"))).data([]byte("[]")).
		header("image", "object", "raw", len(object), 1, sha256.Sum256(object)).data(object).
		result("empty", nil, 1).end(1, 3, 0, 2+len(object))
	failed := newForge().add("step", step).
		add("step",
			`{"name":"step-test","exitCode":2,"startedAt":"2026-01-02T03:04:06.6Z","finishedAt":"2026-01-02T03:04:07Z","reason":"Error"}`).
		add("step", `{"name":"step-push","exitCode":1,"finishedAt":"2026-01-02T03:04:07.1Z","reason":"Skipped"}`).end(3, 0, 0, 0)
	problems := newForge()
	for i, kind := range []frame.ProblemKind{
		frame.TooLarge, frame.TotalTooLarge, frame.NotUTF8, frame.NotRegular, frame.Unreadable, frame.Changed, frame.Missing, frame.Withheld,
		"Tomorrow",
	} {
		problems.add("problem", fmt.Sprintf(`{"result":"r%d","kind":%q,"size":5000,"limit":4096,"detail":"what was found"}`, i, kind))
	}
	sizes := newForge()
	total := 0
	for _, n := range []int{frame.FrameBytes - 1, frame.FrameBytes, frame.FrameBytes + 1} {
		sizes.result(fmt.Sprint("r", n), noise(n), frame.FrameBytes)
		total += n
	}
	forged := newForge().add("step", `{"name":"step-scan","exitCode":1,"finishedAt":"2026-01-02T03:04:07Z","reason":"Forged"}`).
		add("problem", `{"result":"digest","kind":"Withheld"}`).end(1, 0, 1, 0)
	interrupted := newForge().add("step", `{"name":"step-build","exitCode":-1,"reason":"Unfinished"}`)
	sum := sha256.Sum256(interrupted.bytes())
	interrupted.add("end", fmt.Sprintf(`{"steps":1,"results":0,"problems":0,"bytes":0,"interrupted":true,"sha256":"%x"}`, sum))
	return map[string]vector{
		"whole-nothing":     vec("whole", "A pod without steps and results has an intro and an end.", newForge().end(0, 0, 0, 0)),
		"whole-types":       vec("whole", "Results of all three types, one of them empty.", three),
		"whole-failed":      vec("whole", "A step that failed, and one that was skipped.", failed),
		"whole-problems":    vec("whole", "Each kind of problem, and one that nobody knows yet.", problems.end(0, 0, 9, 0)),
		"whole-frame-sizes": vec("whole", "Values of one byte less than a frame, a frame, and one byte more.", sizes.end(0, 3, 0, total)),
		"whole-forged":      vec("whole", "A step that wrote the record of its end itself, and a result that is not carried for it.", forged),
		"whole-interrupted": vec("whole", "A stream that was ended before its step says so.", interrupted),
		"whole-control": vec("whole", "A value may hold anything, also what looks like the stream itself.",
			newForge().result("a", control, 1000).end(0, 1, 0, len(control))),
		"whole-uneven-frames": vec("whole", "Frames may be shorter than the largest, down to one byte.",
			newForge().result("a", []byte("abcdefg"), 1).end(0, 1, 0, 7)),
		"whole-long-name": vec("whole", "A name of 255 bytes is the longest.",
			newForge().result(strings.Repeat("n", 255), []byte("x"), 1).end(0, 1, 0, 1)),
		"whole-unknown-fields": vec("whole", "Fields that a reader does not know are ignored.",
			newForge().add("step", strings.Replace(step, "{", `{"more":[1],`, 1)).end(1, 0, 0, 0)),
		"whole-unknown-reason": vec("whole", "A step may end for a reason that a reader does not know.",
			newForge().add("step", `{"name":"step-a","exitCode":0,"reason":"Tomorrow"}`).end(1, 0, 0, 0)),
		"whole-example": {
			expect:  "whole",
			nonce:   exampleNonce,
			comment: "The worked example of the specification.",
			stream:  []byte(workedExample()),
		},
		"whole-deflate": vec("whole", "A value of 30000 bytes, compressed, in frames of 1000 bytes.", compressedStream(inventory(30000))),
	}
}

func compressedStream(value []byte) *forge {
	data := deflated(value)
	f := newForge().header("a", "string", "deflate", len(value), (len(data)+999)/1000, sha256.Sum256(value))
	for part := range chunks(data, 1000) {
		f.data(part)
	}
	return f.end(0, 1, 0, len(value))
}

func foreignVectors() map[string]vector {
	lines := newForge().raw("I1122 some other program's line\n\n~\n~sluice/\n~sluice/1\n~sluice/1 n0nce\n").add("step", step).
		raw("~sluice/1 n0nc 7 end {} 00000000\n~sluice/1 n0nce2 7 end {} 00000000\n ~sluice/1 n0nce 7 end {} 00000000\n")
	other := &forge{nonce: "other"}
	other.add("intro", "{}").add("step", step).end(1, 0, 0, 0)
	future := &forge{nonce: "other"}
	long := strings.Repeat("x", 3*frame.MaxLine) + "\n"
	longOurs := strings.TrimSuffix(newForge().text("1", 1, "step", step+strings.Repeat(" ", frame.MaxLine)), "\n")
	return map[string]vector{
		"foreign-lines": vec("whole", "Lines without the mark, or with another nonce, are not the stream's.", lines.end(1, 0, 0, 0)),
		"foreign-stream": vec("whole", "The stream of another pod in between is not this stream's.",
			newForge().raw(string(other.bytes())).add("step", step).end(1, 0, 0, 0)),
		"foreign-version": vec("whole", "Another version with another nonce is nobody's business.",
			newForge().raw(future.text("2", 0, "intro", "{}")).end(0, 0, 0, 0)),
		"foreign-long-line": vec("whole", "Lines of more than 8192 bytes are not the stream's, whatever they begin with.",
			newForge().raw(long).raw(longOurs+"\n").add("step", step).end(1, 0, 0, 0)),
		"foreign-after-end": vec("whole", "Other lines may follow the end, also one that is cut.",
			newForge().end(0, 0, 0, 0).raw("bye\n~sluice/1 n0nce 2 st")),
	}
}

func incompleteVectors() map[string]vector {
	whole := newForge().add("step", step).result("a", noise(100), 50).end(1, 1, 0, 100)
	cut := func(comment string, n int) vector {
		b := whole.bytes()
		return vector{expect: "incomplete", comment: comment, stream: b[:len(b)-n]}
	}
	lines := bytes.SplitAfter(whole.bytes(), []byte("\n"))
	end := len(lines[len(lines)-2])
	return map[string]vector{
		"incomplete-empty":   {expect: "incomplete", comment: "Nothing at all."},
		"incomplete-foreign": {expect: "incomplete", comment: "Nothing but other lines.", stream: []byte("cannot start\nbye\n")},
		"incomplete-other-nonce": vec("incomplete", "Nothing but the stream of another pod.",
			(&forge{nonce: "other"}).add("intro", "{}").end(0, 0, 0, 0)),
		"incomplete-no-newline": cut("An end record without its newline may be cut, and does not count.", 1),
		"incomplete-cut-end":    cut("An end record that is cut.", 20),
		"incomplete-no-end":     cut("Everything but the end record.", end),
		"incomplete-in-value":   cut("A value that is cut.", end+30),
		"incomplete-intro":      vec("incomplete", "Nothing but the intro.", newForge()),
	}
}

func orderVectors() map[string]vector {
	lines := bytes.SplitAfter(newForge().add("step", step).result("a", noise(100), 50).end(1, 1, 0, 100).bytes(), []byte("\n"))
	order := func(expect, comment string, numbers ...int) vector {
		v := vector{expect: expect, comment: comment}
		for _, n := range numbers {
			v.stream = append(v.stream, lines[n]...)
		}
		return v
	}
	// The lines: 0 intro, 1 step, 2 result, 3 and 4 its data, 5 end.
	return map[string]vector{
		"gap-intro": order("gap", "The intro is missing.", 1, 2, 3, 4, 5),
		"gap-step":  order("gap", "A step is missing.", 0, 2, 3, 4, 5),
		"gap-data":  order("gap", "A part of a value is missing.", 0, 1, 2, 4, 5),
		"gap-swapped": order("gap",
			"The parts of a value are swapped: the later one shows that the earlier is missing.", 0, 1, 2, 4, 3,
			5),
		"gap-only-end":    order("gap", "Nothing but the end record, as after a log was rotated.", 5),
		"duplicate-step":  order("duplicate", "A step is told twice.", 0, 1, 1, 2, 3, 4, 5),
		"duplicate-data":  order("duplicate", "A part of a value comes twice.", 0, 1, 2, 3, 3, 4, 5),
		"duplicate-begin": order("duplicate", "The stream begins again before its end.", 0, 1, 0, 1, 2, 3, 4, 5),
		"trailing-end":    order("trailing", "The end record comes twice.", 0, 1, 2, 3, 4, 5, 5),
		"trailing-again":  order("trailing", "The whole stream comes twice.", 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5),
		"trailing-step":   vec("trailing", "A step after the end.", newForge().end(0, 0, 0, 0).add("step", step)),
		"trailing-damaged": vec("trailing", "A damaged line of the stream after the end.", newForge().end(0, 0, 0, 0).
			raw("~sluice/1 n0nce oops\n")),
		"trailing-version": vec("trailing", "A line of another version after the end.", newForge().end(0, 0, 0, 0).
			raw("~sluice/9 n0nce 2 x y 00000000\n")),
		"malformed-renumber": vec("malformed", "A second intro, numbered on.", newForge().add("intro", "{}").end(0, 0, 0, 0)),
		"malformed-no-intro": vec("malformed", "The first record is not the intro.", (&forge{nonce: "n0nce"}).add("step", step).end(1, 0, 0, 0)),
	}
}

func versionVectors() map[string]vector {
	f := newForge()
	return map[string]vector{
		"version-next":    vec("version", "The next version.", (&forge{nonce: "n0nce"}).raw(f.text("2", 0, "intro", "{}"))),
		"version-changes": vec("version", "The version changes in the middle.", newForge().raw(f.text("2", 1, "step", step))),
		"version-zeros":   vec("version", "A version has one spelling.", (&forge{nonce: "n0nce"}).raw(f.text("01", 0, "intro", "{}"))),
		"version-kind": vec("version", "A kind that must not be passed over, and is not known.", newForge().add("artifact", "{}").
			end(0, 0, 0, 0)),
		"version-encoding": vec("version", "An encoding that is not known.",
			newForge().header("a", "string", "zstd", 1, 1, sha256.Sum256([]byte("x"))).data([]byte("x")).end(0, 1, 0, 1)),
	}
}

func digestVectors() map[string]vector {
	damage := func(comment, from, to string) vector {
		b := newForge().add("step", step).end(1, 0, 0, 0).bytes()
		return vector{expect: "digest", comment: comment, stream: bytes.Replace(b, []byte(from), []byte(to), 1)}
	}
	return map[string]vector{
		"digest-line":     damage("A character of a record is another one.", "step-build", "step-guild"),
		"digest-number":   damage("A character of a sequence number is another one.", " 1 step ", " 2 step "),
		"digest-cut-line": damage("A line is cut, and a newline follows.", `"Completed"}`, "\n"),
		"digest-no-rest":  damage("A line has nothing but the nonce.", " 1 step ", " \n"),
		"digest-uppercase": {expect: "digest", comment: "A checksum has one spelling.",
			stream: upperChecksum(newForge().end(0, 0, 0, 0).bytes())},
		"digest-value": vec("digest", "A value is not the one whose digest the header has.",
			newForge().header("a", "string", "raw", 1, 1, sha256.Sum256([]byte("y"))).data([]byte("x")).end(0, 1, 0, 1)),
		"digest-empty-value": vec("digest", "An empty value has the digest of something.",
			newForge().header("a", "string", "raw", 0, 0, sha256.Sum256([]byte("y"))).end(0, 1, 0, 0)),
		"digest-stream": vec("digest", "The stream is not the one whose digest the end record has.",
			newForge().add("step", step).endWith(1, 0, 0, 0, strings.Repeat("0f", 32))),
	}
}

// upperChecksum writes the letters of the first line's checksum in capitals.
func upperChecksum(b []byte) []byte {
	end := bytes.IndexByte(b, '\n')
	return append(append(b[:end-8:end-8], bytes.ToUpper(b[end-8:end])...), b[end:]...)
}

func limitVectors() map[string]vector {
	stream := newForge().result("a", noise(60), 60).result("b", noise(41), 41).end(0, 2, 0, 101)
	value := vec("too-large", "The second value brings the sum over the limit.", stream)
	value.limits.MaxBytes = 100
	exact := vec("whole", "Values that reach the limit exactly.", stream)
	exact.limits.MaxBytes = 101
	huge := vec("too-large", "A header that speaks of more bytes than there are in the world.",
		newForge().header("a", "string", "deflate", 1<<62, 1<<62, [32]byte{}))
	log := vec("too-large", "Foreign lines count to the length of the log.",
		newForge().raw(strings.Repeat("noise\n", 100)).end(0, 0, 0, 0))
	log.limits.MaxLogBytes = 300
	line := vec("too-large", "A line without end counts, too.", newForge().raw(strings.Repeat("x", 20000)))
	line.limits.MaxLogBytes = 10000
	return map[string]vector{
		"too-large-sum": value, "whole-limit": exact, "too-large-header": huge, "too-large-log": log, "too-large-line": line,
	}
}
