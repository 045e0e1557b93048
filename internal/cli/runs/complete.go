package runs

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
)

// Complete returns the shell completion of a RUN: the names in the cluster. With many false it completes only the first argument.
// After an error there is no completion, because a shell cannot show the error.
func Complete(source cluster.Source, many bool) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 && !many {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, err := source.Connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		prefix, typed := "", FullName{}
		if kind, _, found := strings.Cut(text, "/"); found {
			prefix = kind + "/"
			typed.Kind, _ = KindOf(kind)
		}
		var all []cobra.Completion
		for _, kind := range kindsOf(typed) {
			names, err := Names(command.Context(), c, kind)
			if err != nil {
				continue
			}
			for _, name := range names {
				all = append(all, cobra.CompletionWithDesc(prefix+name, kind))
			}
		}
		all = slices.DeleteFunc(all, func(name string) bool {
			name, _, _ = strings.Cut(name, "\t")
			return !strings.HasPrefix(name, text) || slices.Contains(args, name)
		})
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}
