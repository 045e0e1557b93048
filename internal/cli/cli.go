// Package cli is the command line sluice: its root command, its subcommands, and their exit status.
package cli

import (
	"context"
	"errors"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/bundle"
	"github.com/sluice-ci/sluice/internal/cli/cmd/cancel"
	"github.com/sluice-ci/sluice/internal/cli/cmd/compare"
	"github.com/sluice-ci/sluice/internal/cli/cmd/convert"
	"github.com/sluice-ci/sluice/internal/cli/cmd/deletecmd"
	"github.com/sluice-ci/sluice/internal/cli/cmd/describe"
	"github.com/sluice-ci/sluice/internal/cli/cmd/doctor"
	"github.com/sluice-ci/sluice/internal/cli/cmd/engine"
	"github.com/sluice-ci/sluice/internal/cli/cmd/explain"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install"
	"github.com/sluice-ci/sluice/internal/cli/cmd/list"
	"github.com/sluice-ci/sluice/internal/cli/cmd/logs"
	"github.com/sluice-ci/sluice/internal/cli/cmd/migrate"
	"github.com/sluice-ci/sluice/internal/cli/cmd/prune"
	"github.com/sluice-ci/sluice/internal/cli/cmd/resolve"
	"github.com/sluice-ci/sluice/internal/cli/cmd/results"
	"github.com/sluice-ci/sluice/internal/cli/cmd/run"
	"github.com/sluice-ci/sluice/internal/cli/cmd/sign"
	"github.com/sluice-ci/sluice/internal/cli/cmd/takeover"
	"github.com/sluice-ci/sluice/internal/cli/cmd/timeline"
	"github.com/sluice-ci/sluice/internal/cli/cmd/ui"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate"
	"github.com/sluice-ci/sluice/internal/cli/docgen"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/version"
)

// The groups of commands in help.
const (
	groupRuns    = "runs"
	groupFiles   = "files"
	groupCluster = "cluster"
)

// NewCommand returns the root command with its subcommands.
func NewCommand(t *terminal.Terminal) *cobra.Command {
	flags := &cluster.Flags{Warnings: t.Err}
	root := &cobra.Command{
		Use:     "sluice",
		Version: version.Current().String(),
		Short:   "Run Tasks and Pipelines, and get their results",
		Long: `sluice runs Tasks and Pipelines (tekton.dev/v1) on a cluster, shows their progress, and fetches their results.

RUN, in all commands, is a name, taskrun/NAME (tr/NAME) or pipelinerun/NAME (pr/NAME).

Exit status: 0 success, also of a run that the command waited for; 1 the run failed, or a check found a problem;
2 the command line is invalid, or the command could not do its work; 130 interrupted.`,
		Example: `  sluice run -f pipelinerun.yaml       # start it, watch it, show its results
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
	addCommands(root, t, flags)
	root.AddCommand(docgen.NewCommand(t))
	return root
}

// addCommands adds the commands that users see, by group.
func addCommands(root *cobra.Command, t *terminal.Terminal, flags *cluster.Flags) {
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
		timeline.NewCommand(t, flags),
		cancel.NewCommand(t, flags),
		deletecmd.NewCommand(t, flags),
		prune.NewCommand(t, flags),
	)
	add(root, groupFiles,
		validate.NewCommand(t, flags),
		convert.NewCommand(t),
		graph.NewCommand(t, flags),
		resolve.NewCommand(t, flags),
		bundle.NewCommand(t),
		sign.NewCommand(t),
		sign.NewVerifyCommand(t),
	)
	add(root, groupCluster,
		ui.NewCommand(t, flags),
		doctor.NewCommand(t, flags),
		engine.NewCommand(t, flags),
		compare.NewCommand(t, flags),
		migrate.NewCommand(t, flags),
		install.NewCommand(t, flags),
		install.NewRemoveCommand(t, flags),
		takeover.NewCommand(t, flags),
	)
}

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// unknownCommand rejects arguments of the root command, and suggests similar commands.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hints := []string{c.CommandPath() + " --help lists the commands"}
	for _, name := range c.SuggestionsFor(args[0]) {
		hints = append([]string{"did you mean " + c.CommandPath() + " " + name + "?"}, hints...)
	}
	return clierror.New("unknown command "+args[0], hints...)
}

// Main runs sluice with args, prints errors, and returns the exit status. When ctx ends, the command ends as if its user had
// interrupted it.
func Main(ctx context.Context, t *terminal.Terminal, args []string) clierror.Code {
	// The clients of controller-runtime have a log, and print a stack if it is not set after 30 seconds. The errors of commands
	// say what users need.
	log.SetLogger(logr.Discard())
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
