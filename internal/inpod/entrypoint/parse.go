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

// ParseOptions reads the arguments of the entrypoint. Usage goes to usage when they ask for it or are wrong.
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

// commandFlags are those that say what is to be run, and when.
func commandFlags(f *flag.FlagSet, o *Options) {
	f.StringVar(&o.Step, "step", "", "name of the container")
	f.StringVar(&o.RunDir, "run", "", "run directory of this step")
	f.StringVar(&o.After, "after", "", "run directory of the step to wait for")
	f.StringVar(&o.ScriptPath, "script-path", "", "file to write the script to, and to run")
	list(f, "script", "piece of the encoded script, in order", &o.Script, func(s string) (string, error) { return s, nil })
	list(f, "when", "expression that must hold, as JSON, once for each", &o.Conditions, when.Parse)
	list(f, "reference", "result of an earlier step as TOKEN NAME:TYPE=PATH [PART], once for each", &o.References, stepresult.Parse)
	f.StringVar(&o.WorkDir, "workdir", "", "directory to run in, made if missing")
	f.DurationVar(&o.Timeout, "timeout", 0, "how long the command may run, 0 for ever")
	f.StringVar(&o.OnError, "on-error", OnErrorStop, "what a failure does: "+OnErrorStop+" or "+OnErrorContinue)
	f.StringVar(&o.Stdout, "stdout-path", "", "file to write the standard output to as well")
	f.StringVar(&o.Stderr, "stderr-path", "", "file to write the standard error to as well")
	f.BoolVar(&o.Stay, "stay", false, "record the command's end and stay until asked to end")
}

// resultFlags are those that say what becomes of results, and of how the step ended.
func resultFlags(f *flag.FlagSet, o *Options) {
	list(f, "result", "declared result as NAME:TYPE=PATH, once for each", &o.Results, results.ParseFile)
	f.StringVar(&o.OwnResults, "own-results", "", "directory of results of the step's own, made if missing")
	f.BoolVar(&o.ReportResults, "report-results", false, "write results into the termination message")
	f.StringVar(&o.ResultsFrom, "results-from", "", "name of how results leave the pod, for who reads the pod's spec")
	f.Int64Var(&o.MaxResultSize, "max-result-size", results.DefaultMaxSize, "bytes that the value of one result may have")
	f.StringVar(&o.TerminationPath, "termination-path", "", "file of the termination message")
	f.IntVar(&o.TerminationBudget, "termination-budget", 0, "bytes that the termination message may have")
}

// signingFlags are those that say what is signed.
func signingFlags(f *flag.FlagSet, s *Signing) {
	f.StringVar(&s.Socket, "sign-socket", "", "address of the Workload API, empty for nothing to be signed")
	f.StringVar(&s.Identity, "sign-identity", "", "path of the SPIFFE ID to sign as")
	f.StringVar(&s.Run.Namespace, "sign-namespace", "", "namespace of the TaskRun")
	f.StringVar(&s.Run.Name, "sign-taskrun", "", "name of the TaskRun")
	f.StringVar(&s.Run.UID, "sign-uid", "", "UID of the TaskRun")
	f.StringVar(&s.Nonce, "sign-nonce", "", "what tells this pod from all others")
}

// surroundingFlags are those that say what the command finds around it.
func surroundingFlags(f *flag.FlagSet, o *Options) {
	list(f, "credential", "secret of the service account as KIND:SECRET[=URL], once for each", &o.Credentials, credentials.Parse)
	f.StringVar(&o.CredentialsDir, "credentials-dir", "", "directory that credentials are made ready in")
	f.StringVar(&o.SecretsDir, "secrets-dir", "", "directory that has a folder for each secret")
	f.StringVar(&o.Passwd, "passwd", "", "file that names the user's home directory, where credentials go as well")
	f.BoolVar(&o.BreakBefore, "break-before", false, "wait for the user before the command starts")
	f.BoolVar(&o.BreakOnFailure, "break-on-failure", false, "wait for the user when the command has failed")
	f.StringVar(&o.DebugDir, "debug-dir", breakpoint.Dir, "directory in which the user answers")
}

// list makes a flag that may be given several times, and adds to what it was given before.
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
		return errors.New("there is no command to run")
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
