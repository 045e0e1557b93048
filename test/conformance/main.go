// Conformance applies every YAML file of a folder to the current cluster, each in a separate namespace, and waits until its
// runs have ended. It prints a table, and fails unless all runs ended as expected.
//
//	conformance -suite DIR [-mode termination-message|sidecar-logs] [-only REGEXP] [-parallel N] [-timeout DURATION]
//	            [-expect FILE] [-keep] [-beside [-strict IP]]
//
// A file with a TaskRun or a PipelineRun is a case. A file without one belongs to all cases of its folder. A file with an
// expected failure has a directive, in a comment at the beginning of a line:
//
//	# expect: REASON               every run of the file ends with this reason
//	# expect: REASON: TEXT         and with TEXT in its message
//	# expect: refused: TEXT        the API server refuses one of the objects, with TEXT in its message
//	# expect FLAG=VALUE: REASON    the same, on clusters with this feature flag
//	# needs: FLAG=VALUE …          the file is for clusters with these feature flags, and is skipped on others
//
// With -beside the controller under test is Sluice beside Tekton: the namespaces get the label sluice.dev/engine=sluice, the flags
// are those of Tekton and of sluice-settings, and a run that the webhook has not marked is a failure. -strict refuses, as Tekton's
// webhook does, every write with a field that Tekton's types do not have, and fails if Sluice has tried one. The API server must reach
// this machine at the IP address.
//
// A separate file (-expect) holds the expectations of files that must not be changed. With -mode the program changes the flag
// results-from while it runs, and restores it at the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-ci/sluice/test/conformance/cluster"
	"github.com/sluice-ci/sluice/test/conformance/report"
	"github.com/sluice-ci/sluice/test/conformance/runner"
	"github.com/sluice-ci/sluice/test/conformance/strict"
	"github.com/sluice-ci/sluice/test/conformance/suite"
)

// goingTime bounds the wait for the deletion of the namespaces at the end.
const goingTime = 2 * time.Minute

// errFailed is the error if not all files ended as expected. The table shows which.
var errFailed = errors.New("not all files passed")

type options struct {
	suite, mode, only, expect, installation string
	parallel                                int
	timeout                                 time.Duration
	keep, beside                            bool
	strict                                  string
}

func main() {
	var o options
	flag.StringVar(&o.suite, "suite", "", "folder with YAML files")
	flag.StringVar(&o.mode, "mode", "", "value of results-from for the run: termination-message or sidecar-logs (default: the current value)")
	flag.StringVar(&o.only, "only", "", "regular expression: run only files whose path below the folder matches")
	flag.StringVar(&o.expect, "expect", "", "file with directives for files that must not be changed: NAME # expect: REASON")
	flag.StringVar(&o.installation, "namespace", "tekton-pipelines", "namespace of the controller and its settings; with -beside, of Tekton")
	flag.BoolVar(&o.beside, "beside", false, "test Sluice beside Tekton")
	flag.StringVar(&o.strict, "strict", "", "with -beside: refuse fields that Tekton does not have, on this `IP` address of this machine")
	flag.IntVar(&o.parallel, "parallel", 2, "number of files that run at the same time")
	flag.DurationVar(&o.timeout, "timeout", 3*time.Minute, "time limit of one file")
	flag.BoolVar(&o.keep, "keep", false, "do not delete the namespaces")
	flag.Parse()
	log.SetLogger(logr.Discard()) // the API server's warnings are not part of the test
	if err := conformance(o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func conformance(o options) (failed error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	only, err := regexp.Compile(o.only)
	switch {
	case err != nil:
		return fmt.Errorf("cannot use -only %q: %w", o.only, err)
	case o.suite == "":
		return errors.New("cannot start without -suite: give a folder with YAML files")
	case o.strict != "" && !o.beside:
		return errors.New("cannot use -strict without -beside: only beside Tekton the kinds are those of Tekton")
	case o.parallel < 1:
		return fmt.Errorf("cannot use -parallel %d: give 1 or more", o.parallel)
	}
	cases, err := load(o, only)
	if err != nil {
		return err
	}
	place := cluster.Alone(o.installation)
	if o.beside {
		place = cluster.Beside(o.installation)
	}
	c, err := cluster.Connect(place, strconv.FormatInt(time.Now().UnixNano(), 36))
	if err != nil {
		return err
	}
	c.Keep = o.keep
	defer func() { failed = errors.Join(failed, gone(ctx, c)) }()
	if o.strict != "" {
		stop, err := strict.Start(ctx, c.Client(), o.strict)
		if err != nil {
			return err
		}
		defer func() { failed = errors.Join(failed, stop()) }()
	}
	if o.mode != "" {
		restore, err := c.UseMode(ctx, o.mode)
		if err != nil {
			return errors.Join(err, restore())
		}
		return errors.Join(try(ctx, c, cases, o), restore())
	}
	return try(ctx, c, cases, o)
}

// load reads the suite.
func load(o options, only *regexp.Regexp) ([]suite.Case, error) {
	var text []byte
	if o.expect != "" {
		var err error
		if text, err = os.ReadFile(o.expect); err != nil {
			return nil, fmt.Errorf("cannot read expectations: %w", err)
		}
	}
	extra, err := suite.ParseDirectives(string(text))
	if err != nil {
		return nil, fmt.Errorf("cannot parse expectations %q: %w", o.expect, err)
	}
	return suite.Load(o.suite, only, extra)
}

// try runs the cases and prints their results.
func try(ctx context.Context, c *cluster.Cluster, cases []suite.Case, o options) error {
	flags, err := c.Flags(ctx)
	if err != nil {
		return err
	}
	r := &runner.Runner{
		Cluster: c, Parallel: o.parallel, Timeout: o.timeout, Flags: flags,
		Done: func(result runner.Result) { report.Progress(os.Stderr, result) },
	}
	results := r.Run(ctx, cases)
	fmt.Fprintln(os.Stderr)
	if err := report.Table(os.Stdout, results); err != nil {
		return err
	}
	if !report.OK(results) {
		return errFailed
	}
	return nil
}

// gone waits for the deletion of the namespaces, so that nothing is left when the program ends.
func gone(ctx context.Context, c *cluster.Cluster) error {
	if c.Keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goingTime)
	defer cancel()
	left, err := c.AwaitGone(ctx)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("these namespaces still exist after %s: %q", goingTime, left)
	}
	return err
}
