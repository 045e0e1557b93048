package frame_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// What the Writer refuses stays refused: a stream that lacks a record does not get an end.
func TestWriterRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		write  func(*frame.Writer) error
	}{
		"Step": {reason: "What is no step is not written.", write: func(w *frame.Writer) error { return w.Step(frame.Step{}) }},
		"ResultName": {reason: "Names are checked.", write: func(w *frame.Writer) error {
			return w.Result(frame.Result{Name: "a/b", Type: "string"})
		}},
		"ResultType": {reason: "Types are checked.", write: func(w *frame.Writer) error { return w.Result(frame.Result{Name: "a"}) }},
		"ProblemName": {reason: "Names are checked.", write: func(w *frame.Writer) error {
			return w.Problem(frame.Problem{Kind: frame.TooLarge})
		}},
		"ProblemKind": {reason: "A problem has a kind.", write: func(w *frame.Writer) error {
			return w.Problem(frame.Problem{Result: "a"})
		}},
		"ProblemWord": {reason: "A kind is a word.", write: func(w *frame.Writer) error {
			return w.Problem(frame.Problem{Result: "a", Kind: "too large"})
		}},
		"ProblemSize": {reason: "A size is not negative.", write: func(w *frame.Writer) error {
			return w.Problem(frame.Problem{Result: "a", Kind: frame.TooLarge, Size: -1})
		}},
		"AfterEnd": {reason: "Nothing follows the end.", write: func(w *frame.Writer) error {
			return errors.Join(w.End(false), w.Result(frame.Result{Name: "a", Type: "string"}))
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w := frame.NewWriter(&b, "n")
			if err := tc.write(w); err == nil {
				t.Fatalf("%s\nit was written", tc.reason)
			}
			n := b.Len()
			err := errors.Join(w.Step(frame.Step{Name: "a", Reason: frame.ReasonCompleted}), w.End(false))
			if err == nil || b.Len() != n {
				t.Errorf("%s\nafterwards %d bytes were written, and the error is %v", tc.reason, b.Len()-n, err)
			}
		})
	}
}

// What can be a step is the same for who writes, who reads, and who finds a record that a step may have forged.
func TestValidStep(t *testing.T) {
	ok := frame.Step{Name: "step-a", Reason: frame.ReasonCompleted}
	with := func(change func(*frame.Step)) frame.Step { s := ok; change(&s); return s }
	late := time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("west", -3600))
	cases := map[string]struct {
		reason string
		step   frame.Step
		valid  bool
	}{
		"Least": {
			reason: "A name and a reason are enough.",
			step:   ok,
			valid:  true,
		},
		"LongestName": {
			reason: "A name can have 255 bytes.",
			step:   with(func(s *frame.Step) { s.Name = strings.Repeat("n", 255) }),
			valid:  true,
		},
		"LastingWord": {
			reason: "A reason of tomorrow is a reason.",
			step:   with(func(s *frame.Step) { s.Reason = "Breakpoint7" }),
			valid:  true,
		},
		"NoName": {
			reason: "A step is told by its name.",
			step:   with(func(s *frame.Step) { s.Name = "" }),
		},
		"LongName": {
			reason: "A record fits its line.",
			step:   with(func(s *frame.Step) { s.Name = strings.Repeat("n", 256) }),
		},
		"OddName": {
			reason: "No container has such a name.",
			step:   with(func(s *frame.Step) { s.Name = "step a\n" }),
		},
		"NoReason": {
			reason: "A step ends for a reason.",
			step:   with(func(s *frame.Step) { s.Reason = "" }),
		},
		"LongReason": {
			reason: "A record fits its line.",
			step:   with(func(s *frame.Step) { s.Reason = frame.Reason(strings.Repeat("R", 65)) }),
		},
		"Sentence": {
			reason: "A reason is a word.",
			step:   with(func(s *frame.Step) { s.Reason = "out of memory" }),
		},
		"Contradiction": {
			reason: "What failed has not completed.",
			step:   with(func(s *frame.Step) { s.ExitCode = 3 }),
		},
		"Failed": {
			reason: "What failed has another reason.",
			step:   frame.Step{Name: "a", ExitCode: 3, Reason: frame.ReasonError},
			valid:  true,
		},
		"HugeCode": {
			reason: "An exit code has 32 bits.",
			step:   frame.Step{Name: "a", ExitCode: 1 << 40, Reason: frame.ReasonError},
		},
		"Started": {
			reason: "RFC 3339 has no such year, once it is told in UTC.",
			step:   with(func(s *frame.Step) { s.StartedAt = late }),
		},
		"Finished": {
			reason: "RFC 3339 has no such year, once it is told in UTC.",
			step:   with(func(s *frame.Step) { s.FinishedAt = late }),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := frame.ValidStep(tc.step)
			if (err == nil) != tc.valid {
				t.Fatalf("%s\ngot error %v", tc.reason, err)
			}
			var b bytes.Buffer
			w := frame.NewWriter(&b, "n")
			if err := w.Step(tc.step); (err == nil) != tc.valid {
				t.Errorf("%s\nthe writer says %v", tc.reason, err)
			}
		})
	}
}

func TestWriterRefusesNonce(t *testing.T) {
	for _, nonce := range []string{"", "a b", "ä", strings.Repeat("n", 65)} {
		if err := frame.NewWriter(io.Discard, nonce).Flush(); err == nil {
			t.Errorf("nonce %q is taken", nonce)
		}
	}
}

// failing takes a number of bytes and then fails.
type failing struct {
	left int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return 0, f.err
	}
	f.left -= len(p)
	return len(p), nil
}

func TestWriterKeepsError(t *testing.T) {
	full := errors.New("no space left")
	for _, room := range []int{0, 100, 30000} {
		w := frame.NewWriter(&failing{left: room, err: full}, "n")
		_ = w.Step(frame.Step{Name: "a", Reason: frame.ReasonCompleted})
		_ = w.Result(frame.Result{Name: "r", Type: "string", Value: noise(100000)})
		if err := w.End(false); !errors.Is(err, full) {
			t.Errorf("with room for %d bytes: got error %v, want %v", room, err, full)
		}
	}
}

// A follower sees a step when it ends, not when the buffer is full.
func TestStepIsWrittenAtOnce(t *testing.T) {
	var b bytes.Buffer
	w := frame.NewWriter(&b, "n")
	if err := w.Step(frame.Step{Name: "a", Reason: frame.ReasonCompleted}); err != nil {
		t.Fatal(err)
	}
	r := frame.NewReader(&b, "n", frame.Limits{})
	for _, want := range []string{"intro", "step"} {
		rec, err := r.Next()
		if err != nil || !strings.HasPrefix(describe(rec), want) {
			t.Errorf("got %v and error %v, want %s", rec, err, want)
		}
	}
}

// Texts of any length and content fit their lines, and all records with the largest fields do.
func TestTexts(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"Short":        {text: "out of memory", want: "out of memory"},
		"Longest":      {text: strings.Repeat("m", frame.MaxText), want: strings.Repeat("m", frame.MaxText)},
		"TooLong":      {text: strings.Repeat("m", frame.MaxText+1), want: strings.Repeat("m", frame.MaxText)},
		"CutCharacter": {text: strings.Repeat("m", frame.MaxText-1) + "ü", want: strings.Repeat("m", frame.MaxText-1)},
		"Escapes":      {text: strings.Repeat("\x01", 2*frame.MaxText), want: strings.Repeat("\x01", frame.MaxText)},
		"Markup":       {text: strings.Repeat("<", 2*frame.MaxText), want: strings.Repeat("<", frame.MaxText)},
		"NotUTF8":      {text: "a\xff\xfeb", want: "a?b"},
		"Continuation": {text: strings.Repeat("\x80", 2*frame.MaxText), want: "?"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := frame.Step{Name: strings.Repeat("n", results.MaxNameLength), Reason: frame.ReasonError, Message: tc.want}
			p := frame.Problem{Result: strings.Repeat("n", results.MaxNameLength), Kind: frame.Unreadable, Detail: tc.want}
			stream := written(t, strings.Repeat("n", 64), func(w *frame.Writer) error {
				s, p := want, p
				s.Message, p.Detail = tc.text, tc.text
				return errors.Join(w.Step(s), w.Problem(p), w.End(false))
			})
			got, err := collect(stream, strings.Repeat("n", 64), frame.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]frame.Record{want, p}, got[1:3]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !utf8.ValidString(got[1].(frame.Step).Message) {
				t.Error("the message is not UTF-8")
			}
		})
	}
}

// Times keep their nanoseconds, and are in UTC.
func TestStepTimes(t *testing.T) {
	zone := time.FixedZone("east", 3*3600)
	start := time.Date(2026, 1, 2, 3, 4, 5, 678912345, zone)
	want := frame.Step{Name: "a", StartedAt: start.UTC(), FinishedAt: start.Add(time.Nanosecond).UTC(), Reason: frame.ReasonCompleted}
	stream := written(t, "n", func(w *frame.Writer) error {
		return w.Step(frame.Step{Name: "a", StartedAt: start, FinishedAt: start.Add(time.Nanosecond), Reason: frame.ReasonCompleted})
	})
	if !bytes.Contains(stream, []byte(`"startedAt":"2026-01-02T00:04:05.678912345Z"`)) {
		t.Errorf("the start is not told in UTC with nanoseconds:\n%s", stream)
	}
	got, _ := collect(stream, "n", frame.Limits{})
	if diff := cmp.Diff([]frame.Record{frame.Intro{Version: 1}, want}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A value is compressed when that is smaller, and only then; a log is kept for long, and rotated when it is large.
func TestCompression(t *testing.T) {
	mixed := append(noise(3000), make([]byte, 3000)...)
	cases := map[string]struct {
		reason   string
		value    []byte
		encoding string
		most     int // bytes of the whole stream
	}{
		"Text": {
			reason:   "Text takes a part of its length.",
			value:    inventory(100000),
			encoding: "deflate",
			most:     40000,
		},
		"Zeros": {
			reason:   "Nothing takes nearly nothing.",
			value:    make([]byte, results.ObjectLimit),
			encoding: "deflate",
			most:     15000,
		},
		"Half": {
			reason:   "It pays when a part compresses.",
			value:    mixed,
			encoding: "deflate",
			most:     5000,
		},
		"Noise": {
			reason:   "What does not compress takes a third more in base64, and a few percent for lines.",
			value:    noise(100000),
			encoding: "raw",
			most:     136000,
		},
		"JustNoise": {
			reason:   "A compressor makes noise larger, which nobody wants.",
			value:    noise(1024),
			encoding: "raw",
			most:     1800,
		},
		"Short": {
			reason:   "What fits one line anyway is not worth a compressor.",
			value:    make([]byte, 1023),
			encoding: "raw",
			most:     1800,
		},
		"LongEnough": {
			reason:   "From there on it is.",
			value:    make([]byte, 1024),
			encoding: "deflate",
			most:     500,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			stream := written(t, "n", func(w *frame.Writer) error {
				return errors.Join(w.Result(frame.Result{Name: "r", Type: "string", Value: tc.value}), w.End(false))
			})
			if !bytes.Contains(stream, []byte(`"encoding":"`+tc.encoding+`"`)) {
				t.Errorf("%s\nthe encoding is not %s", tc.reason, tc.encoding)
			}
			if len(stream) > tc.most {
				t.Errorf("%s\n%d bytes take %d, at most %d are expected", tc.reason, len(tc.value), len(stream), tc.most)
			}
		})
	}
}
