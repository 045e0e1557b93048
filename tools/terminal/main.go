// Terminal draws pictures of terminal sessions. A session is a block of a page, whose commands hack/test-tutorials.sh runs and whose
// output it compares; so the picture shows what the commands print. A mark before the block has the file of the picture, relative to
// the page, and its title:
//
//	<!-- terminal: ../pictures/terminal.svg | A Task fails, and the command says why -->
//
// In a project it draws the pictures of all pages below docs:
//
//	terminal PROJECT
package main

import (
	"errors"
	"fmt"
	"os"
)

var errUsage = errors.New("cannot parse the command line: want `terminal PROJECT`")

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	pictures, err := pictures(args[0])
	if err != nil {
		return err
	}
	for path, picture := range pictures {
		if err := os.WriteFile(path, []byte(picture), 0o644); err != nil {
			return fmt.Errorf("cannot write a picture: %w", err)
		}
	}
	return nil
}
