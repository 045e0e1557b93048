// Package doctor is `sluice doctor`: it checks a cluster, and suggests how to fix problems.
package doctor

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options has the arguments of `sluice doctor`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Readers read what the client of the cluster does not.
	Readers Readers
	// Output is the output format.
	Output table.Format
}

// NewCommand returns the command `sluice doctor`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Readers: Readers{Configz: viaProxy, OpenAPI: published, Storage: scraped}}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether the cluster is ready for runs, and what to do",
		Long: `Checks the version of the cluster, the kinds, the controller, other controllers, the settings, the right to read logs, the
webhooks, the rotation of logs on the nodes, how full etcd is, and your rights. It changes nothing: the request for the webhooks is
a dry run.

Beside Tekton it also shows the settings in force and where each comes from, the fields that Tekton's kinds lack, the
namespaces of Sluice, and the runs there that the webhook has missed.

If you may not read something, doctor prints a warning with the missing right.

Exit status: 0 runs can work (there may be warnings), 1 there is a problem.`,
		Example: `  sluice doctor
  sluice doctor -o json | jq '.findings[] | select(.level != "ok")'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.Run(c.Context()) },
	}
	o.Output.Register(c)
	return c
}

// report is the output for programs.
type report struct {
	Findings []Finding `json:"findings"`
	Problems int       `json:"problems"`
	Warnings int       `json:"warnings"`
}

// Run runs all checks and prints the findings.
func (o *Options) Run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	if _, err := c.Kube.Discovery().ServerVersion(); err != nil {
		return fmt.Errorf("cannot read the version of the cluster: %w", err)
	}
	r := report{Findings: Examine(ctx, c, o.Readers)}
	for _, f := range r.Findings {
		switch f.Level {
		case Problem:
			r.Problems++
		case Warning:
			r.Warnings++
		case OK:
		}
	}
	if err := o.Output.Write(o.Terminal.Out, r, func(w io.Writer) error { return o.print(w, r) }); err != nil {
		return err
	}
	if r.Problems > 0 {
		return clierror.Quiet(clierror.RunFailed)
	}
	return nil
}

// Examine runs all checks in order.
func Examine(ctx context.Context, c *cluster.Cluster, readers Readers) []Finding {
	p := observe(ctx, c, readers)
	var findings []Finding
	for _, check := range checks() {
		for _, f := range check.look(ctx, p) {
			f.Check = check.name
			findings = append(findings, f)
		}
	}
	return findings
}

// check is one check.
type check struct {
	name string
	look func(ctx context.Context, p *patient) []Finding
}

func checks() []check {
	return []check{ // some have findings only beside Tekton
		{"cluster", version},
		{"kinds", kinds},
		{"controller", controller},
		{"other controllers", others},
		{"resolvers", resolvers},
		{"settings", settings},
		{"settings in force", inForce},
		{"fields", leftOut},
		{"namespaces", namespaces},
		{"log access", logAccess},
		{"webhooks", webhooks},
		{"log rotation", rotation},
		{"storage", stored},
		{"your rights", rights},
	}
}

func (o *Options) print(w io.Writer, r report) error {
	t := o.Terminal
	width := 0
	for _, f := range r.Findings {
		width = max(width, len(f.Check))
	}
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %-*s  %s\n", t.Paint(f.Level.color(), f.Level.mark()), width, f.Check, terminal.Line(f.What))
		if f.Fix != "" {
			fmt.Fprintf(&b, "  %*s  %s %s\n", width, "", t.Paint(terminal.Cyan, "fix:"), f.Fix)
		}
	}
	if r.Problems+r.Warnings == 0 {
		b.WriteString("no problems\n")
	} else {
		fmt.Fprintf(&b, "%s, %s\n", counted(r.Problems, "problem"), counted(r.Warnings, "warning"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
