// Command inpod-spiffe is command inpod with what it takes to sign results by a SPIFFE identity. Pods have it only where
// results are to be signed.
package main

import (
	"os"

	"github.com/sluice-ci/sluice/internal/inpod"
	"github.com/sluice-ci/sluice/internal/spiffe"
)

func main() {
	os.Exit(inpod.Program{Signer: spiffe.Signer{}}.Main(os.Args, os.Stdout, os.Stderr))
}
