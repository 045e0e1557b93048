// Package prune is `sluice prune`: it deletes finished runs by the rules of retention, or shows which it would delete.
package prune

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/retention"
)

// Options has the arguments of `sluice prune`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Now returns the time for ages.
	Now func() time.Time
	// DryRun: delete nothing.
	DryRun bool
	// Yes: delete without confirmation.
	Yes bool
	// Rules are the rules of the command line; empty: those of the installation.
	Rules Rules
	// Output is the output format.
	Output table.Format
}

// NewCommand returns the command `sluice prune`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	return newCommand(t, source, time.Now)
}

func newCommand(t *terminal.Terminal, source cluster.Source, now func() time.Time) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Now: now}
	c := &cobra.Command{
		Use:   "prune",
		Short: "Delete finished runs by the rules of retention, or show which would go",
		Long: `Shows which finished runs go by the rules of retention, and why, and deletes them after a confirmation. The rules are those of
default-retention in ConfigMap config-defaults; flags replace them. With --dry-run nothing is deleted.

A run goes with its pods, logs, results, and the runs that it owns. It never deletes a run that is under way, that another run
owns, that ended less than 30 s ago, that the annotation sluice.dev/keep keeps, or that Tekton Chains has not signed yet. A run
whose CloudEvents are not sent yet stays for ten minutes, unless its namespace has too many bytes.

Without a terminal, it needs --yes or --dry-run.`,
		Example: `  sluice prune --dry-run -A
  sluice prune --history-limit 5 --ttl 168h --yes
  sluice prune --stored-bytes-limit 200Mi --dry-run -o json | jq '.delete[].name'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.Rules.complete(c); err != nil {
				return err
			}
			return o.Run(c.Context())
		},
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "show what would be deleted, and delete nothing")
	c.Flags().BoolVarP(&o.Yes, "yes", "y", false, "do not ask for confirmation")
	o.Rules.register(c)
	o.Output.Register(c)
	return c
}

// Run decides, shows, and deletes.
func (o *Options) Run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	s, err := o.scope(ctx, c)
	if err != nil {
		return err
	}
	found, err := read(ctx, c, s)
	if err != nil {
		return err
	}
	decided := planOf(found, s.settings, o.Now())
	err = o.Output.Write(o.Terminal.Out, decided, func(w io.Writer) error { return decided.print(w, o, c.AllNamespaces) })
	if err != nil || o.DryRun || len(decided.Delete) == 0 {
		return err
	}
	if err := o.ask(len(decided.Delete)); err != nil {
		return err
	}
	return o.deleteAll(ctx, c, decided)
}

// read reads what a decision needs to know about the runs in the scope of c, by namespace. It reads CustomRuns only if a PipelineRun has
// some.
func read(ctx context.Context, c *cluster.Cluster, in scope) (map[string][]retention.Run, error) {
	found, custom := map[string][]retention.Run{}, false
	for _, kind := range []string{v1.KindPipelineRun, v1.KindTaskRun, v1beta1.KindCustomRun} {
		if kind == v1beta1.KindCustomRun && !custom {
			continue
		}
		err := runs.Each(ctx, c, kind, nil, func(r runs.Run) error {
			custom = custom || r.PipelineRun != nil && retention.HasCustomRuns(r.PipelineRun)
			if facts, ok := factsOf(r, in); ok {
				found[r.Namespace()] = append(found[r.Namespace()], facts)
			}
			return nil
		})
		if err != nil && (kind != v1beta1.KindCustomRun || !runs.Absent(err)) {
			return nil, err
		}
	}
	return found, nil
}

// ask asks the user to confirm the deletion.
func (o *Options) ask(n int) error {
	if o.Yes {
		return nil
	}
	if !o.Terminal.Interactive {
		return clierror.New(fmt.Sprintf("cannot ask for confirmation to delete %d runs: standard input is not a terminal", n),
			"use --yes to delete them without confirmation, or --dry-run to delete nothing")
	}
	fmt.Fprintf(o.Terminal.Err, "delete these %d runs, with their logs and results? [y/N] ", n)
	answer, err := bufio.NewReader(o.Terminal.In).ReadString('\n')
	if err != nil && answer == "" {
		return clierror.New("nothing was deleted: there was no answer")
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return clierror.New("nothing was deleted")
	}
	return nil
}

// deleteAll deletes the runs in the versions that were decided about. A run that has changed meanwhile stays, and so does one that a policy
// or a webhook of the cluster protects.
func (o *Options) deleteAll(ctx context.Context, c *cluster.Cluster, decided plan) error {
	deleted, denied := 0, 0
	for _, one := range decided.Delete {
		object := runs.New(one.Kind).Object()
		object.SetNamespace(one.Namespace)
		object.SetName(one.Name)
		err := c.Client.Delete(ctx, object, client.PropagationPolicy(metav1.DeletePropagationBackground),
			client.Preconditions{UID: &one.uid, ResourceVersion: &one.version})
		switch {
		case err == nil:
			deleted++
		case client.IgnoreNotFound(err) == nil:
		case conflicts(err):
			o.Terminal.Notef("%s %q in namespace %q has changed, and stays", one.Kind, one.Name, one.Namespace)
		case retention.Denied(err):
			denied++
			o.Terminal.Notef("%s %q in namespace %q stays: %v", one.Kind, one.Name, one.Namespace, err)
		default:
			return fmt.Errorf("cannot delete %s %q in namespace %q: %w", one.Kind, one.Name, one.Namespace, err)
		}
	}
	o.Terminal.Notef("%d runs deleted", deleted)
	if denied > 0 {
		return clierror.New(fmt.Sprintf("cannot delete %d runs: a policy or a webhook of the cluster does not permit it", denied))
	}
	return nil
}
