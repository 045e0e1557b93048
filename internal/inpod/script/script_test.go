package script_test

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/inpod/script"
)

// noise returns n bytes that do not compress, the same ones each time.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return string(b)
}

func TestWithShebang(t *testing.T) {
	cases := map[string]struct{ reason, in, want string }{
		"None": {
			reason: "A script without interpreter is for the shell.",
			in:     "echo",
			want:   "#!/bin/sh\nset -e\necho",
		},
		"Shebang": {
			reason: "A script with an interpreter is left alone.",
			in:     "#!/usr/bin/env python3\nprint()",
			want:   "#!/usr/bin/env python3\nprint()",
		},
		"Empty": {
			reason: "An empty script does nothing.",
			want:   "#!/bin/sh\nset -e\n",
		},
		"Later": {
			reason: "Only the first two characters count.",
			in:     "\n#!/bin/bash\n",
			want:   "#!/bin/sh\nset -e\n\n#!/bin/bash\n",
		},
		"Whitespace": {
			reason: "The kernel takes no space before the mark.",
			in:     " #!/bin/bash\n",
			want:   "#!/bin/sh\nset -e\n #!/bin/bash\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := script.WithShebang(tc.in); got != tc.want {
				t.Errorf("%s\ngot %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestPieces(t *testing.T) {
	cases := map[string]struct {
		reason string
		script string
		pieces int
	}{
		"Empty":     {reason: "An empty script is one piece: a flag needs a value.", pieces: 1},
		"Short":     {reason: "A short script is one piece.", script: "echo $$ $(date) '\"'", pieces: 1},
		"Megabyte":  {reason: "What does not compress is cut into arguments that Linux takes.", script: noise(1 << 20), pieces: 15},
		"Repeating": {reason: "What compresses takes little.", script: strings.Repeat("echo hello\n", 100000), pieces: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pieces := script.Encode(tc.script)
			if len(pieces) != tc.pieces {
				t.Errorf("%s\n%d pieces, want %d", tc.reason, len(pieces), tc.pieces)
			}
			checkPieces(t, pieces)
			var b strings.Builder
			if err := script.Decode(&b, pieces); err != nil || b.String() != tc.script {
				t.Errorf("%s\nthe script came back as %d bytes instead of %d, error %v", tc.reason, b.Len(), len(tc.script), err)
			}
		})
	}
}

// checkPieces wants what Linux and Kubernetes leave as it is.
func checkPieces(t interface{ Errorf(string, ...any) }, pieces []string) {
	for i, p := range pieces {
		if p == "" || len(p) > script.PieceBytes {
			t.Errorf("piece %d has %d bytes", i, len(p))
		}
		if strings.ContainsAny(p, "$() \n\"'") {
			t.Errorf("piece %d has a character that is expanded somewhere", i)
		}
	}
}

func TestAnyScript(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "script")
		pieces := script.Encode(want)
		checkPieces(t, pieces)
		var b strings.Builder
		if err := script.Decode(&b, pieces); err != nil || b.String() != want {
			t.Fatalf("%q came back as %q, error %v", want, b.String(), err)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	good := script.Encode(noise(1000))[0]
	for name, pieces := range map[string][]string{
		"None": nil, "Empty": {""}, "Cut": {good[:len(good)/2]}, "NotBase64": {"$(HOME)"}, "NotDeflate": {"/////w"},
		"TooLong": script.Encode(strings.Repeat(" ", script.MaxBytes+1)),
		"Swapped": {good[500:], good[:500]},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := script.Decode(&b, pieces); err == nil {
				t.Errorf("%d bytes came out, and no error", b.Len())
			}
		})
	}
	var b strings.Builder
	if err := script.Decode(&b, script.Encode(strings.Repeat(" ", script.MaxBytes))); err != nil {
		t.Errorf("a script of the largest size is refused: %v", err)
	}
}

// TestEncodeReusesItsTables: a new compressor for each script took 60 % of all memory that the controller allocated.
func TestEncodeReusesItsTables(t *testing.T) {
	const scripts, each = 200, 100 << 10 // bytes; the tables have about 800 kB
	allocated := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	before := allocated()
	for range scripts {
		script.Encode("echo hello")
	}
	if got := allocated() - before; got > scripts*each {
		t.Errorf("want at most %d bytes for each of %d scripts, got %d", each, scripts, got/scripts)
	}
}
