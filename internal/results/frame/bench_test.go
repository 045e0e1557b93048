package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// noise returns n bytes that no compressor makes smaller, the same ones each time.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// inventory returns n bytes of JSON such as a bill of materials has.
func inventory(n int) []byte {
	var b strings.Builder
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"type":"library","name":"example.org/m%d","version":"v%d.%d.%d","hashes":[{"alg":"SHA-256","content":"%016x"}]},`,
			i, r.IntN(9), r.IntN(30), r.IntN(9), r.Uint64())
	}
	return []byte(b.String()[:n])
}

// sets are what is measured: each has about as many bytes as one object can hold.
func sets() map[string][]frame.Result {
	const whole = results.ObjectLimit
	sets := map[string][]frame.Result{
		"one/noise":     {{Name: "r", Type: "string", Value: noise(whole)}},
		"one/inventory": {{Name: "r", Type: "string", Value: inventory(whole)}},
		"one/zeros":     {{Name: "r", Type: "string", Value: make([]byte, whole)}},
	}
	parts := inventory(whole)
	for i := range whole / results.DefaultMaxSize {
		name := fmt.Sprintf("r%d", i)
		sets["many/noise"] = append(sets["many/noise"], frame.Result{Name: name, Type: "string", Value: noise(results.DefaultMaxSize)})
		sets["many/inventory"] = append(sets["many/inventory"],
			frame.Result{Name: name, Type: "string", Value: parts[i*results.DefaultMaxSize:][:results.DefaultMaxSize]})
	}
	return sets
}

func write(w io.Writer, set []frame.Result) error {
	wr := frame.NewWriter(w, "benchmark")
	for _, r := range set {
		if err := wr.Result(r); err != nil {
			return err
		}
	}
	return wr.End(false)
}

func total(set []frame.Result) (n int64) {
	for _, r := range set {
		n += int64(len(r.Value))
	}
	return n
}

func BenchmarkWriter(b *testing.B) {
	for name, set := range sets() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(total(set))
			b.ReportAllocs()
			for b.Loop() {
				if err := write(io.Discard, set); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReader(b *testing.B) {
	for name, set := range sets() {
		b.Run(name, func(b *testing.B) {
			var stream bytes.Buffer
			if err := write(&stream, set); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(total(set))
			b.ReportAllocs()
			for b.Loop() {
				readAll(b, stream.Bytes())
			}
			b.ReportMetric(float64(stream.Len())/float64(total(set)), "log/raw")
		})
	}
}

func readAll(b *testing.B, stream []byte) {
	r := frame.NewReader(bytes.NewReader(stream), "benchmark", frame.Limits{})
	for {
		_, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
