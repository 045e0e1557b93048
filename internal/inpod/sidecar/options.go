package sidecar

import (
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// DefaultGrace is the time for running steps to end after the pod was stopped. They are stopped at the same time, and their
// entrypoints record what happened.
const DefaultGrace = 2 * time.Second

// Options are the options of the sidecar.
type Options struct {
	// Nonce is the nonce of the stream; valid by frame.ValidNonce.
	Nonce string
	// RunDir has the steps' run directories, named by position: 0, 1, ….
	RunDir string
	// Steps are the names of the steps' containers, in order.
	Steps []string
	// ResultsDirs are the directories of result files; each file is beneath one of them. What is beneath is not trusted: no
	// file elsewhere is ever opened.
	ResultsDirs []string
	// Results are the declared results, in the order in which they are sent.
	Results []results.File
	// MaxSize is the maximum length of one value, and MaxTotal that of all values together, in bytes.
	MaxSize, MaxTotal int64
	// Signatures reports that the steps sign their results, so that signatures are sent too.
	Signatures bool
	// Grace is how long Run waits for steps after it was stopped.
	Grace time.Duration
}

// ParseOptions parses the arguments of the results sidecar. It prints the usage to usage if they request it or are invalid.
func ParseOptions(args []string, usage io.Writer) (Options, error) {
	o := Options{Grace: DefaultGrace}
	f := flag.NewFlagSet("results", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&o.Nonce, "nonce", "", "nonce of this stream")
	f.StringVar(&o.RunDir, "run-dir", "/tekton/run", "directory of the steps' run directories")
	f.Func("results-dir", "directory with result files, once for each", func(s string) error {
		o.ResultsDirs = append(o.ResultsDirs, s)
		return nil
	})
	f.Int64Var(&o.MaxSize, "max-result-size", results.DefaultMaxSize, "maximum bytes of one result")
	f.Int64Var(&o.MaxTotal, "max-total", results.ObjectLimit, "maximum bytes of all results together")
	f.Func("step", "name of a step's container, once for each in order", func(s string) error {
		o.Steps = append(o.Steps, s)
		return nil
	})
	f.Func("result", "declared result as NAME:TYPE=PATH, once for each in order", func(s string) error {
		r, err := results.ParseFile(s)
		o.Results = append(o.Results, r)
		return err
	})
	f.BoolVar(&o.Signatures, "signatures", false, "also send the signatures of the steps")
	if err := f.Parse(args); err != nil {
		return Options{}, err
	}
	if len(o.ResultsDirs) == 0 {
		o.ResultsDirs = []string{"/tekton/results"}
	}
	if f.NArg() > 0 {
		return Options{}, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, o.valid()
}

// valid returns what is wrong with o.
func (o Options) valid() error {
	if err := frame.ValidNonce(o.Nonce); err != nil {
		return err
	}
	if o.MaxSize < 1 || o.MaxTotal < 1 {
		return fmt.Errorf("invalid limits %d and %d: they must be positive", o.MaxSize, o.MaxTotal)
	}
	seen := map[string]bool{}
	for _, r := range o.Results {
		if _, ok := o.root(r); !ok {
			return fmt.Errorf("invalid path of result %q: %q is not beneath any of %q", r.Name, r.Path, o.ResultsDirs)
		}
		if seen[r.Name] {
			return fmt.Errorf("result %q is declared twice", r.Name)
		}
		seen[r.Name] = true
	}
	return nil
}

// root returns the directory of o.ResultsDirs with a result.
func (o Options) root(r results.File) (string, bool) {
	for _, dir := range o.ResultsDirs {
		if rel, err := filepath.Rel(dir, r.Path); err == nil && rel != "." && filepath.IsLocal(rel) {
			return dir, true
		}
	}
	return "", false
}

// stepDir returns the run directory of the step at position i.
func (o Options) stepDir(i int) string { return filepath.Join(o.RunDir, strconv.Itoa(i)) }
