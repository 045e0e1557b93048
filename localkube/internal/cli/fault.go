package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

// newFault groups the commands that break a component of the cluster on purpose, and repair it.
func newFault() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fault",
		Short: "Break a component of the cluster on purpose, and repair it",
		Example: `  localkube fault stop kubelet
  localkube fault start kubelet
  localkube fault restart kube-apiserver`,
		RunE: func(_ *cobra.Command, args []string) error {
			return fmt.Errorf("cannot do fault %q: unknown fault; see localkube fault --help for the known ones", strings.Join(args, " "))
		},
	}
	for _, one := range []struct {
		fault supervisor.Fault
		short string
	}{
		{supervisor.Stop, "Kill a component; the cluster stays up without it"},
		{supervisor.Start, "Start a component that has stopped, and wait until it is healthy"},
		{supervisor.Restart, "Kill a component, start it, and wait until it is healthy"},
		{supervisor.Pause, "Pause a component: it neither runs nor ends"},
		{supervisor.Resume, "Resume a paused component"},
	} {
		cmd.AddCommand(newOneFault(one.fault, one.short))
	}
	return cmd
}

func newOneFault(fault supervisor.Fault, short string) *cobra.Command {
	cmd := &cobra.Command{Use: fmt.Sprintf("%s COMPONENT", fault), Short: short, Args: cobra.ExactArgs(1)}
	dir := dirFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, _, err := dir.existing()
		if err != nil {
			return err
		}
		return supervisor.Inflict(cmd.Context(), d, fault, args[0])
	}
	return cmd
}
