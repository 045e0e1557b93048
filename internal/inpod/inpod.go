// Package inpod is the command line of the in-pod binary. It selects the role and the memory settings.
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
	// exitUsage is for invalid arguments.
	exitUsage = 2
)

// gcPercent lets the heap grow by half between collections. The heap is a few hundred kilobytes, or the largest result that
// is being sent. By default it would double.
const gcPercent = 50

// sidecarMemory is the memory in bytes above which the results sidecar collects garbage as often as necessary. The largest
// value, the compressor and the runtime need less.
const sidecarMemory = 4 << 20

const usage = `usage: inpod ROLE ARGUMENTS
  entrypoint [flags] -- COMMAND [ARGUMENTS]   run a step in its container
  results [flags]                             run the results sidecar
  copy FILE                                   copy this binary to FILE
`

// Program is the in-pod binary.
type Program struct {
	// Signer signs results; nil in the binary without signatures.
	Signer entrypoint.Signer
}

// Main is the Main of a Program without a Signer.
func Main(args []string, stdout, stderr io.Writer) int { return Program{}.Main(args, stdout, stderr) }

// Main runs the role in args (the program's name, then its arguments), and returns the exit code.
func (p Program) Main(args []string, stdout, stderr io.Writer) int {
	// Nothing runs concurrently, and one processor needs fewer threads and smaller caches. It is set here and not by the
	// environment, which belongs to the step.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(gcPercent)
	if answer, dir, ok := breakpoint.Command(args[0]); ok {
		return outcome(stderr, breakpoint.Give(dir, answer))
	}
	if len(args) < 2 {
		return misused(stderr, errors.New("the role is missing"))
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
			return misused(stderr, errors.New("copy needs one file"))
		}
		return outcome(stderr, copySelf(rest[0]))
	}
	return misused(stderr, fmt.Errorf("unknown role %q", role))
}

func misused(stderr io.Writer, err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "inpod: %v\n%s", err, usage) // a failed write to stderr cannot be reported
	return exitUsage
}

func outcome(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "inpod: %v\n", err) // a failed write to stderr cannot be reported
	return exitFailure
}

// copySelf copies the running binary to path atomically, executable for all users.
func copySelf(path string) (err error) {
	from, err := os.Open("/proc/self/exe") //nolint:forbidigo // no other container can change the running binary
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
