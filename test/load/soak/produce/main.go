// Produce is the program of a soak's steps. It writes the results of one step of one run.
//
// usage: produce -seed SEED -run NUMBER -step STEP NAME=PATH…
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/sluice-ci/sluice/test/load/soak/plan"
)

func main() {
	seed := flag.Uint64("seed", 0, "seed of the soak")
	number := flag.Int("run", 0, "number of the run")
	step := flag.Int("step", 0, "number of the step, from 0")
	flag.Parse()
	if err := produce(plan.Make(*seed, *number), *step, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// produce writes each result of the step to the path given for its name.
func produce(run plan.Run, step int, paths []string) error {
	for _, r := range run.Results {
		if r.Step != step {
			continue
		}
		path, err := find(paths, r.Name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, r.File(), 0o644); err != nil {
			return fmt.Errorf("cannot write result %q: %w", r.Name, err)
		}
		fmt.Printf("%s: %s of %s, %d bytes\n", r.Name, r.Type, r.Kind, r.Size())
	}
	return nil
}

func find(paths []string, name string) (string, error) {
	for _, given := range paths {
		if key, path, _ := strings.Cut(given, "="); key == name {
			return path, nil
		}
	}
	return "", fmt.Errorf("cannot write result %q: no path is given for it", name)
}
