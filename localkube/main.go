// Localkube is a real Kubernetes for one machine, in one binary. Every component is a role of the binary, selected by the
// name under which it is called.
package main

import (
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/localkube/internal/cli"
	"github.com/sluice-ci/sluice/localkube/internal/role"
)

func main() {
	if name := filepath.Base(os.Args[0]); role.Known(name) {
		os.Exit(role.Run(name, os.Args[1:]))
	}
	if len(os.Args) > 1 && role.Known(os.Args[1]) && os.Args[1] != role.Kubectl {
		os.Exit(role.Run(os.Args[1], os.Args[2:]))
	}
	os.Exit(cli.Run())
}
