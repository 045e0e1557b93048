// Prose finds phrases that the project does not use in comments, messages, help of flags and pages.
//
//	prose [-rules FOLDER] [-todo FILE] [-warnings] [PATH…]
//
// reads the files at the paths (without a path, the current folder) and prints what breaks a rule, as FILE:LINE: message.
// It fails when there is an error, or when a path in the list of -todo has none and can be removed from the list.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	code, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	os.Exit(code)
}

// run is the program. It returns the exit code: 1 for findings, 2 with an error.
func run(args []string, stdout io.Writer) (int, error) {
	flags := flag.NewFlagSet("prose", flag.ContinueOnError)
	rules := flags.String("rules", "tools/prose/styles/Sluice", "read the rules in this folder")
	todo := flags.String("todo", "", "skip the paths that this file lists; fail if one of them has no error left")
	warnings := flags.Bool("warnings", false, "print warnings, too; they never fail the run")
	if err := flags.Parse(args); err != nil {
		return 2, fmt.Errorf("cannot parse the command line: %w", err)
	}
	linter, err := newLinter(*rules, *todo)
	if err != nil {
		return 2, err
	}
	paths := flags.Args()
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		if err := linter.walk(path); err != nil {
			return 2, err
		}
	}
	out := bufio.NewWriter(stdout)
	failed := linter.report(out, *warnings)
	if err := out.Flush(); err != nil {
		return 2, fmt.Errorf("cannot print findings: %w", err)
	}
	if failed {
		return 1, nil
	}
	return 0, nil
}
