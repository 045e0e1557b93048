package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/hack/demo/internal/gomod"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	sum := strings.Repeat("a", 42) + "A="
	files := map[string]string{
		"go.mod": "module example.org/m\ngo 1.26\nrequire example.org/not-fetched v1.0.0\n",
		"go.sum": "example.org/not-fetched v1.0.0 h1:" + sum + "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{dir}, &out); err != nil {
		t.Fatalf("run: %v", err)
	}
	want := "example.org/not-fetched\tv1.0.0\t" + sum + "\tNOASSERTION\tdirect\texample.org/m\n"
	if got := out.String(); got != want {
		t.Errorf("run: a module that was never fetched has no known license:\ngot  %q\nwant %q", got, want)
	}
}

func TestRunRefusesNothing(t *testing.T) {
	if err := run(t.Context(), nil, &bytes.Buffer{}); err == nil {
		t.Error("run: no error without a folder")
	}
}

func TestLine(t *testing.T) {
	m := gomod.Module{Path: "p", Version: "v1", Sum: "s", UsedBy: []string{"a", "b"}}
	if got, want := line(m, []string{"MIT", "ISC"}), "p\tv1\ts\tMIT,ISC\tindirect\ta,b\n"; got != want {
		t.Errorf("line: got %q, want %q", got, want)
	}
}
