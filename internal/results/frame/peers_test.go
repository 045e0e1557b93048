package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// TestPeers holds what went wrong in other systems that carry results, and must not go wrong here. Numbers are of
// tektoncd/pipeline unless said otherwise.
func TestPeers(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"every result was dropped when one line had over 4096 bytes (#10402, #10403)":     longLines,
		"results were missing when the log was read before it was written (#8028, #8029)": readTooEarly,
		"noise on stderr made results vanish (reverted roll-out)":                         noiseOnStderr,
		"the limit counted the encoded line: 700 bytes of markup filled 4096":             markupCountsOnce,
		"a log line of 64 MiB was read whole (234 MB in the sidecar)":                     hugeLine,
		"one bad string crashed the controller for everybody (CVE-2026-33022)":            badBytes,
		"signed results did nothing in sidecar mode (#6363, #6597)":                       signedStream,
		"only the last 256 KiB of an output were kept, silently (Argo #12103, #14568)":    onlyTheEnd,
		"values were cut at 32768 characters (Airflow's XCom sidecar)":                    cutAt32768,
		"outputs could be forged by what a step printed (GitHub Actions)":                 forgedLines,
	} {
		t.Run(name, test)
	}
}

func longLines(t *testing.T) {
	var set []frame.Result
	for i, size := range []int{4095, 4096, 4097, 8191, 8192, 8193, 16384, 65536} {
		set = append(set, frame.Result{Name: fmt.Sprint("r", i), Type: "string", Value: noise(size)})
	}
	stream := written(t, "n", func(w *frame.Writer) error {
		for _, r := range set {
			if err := w.Result(r); err != nil {
				return err
			}
		}
		return w.End(false)
	})
	got, err := collect(stream, "n", frame.Limits{})
	if err != nil || len(got) != len(set)+2 {
		t.Fatalf("%d records, error %v", len(got), err)
	}
	for i, want := range set {
		if r, ok := got[i+1].(frame.Result); !ok || !bytes.Equal(r.Value, want.Value) {
			t.Errorf("the value of %d bytes did not arrive", len(want.Value))
		}
	}
}

func readTooEarly(t *testing.T) {
	stream := newForge().add("step", step).result("a", noise(300), 100).result("b", nil, 1).
		add("problem", `{"result":"c","kind":"TooLarge"}`).end(1, 2, 1, 300).bytes()
	for n := range stream {
		if got, err := collect(stream[:n], "n0nce", frame.Limits{}); !errors.Is(err, frame.ErrIncomplete) {
			t.Fatalf("after %d of %d bytes: %d records and error %v, want %v", n, len(stream), len(got), err, frame.ErrIncomplete)
		}
	}
}

func noiseOnStderr(t *testing.T) {
	lines := bytes.SplitAfter(newForge().add("step", step).result("a", noise(300), 100).end(1, 1, 0, 300).bytes(), []byte("\n"))
	noisy := bytes.Join(lines, []byte("E1122 03:04:05.678901 1 klog.go:42] cannot watch\n\x1b[31m{\"level\":\"warn\"}\n\n"))
	if got, err := collect(noisy, "n0nce", frame.Limits{}); err != nil || len(got) != 4 {
		t.Errorf("%d records, error %v", len(got), err)
	}
	// Without its newline, noise swallows a record: that must be an error, and must not be skipped.
	for i := 1; i < len(lines); i++ {
		swallowed := bytes.Join([][]byte{bytes.Join(lines[:i], nil), bytes.Join(lines[i:], nil)}, []byte("panic: "))
		if got, err := collect(swallowed, "n0nce", frame.Limits{}); err == nil && i < len(lines)-1 {
			t.Errorf("record %d is hidden behind other output, and %d records are taken for the whole stream", i, len(got))
		}
	}
}

func markupCountsOnce(t *testing.T) {
	for _, text := range []string{"<", "\"", "\\", "\x01", "\n", "&", "é"} {
		value := []byte(strings.Repeat(text, results.DefaultMaxSize/len(text)))
		stream := written(t, "n", func(w *frame.Writer) error {
			return errors.Join(w.Result(frame.Result{Name: "r", Type: "string", Value: value}), w.End(false))
		})
		if _, err := collect(stream, "n", frame.Limits{MaxBytes: results.DefaultMaxSize}); err != nil {
			t.Errorf("4096 bytes of %q: %v", text, err)
		}
	}
}

func hugeLine(t *testing.T) {
	const most = 256 << 10
	line := newForge().raw("~sluice/1 n0nce 1 data ").raw(strings.Repeat("A", 64<<20)).raw("\n").bytes()
	n := allocated(func() {
		if _, err := collect(line, "n0nce", frame.Limits{MaxLogBytes: 100 << 20}); !errors.Is(err, frame.ErrIncomplete) {
			t.Errorf("got error %v, want %v", err, frame.ErrIncomplete)
		}
	})
	if n > most {
		t.Errorf("%d bytes were allocated, at most %d are expected", n, most)
	}
}

func badBytes(t *testing.T) {
	whole := newForge().add("step", step).result("a", inventory(700), 300).add("problem", `{"result":"b","kind":"TooLarge","detail":"x"}`).
		add("?note", "x").end(1, 1, 1, 700).bytes()
	for i := range whole {
		for _, b := range []byte{0, '\n', '"', '{', ' ', '?', 0x7f, 0xff} {
			bad := bytes.Clone(whole)
			bad[i] = b
			_, err := collect(bad, "n0nce", frame.Limits{}) // a panic ends the test
			if err == nil && b != whole[i] {
				t.Fatalf("byte %d became %q, and nobody noticed", i, b)
			}
		}
	}
}

func signedStream(t *testing.T) {
	got, err := collect(signed().end(1, 1, 0, len("sha256:2c26b46b")).bytes(), "n0nce", frame.Limits{})
	if err != nil || len(got) != 4 {
		t.Errorf("%d records, error %v", len(got), err)
	}
}

func onlyTheEnd(t *testing.T) {
	stream := written(t, "n", func(w *frame.Writer) error {
		return errors.Join(w.Result(frame.Result{Name: "r", Type: "string", Value: noise(1_400_000)}), w.End(false))
	})
	got, err := collect(stream[len(stream)-256<<10:], "n", frame.Limits{})
	if !errors.Is(err, frame.ErrGap) || len(got) != 0 {
		t.Errorf("%d records and error %v, want %v", len(got), err, frame.ErrGap)
	}
}

func cutAt32768(t *testing.T) {
	for _, size := range []int{32767, 32768, 32769, 65536} {
		checkRoundTrip(t, noise(size))
	}
	stream := written(t, "n", func(w *frame.Writer) error {
		return errors.Join(w.Result(frame.Result{Name: "r", Type: "string", Value: noise(65536)}), w.End(false))
	})
	if _, err := collect(stream[:32768], "n", frame.Limits{}); !errors.Is(err, frame.ErrIncomplete) {
		t.Errorf("got error %v, want %v", err, frame.ErrIncomplete)
	}
}

func forgedLines(t *testing.T) {
	forgery := (&forge{nonce: "guess"}).add("intro", "{}").result("a", []byte("forged"), 10).end(0, 1, 0, 6).bytes()
	whole := newForge().raw(string(forgery)).result("a", forgery, 100).raw(string(forgery)).end(0, 1, 0, len(forgery)).bytes()
	got, err := collect(whole, "n0nce", frame.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := got[1].(frame.Result); !ok || len(got) != 3 || !bytes.Equal(r.Value, forgery) {
		t.Errorf("got %d records, the first %+v", len(got), got[1])
	}
}
