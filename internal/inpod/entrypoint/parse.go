package entrypoint

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/sluice-ci/sluice/internal/inpod/breakpoint"
	"github.com/sluice-ci/sluice/internal/inpod/credentials"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/results"
)

// ParseOptions parses the arguments of the entrypoint. It prints the usage to usage if they request it or are invalid.
func ParseOptions(args []string, usage io.Writer) (Options, error) {
	var o Options
	f := flag.NewFlagSet("entrypoint", flag.ContinueOnError)
	f.SetOutput(usage)
	commandFlags(f, &o)
	resultFlags(f, &o)
	signingFlags(f, &o.Signing)
	surroundingFlags(f, &o)
	if err := f.Parse(args); err != nil {
		return Options{}, err
	}
	o.Command = f.Args()
	if o.ScriptPath != "" {
		o.Command = append([]string{o.ScriptPath}, o.Command...)
	}
	return o, o.valid()
}

// commandFlags are the flags for the command and its conditions.
func commandFlags(f *flag.FlagSet, o *Options) {
	f.StringVar(&o.Step, "step", "", "name of the container")
	f.StringVar(&o.RunDir, "run", "", "run directory of this step")
	f.StringVar(&o.After, "after", "", "run directory of the step to wait for")
	f.StringVar(&o.Hold, "hold", "", "file that says whether the step must wait")
	f.StringVar(&o.ScriptPath, "script-path", "", "file to write the script to, and to run")
	list(f, "script", "piece of the encoded script, in order", &o.Script, func(s string) (string, error) { return s, nil })
	list(f, "when", "expression that must hold, as JSON, once for each", &o.Conditions, when.Parse)
	list(f, "reference", "result of an earlier step as TOKEN NAME:TYPE=PATH [PART], once for each", &o.References, stepresult.Parse)
	f.StringVar(&o.WorkDir, "workdir", "", "working directory, created if missing")
	f.DurationVar(&o.Timeout, "timeout", 0, "maximum time of the command; 0: no limit")
	f.StringVar(&o.OnError, "on-error", OnErrorStop, "what a failure does: "+OnErrorStop+" or "+OnErrorContinue)
	f.StringVar(&o.Stdout, "stdout-path", "", "file to which the standard output is also written")
	f.StringVar(&o.Stderr, "stderr-path", "", "file to which the standard error is also written")
	f.BoolVar(&o.Stay, "stay", false, "record the command's end, and wait until the container is stopped")
}

// resultFlags are the flags for results, and for the record of the step.
func resultFlags(f *flag.FlagSet, o *Options) {
	list(f, "result", "declared result as NAME:TYPE=PATH, once for each", &o.Results, results.ParseFile)
	f.StringVar(&o.OwnResults, "own-results", "", "directory of the step's own results, created if missing")
	f.StringVar(&o.OwnArtifacts, "own-artifacts", "", "directory of the step's document of artifacts, created if missing")
	f.BoolVar(&o.ReportResults, "report-results", false, "write results into the termination message")
	f.StringVar(&o.ResultsFrom, "results-from", "", "how results leave the pod; information for readers of the pod's spec")
	f.Int64Var(&o.MaxResultSize, "max-result-size", results.DefaultMaxSize, "maximum bytes of one result")
	f.StringVar(&o.TerminationPath, "termination-path", "", "file of the termination message")
	f.IntVar(&o.TerminationBudget, "termination-budget", 0, "maximum bytes of the termination message")
}

// signingFlags are the flags for signatures.
func signingFlags(f *flag.FlagSet, s *Signing) {
	f.StringVar(&s.Socket, "sign-socket", "", "address of the Workload API; empty: do not sign")
	f.StringVar(&s.Identity, "sign-identity", "", "path of the SPIFFE ID to sign as")
	f.StringVar(&s.Run.Namespace, "sign-namespace", "", "namespace of the TaskRun")
	f.StringVar(&s.Run.Name, "sign-taskrun", "", "name of the TaskRun")
	f.StringVar(&s.Run.UID, "sign-uid", "", "UID of the TaskRun")
	f.StringVar(&s.Nonce, "sign-nonce", "", "nonce of this pod")
}

// surroundingFlags are the flags for the environment of the command.
func surroundingFlags(f *flag.FlagSet, o *Options) {
	list(f, "credential", "secret of the service account as KIND:SECRET[=URL], once for each", &o.Credentials, credentials.Parse)
	f.StringVar(&o.CredentialsDir, "credentials-dir", "", "directory for the files with credentials")
	f.StringVar(&o.SecretsDir, "secrets-dir", "", "directory that has a folder for each secret")
	f.StringVar(&o.Passwd, "passwd", "", "file with the user's home directory, to which credentials are also copied")
	f.BoolVar(&o.BreakBefore, "break-before", false, "pause before the command starts")
	f.BoolVar(&o.BreakOnFailure, "break-on-failure", false, "pause after the command has failed")
	f.StringVar(&o.DebugDir, "debug-dir", breakpoint.Dir, "directory of the commands for breakpoints")
}

// list defines a flag that may be given several times, and collects its values.
func list[T any](f *flag.FlagSet, name, usage string, into *[]T, parse func(string) (T, error)) {
	f.Func(name, usage, func(s string) error {
		element, err := parse(s)
		*into = append(*into, element)
		return err
	})
}

// valid returns what is wrong with o.
func (o Options) valid() error {
	switch {
	case o.Step == "":
		return errors.New("-step is missing")
	case o.RunDir == "" && !o.Stay:
		return errors.New("-run is missing")
	case len(o.Command) == 0:
		return errors.New("the command is missing")
	case (o.ScriptPath == "") != (len(o.Script) == 0):
		return errors.New("-script-path and -script need each other")
	case o.OnError != OnErrorStop && o.OnError != OnErrorContinue:
		return fmt.Errorf("invalid -on-error %q: it must be %s or %s", o.OnError, OnErrorStop, OnErrorContinue)
	case o.Timeout < 0:
		return fmt.Errorf("invalid -timeout %s: it must not be negative", o.Timeout)
	case o.ReportResults && o.TerminationPath == "":
		return errors.New("-report-results needs -termination-path")
	case o.TerminationPath != "" && o.TerminationBudget < 1:
		return fmt.Errorf("invalid -termination-budget %d: it must be positive", o.TerminationBudget)
	case o.MaxResultSize < 1:
		return fmt.Errorf("invalid -max-result-size %d: it must be positive", o.MaxResultSize)
	case len(o.Credentials) > 0 && (o.CredentialsDir == "" || o.SecretsDir == ""):
		return errors.New("-credential needs -credentials-dir and -secrets-dir")
	}
	return o.Signing.valid()
}

// valid returns what is wrong with s.
func (s Signing) valid() error {
	if s.Socket != "" && (s.Identity == "" || s.Nonce == "" || s.Run.Namespace == "" || s.Run.Name == "" || s.Run.UID == "") {
		return errors.New("-sign-socket needs -sign-identity, -sign-nonce, -sign-namespace, -sign-taskrun and -sign-uid")
	}
	return nil
}
