package frame_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// FuzzReader reads anything. What is read obeys the limits, and what is whole can be written again and read as the same.
func FuzzReader(f *testing.F) {
	for _, stream := range vectorStreams(f) {
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, log []byte) { checkAnything(t, log) })
}

// FuzzRecords reads records of any content whose checksums, numbers and digest are right, which chance would not find.
// Each line of the input is a kind, a space and a payload.
func FuzzRecords(f *testing.F) {
	for _, stream := range vectorStreams(f) {
		var records [][]byte
		for line := range bytes.Lines(stream) {
			fields := bytes.SplitN(line, []byte(" "), 4)
			if len(fields) < 4 || len(fields[3]) <= checksumBytes {
				continue
			}
			record := fields[3][:len(fields[3])-checksumBytes]
			if kind, _, _ := bytes.Cut(record, []byte(" ")); string(kind) != "intro" && string(kind) != "end" {
				records = append(records, record)
			}
		}
		f.Add(bytes.Join(records, []byte("\n")), 1, 1, 0, 100)
	}
	f.Fuzz(func(t *testing.T, records []byte, steps, results, problems, size int) {
		f := newForge()
		for record := range bytes.SplitSeq(records, []byte("\n")) {
			kind, payload, _ := bytes.Cut(record, []byte(" "))
			f.add(string(kind), string(payload))
		}
		checkAnything(t, f.end(steps, results, problems, size).bytes())
	})
}

// vectorStreams returns the streams of all vectors, to begin with.
func vectorStreams(f *testing.F) [][]byte {
	f.Helper()
	files, err := filepath.Glob(filepath.Join(vectorsDir, "*.txt"))
	if err != nil || len(files) == 0 {
		f.Fatalf("there are no vectors to begin with: %v", err)
	}
	var streams [][]byte
	for _, path := range files {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		v, err := parseVector(file)
		if err != nil {
			f.Fatal(err)
		}
		streams = append(streams, v.stream)
	}
	return streams
}

// checkAnything reads a log of which nothing is known.
func checkAnything(t *testing.T, log []byte) {
	t.Helper()
	limits := frame.Limits{MaxBytes: 50000, MaxLogBytes: 200000}
	records, err := collect(log, "n0nce", limits)
	total := int64(0)
	for _, rec := range records {
		if r, ok := rec.(frame.Result); ok {
			total += int64(len(r.Value))
		}
	}
	if total > limits.MaxBytes {
		t.Fatalf("%d bytes were read, at most %d are allowed", total, limits.MaxBytes)
	}
	if err != nil {
		return
	}
	if _, ok := records[len(records)-1].(frame.End); !ok {
		t.Fatal("a stream without an end was read as whole")
	}
	checkRewrite(t, records)
}

// checkRewrite writes what was read and reads it again.
func checkRewrite(t *testing.T, records []frame.Record) {
	t.Helper()
	var b bytes.Buffer
	w := frame.NewWriter(&b, "again")
	for _, rec := range records {
		var err error
		switch r := rec.(type) {
		case frame.Step:
			err = w.Step(r)
		case frame.Result:
			err = w.Result(r)
		case frame.Problem:
			err = w.Problem(r)
		case frame.End:
			err = w.End(r.Interrupted)
		}
		if err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
	}
	again, err := collect(b.Bytes(), "again", frame.Limits{})
	if err != nil {
		t.Fatalf("cannot read what was written: %v", err)
	}
	if len(again) != len(records) {
		t.Fatalf("%d records became %d", len(records), len(again))
	}
	for i, rec := range records {
		want, wantOK := rec.(frame.Result)
		got, gotOK := again[i].(frame.Result)
		if diff := cmp.Diff(want, got); wantOK != gotOK || diff != "" {
			t.Fatalf("record %d: -want +got:\n%s", i, diff)
		}
	}
}

// FuzzWriter writes one record of each kind with any content: it is read as it was given, or it is refused.
func FuzzWriter(f *testing.F) {
	f.Add("a", "string", []byte("value"), "n0nce", "what happened", int32(1))
	f.Add("a.b-c_d", "array", inventory(7000), "A-z_0", "", int32(-1))
	f.Add("step-a.artifacts", "artifacts", []byte(`{"outputs":[]}`), "n0nce", "", int32(0))
	f.Add("..", "object", noise(6001), "", "\xff<>&\u2028", int32(137))
	f.Fuzz(func(t *testing.T, name, typ string, value []byte, nonce, text string, code int32) {
		var b bytes.Buffer
		w := frame.NewWriter(&b, nonce)
		err := errors.Join(
			w.Step(frame.Step{Name: name, ExitCode: int(code), Reason: frame.Reason(typ), Message: text}),
			w.Result(frame.Result{Name: name, Type: typ, Value: value}),
			w.Problem(frame.Problem{Result: name, Kind: frame.ProblemKind(typ), Size: int64(code), Detail: text}),
			w.End(code < 0),
		)
		got, readErr := collect(b.Bytes(), nonce, frame.Limits{})
		if err != nil {
			if readErr == nil {
				t.Fatalf("a stream that the writer gave up (%v) was read as whole", err)
			}
			return
		}
		if readErr != nil {
			t.Fatalf("cannot read what was written: %v", readErr)
		}
		r := got[2].(frame.Result)
		if r.Name != name || r.Type != typ || !bytes.Equal(r.Value, value) {
			t.Fatalf("result %q of type %q was read as %q of type %q", name, typ, r.Name, r.Type)
		}
		if s := got[1].(frame.Step); s.Name != name || s.ExitCode != int(code) {
			t.Fatalf("step %q with exit code %d was read as %q with %d", name, code, s.Name, s.ExitCode)
		}
		for line := range bytes.Lines(b.Bytes()) {
			if len(line) > frame.MaxLine {
				t.Fatalf("a line has %d bytes", len(line))
			}
		}
		if len(value) > results.ObjectLimit {
			t.Fatal("a value beyond the limit was read")
		}
		if _, err := collect(b.Bytes()[:b.Len()-1], nonce, frame.Limits{}); !errors.Is(err, frame.ErrIncomplete) {
			t.Fatalf("without its last byte: got error %v, want %v", err, frame.ErrIncomplete)
		}
	})
}
