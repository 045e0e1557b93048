// Overlay prepares a build of a command whose clock can differ from that of its machine. Tests can then step the clock of a
// controller while the rest of the machine keeps its time. There is no other way for a program written in Go: time namespaces
// do not change the time of day, and no library is between the program and the kernel.
//
// usage: GOFLAGS="-overlay=$(go run ./test/chaos/overlay -dir DIR ./cmd/controller)" go build ./cmd/controller
//
// It writes the input of `go build -overlay` into the folder, and prints the name of the file. In such a build, time.Now
// differs from the machine's clock by the offset in /var/run/sluice/clock, which the command reads on SIGUSR1. Measured
// durations do not change, as with a real clock that is set. The added code is in source/.
package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// added is the code that the overlay adds.
//
//go:embed source
var added embed.FS

func main() {
	dir := flag.String("dir", "", "folder to write to (required)")
	flag.Parse()
	file, err := run(context.Background(), *dir, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Println(file)
}

func run(ctx context.Context, dir string, commands []string) (string, error) {
	if dir == "" || len(commands) != 1 {
		return "", errors.New("cannot start without -dir and the folder of one command")
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the standard library: %w", err)
	}
	return write(dir, strings.TrimSpace(string(root)), commands[0])
}

// write writes the overlay of one command into dir, and returns the file for go build.
func write(dir, root, command string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	command, err = filepath.Abs(command)
	if err != nil {
		return "", err
	}
	original := filepath.Join(root, "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return "", fmt.Errorf("cannot read the standard library: %w", err)
	}
	source, err = stepped(source)
	if err != nil {
		return "", err
	}
	files := map[string][]byte{"time.go": source}
	replace := map[string]string{original: filepath.Join(dir, "time.go")}
	for name, place := range map[string]string{
		"time.go.txt":    filepath.Join(root, "src", "time", "step.go"),
		"command.go.txt": filepath.Join(command, "chaos_clock.go"),
	} {
		if files["added-"+name], err = added.ReadFile("source/" + name); err != nil {
			return "", err
		}
		replace[place] = filepath.Join(dir, "added-"+name)
	}
	overlay := "overlay.json"
	if files[overlay], err = json.Marshal(map[string]any{"Replace": replace}); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("cannot create folder %q: %w", dir, err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return "", fmt.Errorf("cannot write the overlay: %w", err)
		}
	}
	return filepath.Join(dir, overlay), nil
}

// stepped returns the source of the package time with an offset in the function Now.
func stepped(source []byte) ([]byte, error) {
	const signature, reading = "\nfunc Now() Time {\n", "sec, nsec, mono := runtimeNow()\n"
	before, after, found := bytes.Cut(source, []byte(signature))
	head, tail, reads := bytes.Cut(after, []byte(reading))
	if !found || !reads || bytes.Contains(head, []byte("\n}\n")) {
		return nil, errors.New("cannot find the reading of the clock in time.Now: this version of Go differs; see " +
			"its source and change the overlay")
	}
	return bytes.Join([][]byte{before, []byte(signature), head, []byte(reading), []byte("\tsec, nsec = stepped(sec, nsec)\n"), tail}, nil), nil
}
