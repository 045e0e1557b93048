// Package inpod is the command line of the in-pod binary: which role it plays, and with how much memory.
package inpod

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/sluice-ci/sluice/internal/inpod/breakpoint"
	"github.com/sluice-ci/sluice/internal/inpod/entrypoint"
	"github.com/sluice-ci/sluice/internal/inpod/sidecar"
)

// The exit codes of the binary itself.
const (
	exitOK      = 0
	exitFailure = 1
	// exitUsage is for arguments that make no sense.
	exitUsage = 2
)

// gcPercent lets the heap grow by a half between collections. The heap is a few hundred kilobytes, or the largest
// value that is being emitted; the default would let it double.
const gcPercent = 50

// sidecarMemory is from how much memory on, in bytes, the results sidecar collects garbage as often as it takes: the
// largest value, the compressor and the runtime take less.
const sidecarMemory = 4 << 20

const usage = `usage: inpod ROLE ARGUMENTS
  entrypoint [flags] -- COMMAND [ARGUMENTS]   run a step in its container
  results [flags]                             be the results sidecar
  copy FILE                                   put this binary at FILE
`

// Program is the in-pod binary.
type Program struct {
	// Signer signs results; nil in the binary that cannot.
	Signer entrypoint.Signer
}

// Main is the Main of a Program that cannot sign.
func Main(args []string, stdout, stderr io.Writer) int { return Program{}.Main(args, stdout, stderr) }

// Main plays the role that args (the program's name, then its arguments) say, and returns the exit code.
func (p Program) Main(args []string, stdout, stderr io.Writer) int {
	// There is nothing to do at the same time: one processor needs fewer threads and smaller caches. Set here and not
	// by the environment, which is the step's.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(gcPercent)
	if answer, dir, ok := breakpoint.Command(args[0]); ok {
		return outcome(stderr, breakpoint.Give(dir, answer))
	}
	if len(args) < 2 {
		return misused(stderr, errors.New("which role?"))
	}
	role, rest := args[1], args[2:]
	switch role {
	case "entrypoint":
		o, err := entrypoint.ParseOptions(rest, stderr)
		if err != nil {
			return misused(stderr, err)
		}
		o.Signer = p.Signer
		return entrypoint.Run(o, stderr)
	case "results":
		o, err := sidecar.ParseOptions(rest, stderr)
		if err != nil {
			return misused(stderr, err)
		}
		debug.SetMemoryLimit(sidecarMemory)
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		return outcome(stderr, sidecar.Run(ctx, stdout, o))
	case "copy":
		if len(rest) != 1 {
			return misused(stderr, errors.New("copy takes one file"))
		}
		return outcome(stderr, copySelf(rest[0]))
	}
	return misused(stderr, fmt.Errorf("unknown role %q", role))
}

func misused(stderr io.Writer, err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "inpod: %v\n%s", err, usage) // there is no other place to say it
	return exitUsage
}

func outcome(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "inpod: %v\n", err) // there is no other place to say it
	return exitFailure
}

// copySelf puts the running binary at path, whole or not at all, executable for everybody.
func copySelf(path string) (err error) {
	from, err := os.Open("/proc/self/exe") //nolint:forbidigo // no other container has a part in what runs
	if err != nil {
		return fmt.Errorf("cannot open the running binary: %w", err)
	}
	defer from.Close()                                       //nolint:errcheck // it was only read
	to, err := os.CreateTemp(filepath.Dir(path), ".inpod-*") //nolint:forbidigo // it runs before any step
	if err != nil {
		return fmt.Errorf("cannot copy to %q: %w", path, err)
	}
	_, err = io.Copy(to, from)
	err = errors.Join(err, to.Chmod(0o755), to.Close())
	if err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("cannot copy to %q: %w", path, errors.Join(err, os.Remove(to.Name())))
	}
	return nil
}
