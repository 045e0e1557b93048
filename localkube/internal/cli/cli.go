// Package cli is the command line of localkube.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// Run is the main function of every command that is not a component of Kubernetes. It returns the exit status.
func Run() int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	err := newRoot().ExecuteContext(ctx)
	if status, ok := errors.AsType[exitError](err); ok {
		return int(status)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	return 0
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:               "localkube",
		Short:             "A real Kubernetes for one machine, in one binary",
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(newUp(), newDown(), newStatus(), newKubeconfig(), newRegistry(), newLoad(), newKubectl(), newFault(), newSupervisor())
	return root
}

// dirFlag adds the flag --dir, which every command has.
func dirFlag(cmd *cobra.Command) *dirValue {
	d := &dirValue{}
	cmd.Flags().StringVar(&d.given, "dir", "", "directory of the cluster (default $XDG_STATE_HOME/localkube or ~/.local/state/localkube)")
	return d
}

type dirValue struct{ given string }

// dir returns the absolute path of the value of --dir, without symbolic links.
func (d *dirValue) dir() (state.Dir, error) {
	if d.given != "" {
		return state.Resolve(d.given)
	}
	dir, err := state.DefaultDir()
	if err != nil {
		return "", err
	}
	return state.Resolve(string(dir))
}

// existing returns the directory and the state of the cluster in it. It fails if there is no cluster.
func (d *dirValue) existing() (state.Dir, state.Cluster, error) {
	dir, err := d.dir()
	if err != nil {
		return "", state.Cluster{}, err
	}
	c, ok, err := dir.LoadCluster()
	if err != nil {
		return "", state.Cluster{}, err
	}
	if !ok {
		return "", state.Cluster{}, fmt.Errorf("cannot find a cluster in %q: bring one up with `localkube up`, or name another with --dir", dir)
	}
	return dir, c, nil
}
