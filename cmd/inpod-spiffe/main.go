// Command inpod-spiffe is the command inpod plus signing of results with a SPIFFE identity. A pod has it only if the results
// must be signed.
package main

import (
	"os"

	"github.com/sluice-ci/sluice/internal/inpod"
	"github.com/sluice-ci/sluice/internal/spiffe"
)

func main() {
	os.Exit(inpod.Program{Signer: spiffe.Signer{}}.Main(os.Args, os.Stdout, os.Stderr))
}
