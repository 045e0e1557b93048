// Step is the program of the steps of a chaos run. It does what test/chaos/plan says for its step and attempt, and records in
// test/chaos/ledger what it did.
//
// usage: step [SCRIPT] -seed SEED -run NUMBER -task NAME -step STEP -attempt NUMBER [-copy VALUE] NAME=PATH…
//
// SCRIPT is a file that contains the value for the step, between two marks. POD_UID is the UID of its pod.
//
//	step -deed DO:NUMBER:NAME… NAME=PATH…    runs the actions of a step of the hostile tenant (package attack)
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		code = wrong
	}
	os.Exit(code)
}

// run parses the arguments and runs the step.
func run(args []string) (code int, err error) {
	o := order{pod: os.Getenv("POD_UID"), paths: map[string]string{}}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		o.script, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("step", flag.ContinueOnError)
	flags.Uint64Var(&o.seed, "seed", 0, "seed of the runs")
	flags.IntVar(&o.run, "run", 0, "number of the run")
	flags.StringVar(&o.task, "task", "", "name of the task")
	flags.IntVar(&o.step, "step", 0, "number of the step, from 0")
	flags.IntVar(&o.attempt, "attempt", 0, "number of the attempt, from 0")
	flags.StringVar(&o.copied, "copy", "", "value of the matrix")
	d := deeds{paths: o.paths, runs: runs, out: os.Stdout}
	d.bind(flags)
	flags.String("namespace", "", "namespace of the run, which identifies its processes")
	if err := flags.Parse(args); err != nil {
		return 0, err
	}
	for _, given := range flags.Args() {
		name, path, ok := strings.Cut(given, "=")
		if !ok {
			return 0, fmt.Errorf("cannot use argument %q: want NAME=PATH", given)
		}
		o.paths[name] = path
	}
	if len(d.all) > 0 {
		return d.do()
	}
	return o.do()
}
