// Command inpod is the program that runs in pods: the entrypoint of each step, and the results sidecar.
package main

import (
	"os"

	"github.com/sluice-ci/sluice/internal/inpod"
)

func main() { os.Exit(inpod.Main(os.Args, os.Stdout, os.Stderr)) }
