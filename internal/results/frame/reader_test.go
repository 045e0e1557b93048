package frame_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// pieces is a log that comes in pieces, and fails the test when more is asked for than was allowed.
type pieces struct {
	t       *testing.T
	left    []string
	allowed int
}

func (p *pieces) Read(b []byte) (int, error) {
	p.t.Helper()
	if p.allowed == 0 {
		p.t.Fatal("the reader waits for more than the record needs")
	}
	p.allowed--
	n := copy(b, p.left[0])
	if n < len(p.left[0]) {
		p.t.Fatalf("the reader has only %d bytes of room", len(b))
	}
	p.left = p.left[1:]
	return n, nil
}

// A follower gets each record with the piece of the log that completes it.
func TestNextDoesNotWait(t *testing.T) {
	stream := string(newForge().add("step", step).result("a", []byte("abcdef"), 3).result("b", nil, 1).end(1, 2, 0, 6).bytes())
	lines := strings.SplitAfter(stream, "\n")
	value := lines[2] + lines[3] + lines[4]
	log := &pieces{t: t, left: []string{
		"foreign\n" + lines[0], // intro
		lines[1][:10],          // a part of the step
		lines[1][10:] + value[:100],
		value[100:] + lines[5] + lines[6], // the rest of one result, all of the next one, the end
	}}
	r := frame.NewReader(log, "n0nce", frame.Limits{})
	for _, want := range []struct {
		reads  int
		record string
	}{
		{reads: 1, record: "intro"}, {reads: 2, record: "step"}, {reads: 1, record: "result a"}, {record: "result b"}, {record: "end"},
	} {
		log.allowed = want.reads
		rec, err := r.Next()
		if err != nil {
			t.Fatalf("cannot read %s: %v", want.record, err)
		}
		if got := describe(rec); !strings.HasPrefix(got, want.record+" ") {
			t.Fatalf("got %q, want %q", got, want.record)
		}
		if log.allowed != 0 {
			t.Errorf("%s came without reading %d pieces of the log", want.record, log.allowed)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: got error %v, want %v", err, io.EOF)
	}
}

// Whichever way the log is cut into reads, the records are the same.
func TestReadsOfAnySize(t *testing.T) {
	stream := newForge().raw("x\n").add("step", step).result("a", noise(20000), frame.FrameBytes).end(1, 1, 0, 20000).bytes()
	want, err := collect(stream, "n0nce", frame.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"OneByte": iotest.OneByteReader, "Half": iotest.HalfReader, "DataWithEOF": iotest.DataErrReader,
	} {
		t.Run(name, func(t *testing.T) {
			r := frame.NewReader(wrap(bytes.NewReader(stream)), "n0nce", frame.Limits{})
			var got []frame.Record
			for {
				rec, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, rec)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A failure of the log below is an incomplete stream, and still says what failed.
func TestTransportError(t *testing.T) {
	broken := errors.New("connection reset")
	stream := newForge().add("step", step).bytes()
	r := frame.NewReader(io.MultiReader(bytes.NewReader(stream), iotest.ErrReader(broken)), "n0nce", frame.Limits{})
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		_, err := r.Next()
		if !errors.Is(err, frame.ErrIncomplete) || !errors.Is(err, broken) {
			t.Errorf("got error %v, want %v because of %v, each time", err, frame.ErrIncomplete, broken)
		}
	}
	if err := r.Rest(); !errors.Is(err, frame.ErrIncomplete) {
		t.Errorf("Rest before the end: got error %v, want %v", err, frame.ErrIncomplete)
	}
}

func TestRestAfterTransportError(t *testing.T) {
	stream := newForge().end(0, 0, 0, 0).bytes()
	r := frame.NewReader(io.MultiReader(bytes.NewReader(stream), iotest.ErrReader(errors.New("reset"))), "n0nce", frame.Limits{})
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Rest(); err != nil {
		t.Errorf("the stream was whole when the log broke, and Rest says: %v", err)
	}
}

func TestReaderRefusesNonce(t *testing.T) {
	for _, nonce := range []string{"", "a b", "a\n", strings.Repeat("n", 65)} {
		if _, err := frame.NewReader(strings.NewReader(""), nonce, frame.Limits{}).Next(); err == nil {
			t.Errorf("nonce %q is taken", nonce)
		}
	}
}

// endless gives the same text again and again.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		c := copy(b[n:], e.text[e.at:])
		n += c
		e.at = (e.at + c) % len(e.text)
	}
	return n, nil
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A log without end costs a bounded amount of memory and of reading, whatever is in it.
func TestEndlessLogs(t *testing.T) {
	const most = 512 << 10
	f := newForge()
	start := string(f.bytes())
	header := string((&forge{nonce: "n0nce", seq: 1}).header("a", "string", "raw", 100000, 17, [32]byte{}).bytes())
	for name, tc := range map[string]struct{ start, text string }{
		"OneLine":      {text: "x"},
		"EmptyLines":   {text: "\n"},
		"LongLines":    {text: strings.Repeat("y", 100000) + "\n"},
		"MarkedLine":   {start: start, text: "~sluice/1 n0nce 1 step "},
		"ForeignLines": {start: start, text: "~sluice/1 other 0 intro {} d84f1f6c\n"},
		"InValue":      {start: start + header, text: "not the value\n"},
	} {
		t.Run(name, func(t *testing.T) {
			log := io.MultiReader(strings.NewReader(tc.start), &endless{text: tc.text})
			var err error
			n := allocated(func() {
				r := frame.NewReader(log, "n0nce", frame.Limits{MaxLogBytes: 16 << 20})
				for err == nil {
					_, err = r.Next()
				}
			})
			if !errors.Is(err, frame.ErrTooLarge) {
				t.Errorf("got error %v, want %v", err, frame.ErrTooLarge)
			}
			if n > most {
				t.Errorf("%d bytes were allocated, at most %d are expected", n, most)
			}
		})
	}
}

// The largest sets are read with little more memory than their values take.
func TestReaderAllocation(t *testing.T) {
	const most = 4 << 20
	for name, set := range sets() {
		t.Run(name, func(t *testing.T) {
			var stream bytes.Buffer
			if err := write(&stream, set); err != nil {
				t.Fatal(err)
			}
			got := 0
			n := allocated(func() {
				r := frame.NewReader(&stream, "benchmark", frame.Limits{})
				for {
					rec, err := r.Next()
					if errors.Is(err, io.EOF) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					if v, ok := rec.(frame.Result); ok {
						got += len(v.Value)
					}
				}
			})
			if got != results.ObjectLimit {
				t.Errorf("%d bytes of values came, want %d", got, results.ObjectLimit)
			}
			if n > most {
				t.Errorf("%d bytes were allocated, at most %d are expected", n, most)
			}
		})
	}
}
