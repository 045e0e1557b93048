// Package cli is the command line sluice: its root command, the commands below it, and how each of them ends.
package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/cancel"
	"github.com/sluice-ci/sluice/internal/cli/cmd/deletecmd"
	"github.com/sluice-ci/sluice/internal/cli/cmd/describe"
	"github.com/sluice-ci/sluice/internal/cli/cmd/doctor"
	"github.com/sluice-ci/sluice/internal/cli/cmd/explain"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install"
	"github.com/sluice-ci/sluice/internal/cli/cmd/list"
	"github.com/sluice-ci/sluice/internal/cli/cmd/logs"
	"github.com/sluice-ci/sluice/internal/cli/cmd/results"
	"github.com/sluice-ci/sluice/internal/cli/cmd/run"
	"github.com/sluice-ci/sluice/internal/cli/cmd/ui"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate"
	"github.com/sluice-ci/sluice/internal/cli/docgen"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/version"
)

// The groups in which help lists commands.
const (
	groupRuns    = "runs"
	groupFiles   = "files"
	groupCluster = "cluster"
)

// NewCommand is sluice itself, with everything below it.
func NewCommand(t *terminal.Terminal) *cobra.Command {
	flags := &cluster.Flags{Warnings: t.Err}
	root := &cobra.Command{
		Use:     "sluice",
		Version: version.Current().String(),
		Short:   "Run Tasks and Pipelines, and get at what they produced",
		Long: `sluice runs Tasks and Pipelines (tekton.dev/v1) on a cluster, shows how they get on, and fetches what they produced.

RUN, in all commands, is a name, taskrun/NAME (tr/NAME) or pipelinerun/NAME (pr/NAME).

Exit status: 0 it was done, and a run that was waited for succeeded; 1 the run failed, or a check found something;
2 the command could not be used so, or could not do its work; 130 interrupted.`,
		Example: `  sluice run -f pipelinerun.yaml       # start it, watch it, see its results
  sluice list                          # what ran
  sluice explain RUN                   # why it failed, and what to do`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(t.In)
	root.SetOut(t.Out)
	root.SetErr(t.Err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return clierror.Usage(c.CommandPath(), "%w", err) })
	root.SuggestionsMinimumDistance = 2
	flags.Register(root.PersistentFlags())
	flags.Complete(root)
	root.AddGroup(
		&cobra.Group{ID: groupRuns, Title: "Runs:"},
		&cobra.Group{ID: groupFiles, Title: "Files and graphs:"},
		&cobra.Group{ID: groupCluster, Title: "The cluster:"},
	)
	add(root, groupRuns,
		run.NewCommand(t, flags),
		list.NewCommand(t, flags),
		describe.NewCommand(t, flags),
		results.NewCommand(t, flags),
		logs.NewCommand(t, flags),
		explain.NewCommand(t, flags),
		cancel.NewCommand(t, flags),
		deletecmd.NewCommand(t, flags),
	)
	add(root, groupFiles,
		validate.NewCommand(t),
		graph.NewCommand(t, flags),
	)
	add(root, groupCluster,
		ui.NewCommand(t, flags),
		doctor.NewCommand(t, flags),
		install.NewCommand(t, flags),
		install.NewRemoveCommand(t, flags),
	)
	root.AddCommand(docgen.NewCommand(t))
	return root
}

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// unknownCommand refuses arguments of the root command, with the commands that somebody may have meant.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hints := []string{c.CommandPath() + " --help lists the commands"}
	for _, name := range c.SuggestionsFor(args[0]) {
		hints = append([]string{"did you mean " + c.CommandPath() + " " + name + "?"}, hints...)
	}
	return clierror.New("there is no command "+args[0], hints...)
}

// Main runs sluice with these arguments, says what went wrong, and returns the exit status. When ctx ends, the command is
// ended as by its user.
func Main(ctx context.Context, t *terminal.Terminal, args []string) clierror.Code {
	root := NewCommand(t)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return clierror.Success
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return clierror.Interrupted
	}
	if _, known := errors.AsType[*clierror.Error](err); !known && isUsage(err) {
		err = clierror.Usage(command.CommandPath(), "%w", err)
	}
	err = cluster.Explain(err)
	t.Report(err)
	return clierror.CodeOf(err)
}
