package frame_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// Values of every size around a boundary, of bytes that compress and that do not, come back as they went.
func TestSizes(t *testing.T) {
	const limit = results.DefaultMaxSize
	sizes := map[string]int{
		"Empty": 0, "One": 1, "BelowCompression": 1023, "Compression": 1024,
		"LimitLess1": limit - 1, "Limit": limit, "LimitMore1": limit + 1,
		"FrameLess1": frame.FrameBytes - 1, "Frame": frame.FrameBytes, "FrameMore1": frame.FrameBytes + 1,
		"TwoFrames": 2 * frame.FrameBytes, "TwoFramesMore1": 2*frame.FrameBytes + 1,
		"ObjectLess1": results.ObjectLimit - 1, "Object": results.ObjectLimit,
	}
	contents := map[string]func(int) []byte{
		"Noise": noise, "Inventory": inventory,
		"Zeros":   func(n int) []byte { return make([]byte, n) },
		"Newline": func(n int) []byte { return bytes.Repeat([]byte{'\n'}, n) },
		"Stream": func(n int) []byte {
			return []byte(strings.Repeat(newForge().text("1", 3, "end", "{}"), n/20+1)[:n])
		},
	}
	for sizeName, size := range sizes {
		for contentName, content := range contents {
			t.Run(sizeName+"/"+contentName, func(t *testing.T) {
				t.Parallel()
				checkRoundTrip(t, content(size))
			})
		}
	}
}

func checkRoundTrip(t *testing.T, value []byte) {
	t.Helper()
	stream := written(t, "n", func(w *frame.Writer) error {
		return errors.Join(w.Result(frame.Result{Name: "r", Type: "array", Value: value}), w.End(true))
	})
	for line := range bytes.Lines(stream) {
		if len(line) > frame.MaxLine {
			t.Fatalf("a line has %d bytes, at most %d are allowed", len(line), frame.MaxLine)
		}
	}
	got, err := collect(stream, "n", frame.Limits{})
	if err != nil {
		t.Fatalf("cannot read what was written: %v", err)
	}
	if len(got) != 3 {
		t.Fatalf("there are %d records, want intro, result and end", len(got))
	}
	r := got[1].(frame.Result)
	if r.Name != "r" || r.Type != "array" || !bytes.Equal(r.Value, value) || r.SHA256 != sha256.Sum256(value) {
		t.Fatalf("result %q of type %q with %d bytes is not what was written", r.Name, r.Type, len(r.Value))
	}
	end := got[2].(frame.End)
	end.SHA256 = [32]byte{}
	if diff := cmp.Diff(frame.End{Results: 1, Bytes: int64(len(value)), Interrupted: true}, end); diff != "" {
		t.Errorf("end record: -want +got:\n%s", diff)
	}
}

// The sum of all values is limited, and the limit is exact.
func TestTotalLimit(t *testing.T) {
	cases := map[string]struct {
		reason string
		sizes  []int
		limit  int64
		want   error
	}{
		"OneBelow": {
			reason: "A value below the limit passes.",
			sizes:  []int{99},
			limit:  100,
		},
		"OneAt": {
			reason: "A value at the limit passes.",
			sizes:  []int{100},
			limit:  100,
		},
		"OneAbove": {
			reason: "A value above the limit is refused.",
			sizes:  []int{101},
			limit:  100,
			want:   frame.ErrTooLarge,
		},
		"ManyAt": {
			reason: "Values count together.",
			sizes:  []int{50, 0, 49, 1},
			limit:  100,
		},
		"ManyAbove": {
			reason: "Values count together.",
			sizes:  []int{50, 49, 2},
			limit:  100,
			want:   frame.ErrTooLarge,
		},
		"EmptyAtEnd": {
			reason: "An empty value needs nothing.",
			sizes:  []int{100, 0},
			limit:  100,
		},
		"Default": {
			reason: "Without a limit it is what one object can hold.",
			sizes:  []int{results.ObjectLimit},
		},
		"DefaultAbove": {
			reason: "Without a limit it is what one object can hold.",
			sizes:  []int{results.ObjectLimit, 1},
			want:   frame.ErrTooLarge,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			stream := written(t, "n", func(w *frame.Writer) error {
				for i, size := range tc.sizes {
					if err := w.Result(frame.Result{Name: fmt.Sprint("r", i), Type: "string", Value: noise(size)}); err != nil {
						return err
					}
				}
				return w.End(false)
			})
			_, err := collect(stream, "n", frame.Limits{MaxBytes: tc.limit})
			if !errors.Is(err, tc.want) {
				t.Errorf("%s\ngot error %v, want %v", tc.reason, err, tc.want)
			}
		})
	}
}

// The length of the log is limited, foreign lines included, and the limit is exact.
func TestLogLimit(t *testing.T) {
	stream := append([]byte("something else\n"), newForge().end(0, 0, 0, 0).bytes()...)
	n := int64(len(stream))
	if _, err := collect(stream, "n0nce", frame.Limits{MaxLogBytes: n}); err != nil {
		t.Errorf("a log of the length of its limit is refused: %v", err)
	}
	if _, err := collect(stream, "n0nce", frame.Limits{MaxLogBytes: n - 1}); !errors.Is(err, frame.ErrTooLarge) {
		t.Errorf("a log over its limit: got error %v, want %v", err, frame.ErrTooLarge)
	}
}
