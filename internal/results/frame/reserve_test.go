package frame_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// TestReserve: a reader reserves what it takes for values and signatures.
func TestReserve(t *testing.T) {
	compressed := strings.Repeat("v", 100_000)
	cases := map[string]struct {
		reason string
		write  func(*frame.Writer) error
		want   int64
	}{
		"Nothing": {
			reason: "A stream without results holds none.",
			write:  func(w *frame.Writer) error { return w.Step(frame.Step{Name: "step-a", Reason: frame.ReasonCompleted}) },
			want:   0,
		},
		"Raw": {
			reason: "A value takes its size.",
			write: func(w *frame.Writer) error {
				return w.Result(frame.Result{Name: "a", Type: "string", Value: noise(5000)})
			},
			want: 5000,
		},
		"Compressed": {
			reason: "A compressed value takes its size, not that of its data.",
			write: func(w *frame.Writer) error {
				return errors.Join(
					w.Result(frame.Result{Name: "a", Type: "string", Value: []byte(compressed)}),
					w.Result(frame.Result{Name: "b", Type: "string", Value: []byte(compressed)}))
			},
			want: 200_000,
		},
		"Signatures": {
			reason: "So do certificates and all parts of a signature.",
			write: func(w *frame.Writer) error {
				return errors.Join(w.Certificate(noise(600)), w.Signature(frame.Signature{Step: "step-a", Document: noise(20_000)}))
			},
			want: 20_600,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			stream := written(t, "n", func(w *frame.Writer) error { return errors.Join(tc.write(w), w.End(false)) })
			var got int64
			_, err := collect(stream, "n", frame.Limits{Signatures: true, Reserve: func(bytes int64) error { got += bytes; return nil }})
			if err != nil || got != tc.want {
				t.Errorf("%s: want %d bytes, got %d, error %v", tc.reason, tc.want, got, err)
			}
			errFull := errors.New("full")
			_, err = collect(stream, "n", frame.Limits{Signatures: true, Reserve: func(int64) error { return errFull }})
			if full := errors.Is(err, errFull); full != (tc.want > 0) {
				t.Errorf("%s: want the reading to end where there is no memory, got error %v", tc.reason, err)
			}
		})
	}
}

// TestReserveComesFirst: without memory for a value, none is allocated for it.
func TestReserveComesFirst(t *testing.T) {
	stream := written(t, "n", func(w *frame.Writer) error {
		return errors.Join(w.Result(frame.Result{Name: "a", Type: "string", Value: noise(results.ObjectLimit)}), w.End(false))
	})
	errFull := errors.New("full")
	n := allocated(func() {
		if _, err := collect(stream, "n", frame.Limits{Reserve: func(int64) error { return errFull }}); !errors.Is(err, errFull) {
			t.Errorf("want %v, got %v", errFull, err)
		}
	})
	if n > frame.DecoderBytes {
		t.Errorf("%d bytes were allocated for a value that there is no memory for", n)
	}
}

// TestDecoderBytes: what a reader takes besides what it returns, and what holds that, is no more than DecoderBytes.
func TestDecoderBytes(t *testing.T) {
	for name, set := range sets() {
		t.Run(name, func(t *testing.T) {
			stream := written(t, "n", func(w *frame.Writer) error {
				for _, r := range set {
					if err := w.Result(r); err != nil {
						return err
					}
				}
				return w.End(false)
			})
			const record = 1024
			n := allocated(func() {
				if _, err := collect(stream, "n", frame.Limits{}); err != nil {
					t.Error(err)
				}
			})
			if most := int64(results.ObjectLimit + frame.DecoderBytes + (len(set)+2)*record); int64(n) > most {
				t.Errorf("%d bytes were allocated, more than %d", n, most)
			}
		})
	}
}
