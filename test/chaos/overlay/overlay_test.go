package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program sets its clock back by an hour. It prints the difference, and the measured duration.
const program = `package main

import (
	"fmt"
	"time"
)

func main() {
	before := time.Now()
	time.SetStep(-time.Hour)
	after := time.Now()
	fmt.Println(after.Round(0).Sub(before.Round(0)).Round(time.Minute), after.Sub(before).Round(time.Minute))
}
`

func TestClockOfACommandIsSet(t *testing.T) {
	command := t.TempDir()
	for name, content := range map[string]string{"main.go": program, "go.mod": "module program\n"} {
		if err := os.WriteFile(filepath.Join(command, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := run(t.Context(), t.TempDir(), []string{command})
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "run", "-overlay="+overlay, ".")
	build.Dir = command
	out, err := build.Output()
	if err != nil {
		t.Fatalf("cannot build with the overlay: %v", err)
	}
	if got := strings.TrimSpace(string(out)); got != "-1h0m0s 0s" {
		t.Errorf("the clock and the measured duration differ by %q: only the clock must change", got)
	}
}

func TestSteppedRefuses(t *testing.T) {
	cases := map[string]struct{ reason, source string }{
		"NoNow": {
			reason: "A source without the function Now is refused.",
			source: "package other\n",
		},
		"NoReading": {
			reason: "A function Now that reads the clock in another way is refused.",
			source: "package time\n\nfunc Now() Time {\n\treturn Time{}\n}\n",
		},
		"Elsewhere": {
			reason: "A reading of the clock in the next function does not count.",
			source: "package time\n\nfunc Now() Time {\n\treturn Time{}\n}\n\nfunc other() {\n\tsec, nsec, mono := runtimeNow()\n}\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, err := stepped([]byte(tc.source)); err == nil {
				t.Errorf("%s\n%s", tc.reason, got)
			}
		})
	}
}
