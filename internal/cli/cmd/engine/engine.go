// Package engine is `sluice engine`: it shows and changes which controller runs the runs of a namespace, on a cluster where
// Sluice is installed beside Tekton.
package engine

import (
	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// NewCommand returns the command `sluice engine`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	c := &cobra.Command{
		Use:   "engine",
		Short: "Show and change which namespaces run on Sluice beside Tekton",
		Long: `On a cluster where Sluice is installed beside Tekton, a label of a namespace selects the controller ("engine") of the runs
that are created there: sluice.dev/engine=sluice selects Sluice, and without the label Tekton runs them. A run stays with
the controller that started it.`,
		Example: `  sluice engine list
  sluice engine use team-a
  sluice engine reset team-a`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newList(t, source), newUse(t, source), newReset(t, source))
	return c
}

// completeNamespaces completes the argument NAMESPACE. After an error there is no completion, because a shell cannot show it.
func completeNamespaces(source cluster.Source) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, err := source.Connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, err := namesOf(command.Context(), c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return beginning(names, text), cobra.ShellCompDirectiveNoFileComp
	}
}
