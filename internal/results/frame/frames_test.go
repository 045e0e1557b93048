package frame_test

import (
	"bytes"
	"testing"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// TestFramesPerMegabyte holds what a megabyte takes in a log: each line is read, split and checked by a runtime, a kubelet,
// an API server and the controller.
func TestFramesPerMegabyte(t *testing.T) {
	const megabyte = 1_000_000
	cases := map[string]struct {
		reason      string
		value       []byte
		lines, most int
	}{
		"Noise": {
			reason: "what no compressor makes smaller takes a third more, in base64",
			value:  noise(megabyte),
			lines:  175,
			most:   1_345_000,
		},
		"Inventory": {
			reason: "JSON takes a fraction",
			value:  inventory(megabyte),
			lines:  32,
			most:   220_000,
		},
		"Zeros": {
			reason: "and nothing takes nothing",
			value:  make([]byte, megabyte),
			lines:  4,
			most:   2_500,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			if err := write(&log, []frame.Result{{Name: "r", Type: "string", Value: tc.value}}); err != nil {
				t.Fatal(err)
			}
			if got := bytes.Count(log.Bytes(), []byte("\n")); got > tc.lines || log.Len() > tc.most {
				t.Errorf("%s: want at most %d lines and %d bytes, got %d and %d", tc.reason, tc.lines, tc.most, got, log.Len())
			}
		})
	}
}
