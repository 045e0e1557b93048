package main

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-ci/sluice/test/chaos/attack"
)

// hostileStep returns a step of the hostile tenant that uses folders of the test.
func hostileStep(t *testing.T, all ...attack.Deed) (*deeds, *bytes.Buffer) {
	t.Helper()
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	out := &bytes.Buffer{}
	d := &deeds{paths: map[string]string{"r": filepath.Join(folder, "r")}, runs: folder, out: out}
	flags := flag.NewFlagSet("step", flag.ContinueOnError)
	d.bind(flags)
	var args []string
	for _, deed := range all { // in the form in which they reach a pod
		args = append(args, "-deed="+deed.String())
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return d, out
}

// TestDeeds: a hostile step runs its actions.
func TestDeeds(t *testing.T) {
	d, out := hostileStep(t,
		attack.Deed{Do: attack.DoForge, N: 1}, attack.Deed{Do: attack.DoWait, N: 1}, attack.Deed{Do: attack.DoWrite, N: 12, Name: "r"},
		attack.Deed{Do: attack.DoPrint, N: 1000}, attack.Deed{Do: attack.DoExit, N: 4}, attack.Deed{Do: "nothing"})
	code, err := d.do()
	if err != nil || code != 4 {
		t.Fatalf("the exit code is %d, %v, want 4", code, err)
	}
	if _, err := os.Stat(filepath.Join(d.runs, "1", "out")); err != nil {
		t.Errorf("the end is not forged: %v", err)
	}
	if text, err := os.ReadFile(d.paths["r"]); err != nil || string(text) != attack.Value(12) {
		t.Errorf("the result is %q, %v", text, err)
	}
	if n := out.Len(); n < 1000 || n > 1200 {
		t.Errorf("it prints %d bytes, want about 1000", n)
	}
}

// TestDeedsLeave: the files that a step leaves at the path of a result.
func TestDeedsLeave(t *testing.T) {
	for do, want := range map[string]fs.FileMode{attack.DoPipe: fs.ModeNamedPipe, attack.DoLink: fs.ModeSymlink} {
		t.Run(do, func(t *testing.T) {
			d, _ := hostileStep(t, attack.Deed{Do: do, Name: "r"})
			if _, err := d.do(); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Lstat(d.paths["r"]); err != nil || info.Mode()&want == 0 {
				t.Errorf("there is %v, %v", info, err)
			}
		})
	}
}

// TestDeedsRefused: a step refuses an unknown action.
func TestDeedsRefused(t *testing.T) {
	for name, text := range map[string]string{"Parts": "wait:1", "Number": "wait:x:", "Deed": "nothing:1:"} {
		t.Run(name, func(t *testing.T) {
			if _, err := run([]string{"-deed=" + text}); err == nil {
				t.Errorf("%q is done", text)
			}
		})
	}
}
