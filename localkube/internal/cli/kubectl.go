package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/localkube/internal/role"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// newKubectl runs kubectl on this cluster. It ignores KUBECONFIG, because a user who calls localkube means its cluster. All
// arguments are kubectl's, so --dir counts only before them.
func newKubectl() *cobra.Command {
	return &cobra.Command{
		Use:                "kubectl [--dir DIR] ARGUMENT...",
		Short:              "Run kubectl on the cluster",
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			var dir dirValue
			dir.given, args = takeDir(args)
			d, _, err := dir.existing()
			if err != nil {
				return err
			}
			return kubectl(d, args)
		},
	}
}

// kubectl runs kubectl on the cluster in the directory, in this process.
func kubectl(d state.Dir, args []string) error {
	if err := os.Setenv("KUBECONFIG", d.Kubeconfig()); err != nil {
		return fmt.Errorf("cannot set KUBECONFIG: %w", err)
	}
	if status := role.Run(role.Kubectl, args); status != 0 {
		return exitError(status)
	}
	return nil
}

// exitError is the error of a command that has already printed its errors.
type exitError int

// Error implements error.
func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// takeDir removes a leading --dir from the arguments and returns it.
func takeDir(args []string) (dir string, rest []string) {
	if len(args) > 0 {
		if value, ok := strings.CutPrefix(args[0], "--dir="); ok {
			return value, args[1:]
		}
	}
	if len(args) > 1 && args[0] == "--dir" {
		return args[1], args[2:]
	}
	return "", args
}
