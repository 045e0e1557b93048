// Package takeover is `sluice takeover`: it shows what moving a whole cluster from Tekton to Sluice would do.
package takeover

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/takeover/plan"
	"github.com/sluice-ci/sluice/internal/cli/formatflag"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// NewCommand returns the command `sluice takeover`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	c := &cobra.Command{
		Use:   "takeover",
		Short: "Plan how to move a whole cluster from Tekton to Sluice",
		Long: `Plans how to move a whole cluster from Tekton to Sluice. To move single namespaces, and keep Tekton for the others, install
Sluice beside it: sluice install --beside-tekton.`,
		Example: `  sluice takeover plan > plan.md`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPlan(t, source))
	return c
}

// Options has the arguments of `sluice takeover plan`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Output is the output format.
	Output Format
}

// Format is the value of -o. Parsing the flag rejects an unknown format.
type Format string

// The formats.
const (
	Markdown Format = "markdown"
	JSON     Format = "json"
)

func newPlan(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Output: Markdown}
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what moving the cluster to Sluice would do, step by step",
		Long: `Reads a cluster with Tekton, and prints a plan: the versions, the kinds with the versions of their stored objects, the
webhooks, the runs that have not ended, each setting and what it does in Sluice, the resolvers, custom tasks, the programs that
are clients of Tekton, and the policies. Then it lists the steps of the move, what cannot move yet, and which removal would delete
objects.

It changes nothing. What you may not read is listed in the plan with the missing right.`,
		Example: `  sluice takeover plan > plan.md
  sluice takeover plan -o json | jq .blockers`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.Run(c.Context()) },
	}
	formatflag.Register(c, &o.Output, Markdown, JSON)
	return c
}

// Run reads the cluster and prints the plan.
func (o *Options) Run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	server, err := c.Kube.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("cannot read the version of the cluster: %w", err)
	}
	p := plan.Of(plan.Observe(ctx, c.Client, server.GitVersion))
	if o.Output == JSON {
		encoder := json.NewEncoder(o.Terminal.Out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(p)
	}
	_, err = io.WriteString(o.Terminal.Out, p.Markdown())
	return err
}
