package cli

import (
	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/localkube/internal/lifecycle"
)

func newStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print the status of the cluster; the exit status is 0 only if it has no problem",
		Args:  cobra.NoArgs,
	}
	dir := dirFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, c, err := dir.existing()
		if err != nil {
			return err
		}
		status := lifecycle.Look(cmd.Context(), d, c)
		if asJSON {
			err = status.WriteJSON(cmd.OutOrStdout())
		} else {
			err = status.WriteText(cmd.OutOrStdout())
		}
		if err != nil {
			return err
		}
		return status.Problem()
	}
	return cmd
}
