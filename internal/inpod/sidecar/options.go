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

// DefaultGrace is how long steps that have not ended get when the pod is asked to end: they are asked at the same
// time, and their entrypoints record what happened.
const DefaultGrace = 2 * time.Second

// Options say what is to be emitted.
type Options struct {
	// Nonce marks the stream; valid by frame.ValidNonce.
	Nonce string
	// RunDir holds the steps' run directories, named by position: 0, 1, ….
	RunDir string
	// Steps are the names of the steps' containers, in order.
	Steps []string
	// ResultsDirs are the directories that result files are in, each beneath one of them. What is beneath is not trusted:
	// whatever it is, no other file is ever opened.
	ResultsDirs []string
	// Results are the declared results, in the order in which they are emitted.
	Results []results.File
	// MaxSize is the number of bytes that one value may have, MaxTotal what all may have together.
	MaxSize, MaxTotal int64
	// Signatures says that the steps sign their results, and that the signatures are written, too.
	Signatures bool
	// Grace is how long Run waits for steps after it was asked to end.
	Grace time.Duration
}

// ParseOptions reads the arguments of the results sidecar. Usage goes to usage when they ask for it or are wrong.
func ParseOptions(args []string, usage io.Writer) (Options, error) {
	o := Options{Grace: DefaultGrace}
	f := flag.NewFlagSet("results", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&o.Nonce, "nonce", "", "what marks this stream among all others")
	f.StringVar(&o.RunDir, "run-dir", "/tekton/run", "directory of the steps' run directories")
	f.Func("results-dir", "directory that result files are beneath, once for each", func(s string) error {
		o.ResultsDirs = append(o.ResultsDirs, s)
		return nil
	})
	f.Int64Var(&o.MaxSize, "max-result-size", results.DefaultMaxSize, "bytes that the value of one result may have")
	f.Int64Var(&o.MaxTotal, "max-total", results.ObjectLimit, "bytes that all values may have together")
	f.Func("step", "name of a step's container, once for each in order", func(s string) error {
		o.Steps = append(o.Steps, s)
		return nil
	})
	f.Func("result", "declared result as NAME:TYPE=PATH, once for each in order", func(s string) error {
		r, err := results.ParseFile(s)
		o.Results = append(o.Results, r)
		return err
	})
	f.BoolVar(&o.Signatures, "signatures", false, "write what the steps have signed, too")
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
			return fmt.Errorf("invalid path of result %q: %q is beneath none of %q", r.Name, r.Path, o.ResultsDirs)
		}
		if seen[r.Name] {
			return fmt.Errorf("result %q is declared twice", r.Name)
		}
		seen[r.Name] = true
	}
	return nil
}

// root returns the directory of o.ResultsDirs that a result is beneath.
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
