// Package entrypoint is what runs a step in its container: it waits for the step before, runs the step's command,
// records how it ended, and posts that for the others in the pod.
package entrypoint

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/sluice-ci/sluice/internal/results"
)

// What happens to the task when a step fails.
const (
	// OnErrorStop: the steps after it are skipped.
	OnErrorStop = "stopAndFail"
	// OnErrorContinue: the steps after it run, and the container itself ends with 0.
	OnErrorContinue = "continue"
)

// Options say what is to be run, and how.
type Options struct {
	// Step is the container's name, for the record.
	Step string
	// RunDir is the step's own run directory; only a user's sidecar may have none.
	RunDir string
	// After is the run directory of the step before, empty for the first.
	After string
	// Command is the command to run and its arguments. Args[0] of it is ScriptPath if the step has a script.
	Command []string
	// ScriptPath is where the script goes that Script has the pieces of; empty without a script.
	ScriptPath string
	// Script are the pieces of script.Encode.
	Script []string
	// WorkDir is where the command runs, made if it is not there; empty for the image's.
	WorkDir string
	// OnError is OnErrorStop or OnErrorContinue.
	OnError string
	// Results are the declared results.
	Results []results.File
	// ReportResults says that the step writes the results that it made into its termination message; otherwise they
	// stay where they are, for others to read.
	ReportResults bool
	// ResultsFrom names how the results leave the pod. It does nothing here: whoever reads the pod's spec finds it.
	ResultsFrom string
	// MaxResultSize is the number of bytes that the value of one result may have.
	MaxResultSize int64
	// TerminationPath is the file that becomes the container's termination message; empty for none.
	TerminationPath string
	// TerminationBudget is how many bytes the kubelet keeps of it.
	TerminationBudget int
	// Stay says that this is a user's sidecar: its end is recorded, and then waited until the pod ends.
	Stay bool
}

// ParseOptions reads the arguments of the entrypoint. Usage goes to usage when they ask for it or are wrong.
func ParseOptions(args []string, usage io.Writer) (Options, error) {
	var o Options
	f := flag.NewFlagSet("entrypoint", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&o.Step, "step", "", "name of the container")
	f.StringVar(&o.RunDir, "run", "", "run directory of this step")
	f.StringVar(&o.After, "after", "", "run directory of the step to wait for")
	f.StringVar(&o.ScriptPath, "script-path", "", "file to write the script to, and to run")
	f.StringVar(&o.WorkDir, "workdir", "", "directory to run in, made if missing")
	f.StringVar(&o.OnError, "on-error", OnErrorStop, "what a failure does: "+OnErrorStop+" or "+OnErrorContinue)
	f.BoolVar(&o.ReportResults, "report-results", false, "write results into the termination message")
	f.StringVar(&o.ResultsFrom, "results-from", "", "name of how results leave the pod, for who reads the pod's spec")
	f.Int64Var(&o.MaxResultSize, "max-result-size", results.DefaultMaxSize, "bytes that the value of one result may have")
	f.StringVar(&o.TerminationPath, "termination-path", "", "file of the termination message")
	f.IntVar(&o.TerminationBudget, "termination-budget", 0, "bytes that the termination message may have")
	f.BoolVar(&o.Stay, "stay", false, "record the command's end and stay until asked to end")
	f.Func("script", "piece of the encoded script, in order", func(s string) error {
		o.Script = append(o.Script, s)
		return nil
	})
	f.Func("result", "declared result as NAME:TYPE=PATH, once for each", func(s string) error {
		r, err := results.ParseFile(s)
		o.Results = append(o.Results, r)
		return err
	})
	if err := f.Parse(args); err != nil {
		return Options{}, err
	}
	o.Command = f.Args()
	if o.ScriptPath != "" {
		o.Command = append([]string{o.ScriptPath}, o.Command...)
	}
	return o, o.valid()
}

// valid returns what is wrong with o.
func (o Options) valid() error {
	switch {
	case o.Step == "":
		return errors.New("-step is missing")
	case o.RunDir == "" && !o.Stay:
		return errors.New("-run is missing")
	case len(o.Command) == 0:
		return errors.New("there is no command to run")
	case (o.ScriptPath == "") != (len(o.Script) == 0):
		return errors.New("-script-path and -script need each other")
	case o.OnError != OnErrorStop && o.OnError != OnErrorContinue:
		return fmt.Errorf("invalid -on-error %q: it must be %s or %s", o.OnError, OnErrorStop, OnErrorContinue)
	case o.ReportResults && o.TerminationPath == "":
		return errors.New("-report-results needs -termination-path")
	case o.TerminationPath != "" && o.TerminationBudget < 1:
		return fmt.Errorf("invalid -termination-budget %d: it must be positive", o.TerminationBudget)
	case o.MaxResultSize < 1:
		return fmt.Errorf("invalid -max-result-size %d: it must be positive", o.MaxResultSize)
	}
	return nil
}
