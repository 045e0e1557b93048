package frame_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

var update = flag.Bool("update", false, "write golden files anew")

// vectorsDir holds one file per stream, each with a header that says what every reader must make of it.
const vectorsDir = "../../../test/vectors"

// outcomes are the words of a vector's "expect" line.
var outcomes = map[string]error{
	"whole":      nil,
	"incomplete": frame.ErrIncomplete,
	"gap":        frame.ErrGap,
	"duplicate":  frame.ErrDuplicate,
	"trailing":   frame.ErrTrailing,
	"version":    frame.ErrVersion,
	"digest":     frame.ErrDigest,
	"too-large":  frame.ErrTooLarge,
	"malformed":  frame.ErrMalformed,
}

// vector is a stream and what is to come out of it.
type vector struct {
	comment string
	nonce   string
	limits  frame.Limits
	expect  string
	foreign int64
	records []string
	stream  []byte
}

// parseVector takes a file apart: lines of "key: value", an empty line, the stream.
func parseVector(file []byte) (vector, error) {
	v := vector{}
	header, stream, ok := bytes.Cut(file, []byte("\n\n"))
	if !ok {
		return v, errors.New("there is no empty line between header and stream")
	}
	v.stream = stream
	for line := range strings.SplitSeq(string(header), "\n") {
		key, value, ok := strings.Cut(line, ": ")
		var err error
		switch key {
		case "comment":
			v.comment = value
		case "nonce":
			v.nonce = value
		case "expect":
			v.expect = value
		case "record":
			v.records = append(v.records, value)
		case "foreign":
			v.foreign, err = strconv.ParseInt(value, 10, 64)
		case "max-bytes":
			v.limits.MaxBytes, err = strconv.ParseInt(value, 10, 64)
		case "signatures":
			v.limits.Signatures, err = strconv.ParseBool(value)
		case "max-log-bytes":
			v.limits.MaxLogBytes, err = strconv.ParseInt(value, 10, 64)
		default:
			ok = false
		}
		if !ok || err != nil {
			return v, fmt.Errorf("header line %q is wrong: %w", line, err)
		}
	}
	if _, ok := outcomes[v.expect]; !ok {
		return v, fmt.Errorf("unknown outcome %q", v.expect)
	}
	return v, nil
}

// format is the opposite of parseVector.
func (v vector) format() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "comment: %s\nnonce: %s\n", v.comment, v.nonce)
	if v.limits.MaxBytes != 0 {
		fmt.Fprintf(&b, "max-bytes: %d\n", v.limits.MaxBytes)
	}
	if v.limits.MaxLogBytes != 0 {
		fmt.Fprintf(&b, "max-log-bytes: %d\n", v.limits.MaxLogBytes)
	}
	if v.limits.Signatures {
		fmt.Fprintf(&b, "signatures: true\n")
	}
	for _, r := range v.records {
		fmt.Fprintf(&b, "record: %s\n", r)
	}
	fmt.Fprintf(&b, "foreign: %d\nexpect: %s\n\n%s", v.foreign, v.expect, v.stream)
	return b.Bytes()
}

// describe is a record in a vector's header.
func describe(rec frame.Record) string {
	switch r := rec.(type) {
	case frame.Intro:
		return fmt.Sprint("intro ", r.Version)
	case frame.Step:
		return fmt.Sprintf("step %s %d %s %s %s %q", r.Name, r.ExitCode, r.Reason,
			r.StartedAt.Format(time.RFC3339Nano), r.FinishedAt.Format(time.RFC3339Nano), r.Message)
	case frame.Result:
		if r.Type == results.TypeArtifacts {
			return fmt.Sprintf("artifacts %s %d %x", r.Name, len(r.Value), r.SHA256)
		}
		return fmt.Sprintf("result %s %s %d %x", r.Name, r.Type, len(r.Value), r.SHA256)
	case frame.Problem:
		return fmt.Sprintf("problem %s %s %d %d %q", r.Result, r.Kind, r.Size, r.Limit, r.Detail)
	case frame.Certificate:
		return fmt.Sprintf("certificate %d %x", len(r.DER), sha256.Sum256(r.DER))
	case frame.Signature:
		return fmt.Sprintf("signature %s %d %x", r.Step, len(r.Document), sha256.Sum256(r.Document))
	case frame.End:
		text := fmt.Sprintf("end %d %d %d %d %t", r.Steps, r.Results, r.Problems, r.Bytes, r.Interrupted)
		if r.Artifacts > 0 {
			text += fmt.Sprint(" ", r.Artifacts)
		}
		return text
	}
	return fmt.Sprintf("unknown %T", rec)
}

// run reads the vector's stream as a caller does, and returns what came out.
func (v vector) run() (records []string, foreign int64, err error) {
	r := frame.NewReader(bytes.NewReader(v.stream), v.nonce, v.limits)
	for {
		rec, nextErr := r.Next()
		if nextErr != nil {
			err = nextErr
			break
		}
		records = append(records, describe(rec))
		if _, ok := rec.(frame.End); ok {
			err = r.Rest()
			break
		}
	}
	return records, r.Foreign(), err
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	files, err := filepath.Glob(filepath.Join(vectorsDir, "*.txt"))
	if err != nil || len(files) < len(builtVectors()) {
		t.Fatalf("there are %d vectors, at least %d are expected: %v", len(files), len(builtVectors()), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			v, err := parseVector(file)
			if err != nil {
				t.Fatal(err)
			}
			records, foreign, err := v.run()
			checkOutcome(t, v, err)
			if diff := cmp.Diff(v.records, records); diff != "" {
				t.Errorf("%s\nrecords: -want +got:\n%s", v.comment, diff)
			}
			if foreign != v.foreign {
				t.Errorf("%s\n%d foreign lines, want %d", v.comment, foreign, v.foreign)
			}
		})
	}
}

// checkOutcome wants exactly the expected error, and none of the others.
func checkOutcome(t *testing.T, v vector, err error) {
	t.Helper()
	if (err == nil) != (outcomes[v.expect] == nil) {
		t.Errorf("%s\ngot error %v, want %s", v.comment, err, v.expect)
	}
	for word, class := range outcomes {
		if class != nil && errors.Is(err, class) != (word == v.expect) {
			t.Errorf("%s\ngot error %v, want %s", v.comment, err, v.expect)
		}
	}
}

// Each error has a vector, and each vector that the tests build is in a file.
func TestVectorsAreComplete(t *testing.T) {
	var seen []string
	for name, v := range builtVectors() {
		seen = append(seen, v.expect)
		if _, err := os.Stat(filepath.Join(vectorsDir, name+".txt")); err != nil {
			t.Errorf("vector %q has no file; run the test with -update: %v", name, err)
		}
	}
	for word := range outcomes {
		if !slices.Contains(seen, word) {
			t.Errorf("no vector expects %q", word)
		}
	}
}

// writeVectors writes the built vectors. The outcome is their author's, and one that has another is an error; the
// records before it are the reader's, for the author to look at in the difference.
func writeVectors(t *testing.T) {
	t.Helper()
	for name, v := range builtVectors() {
		var err error
		v.records, v.foreign, err = v.run()
		checkOutcome(t, v, err)
		if err := os.WriteFile(filepath.Join(vectorsDir, name+".txt"), v.format(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}
