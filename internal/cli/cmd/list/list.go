// Package list is `sluice list`: it lists runs, latest first.
package list

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options has the arguments of `sluice list`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Now returns the time for ages.
	Now func() time.Time
	// Kind is one of the kinds of runs; empty: TaskRuns and PipelineRuns.
	Kind string
	// Children: list TaskRuns and PipelineRuns of PipelineRuns, too.
	Children bool
	// Selector of labels; empty: all runs.
	Selector string
	// Limit is the maximum number of runs; 0: all.
	Limit int
	// Output is the output format.
	Output table.Format
}

// NewCommand returns the command `sluice list`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Now: time.Now}
	c := &cobra.Command{
		Use:     "list [taskruns|pipelineruns|customruns]",
		Aliases: []string{"ls"},
		Short:   "List runs, latest first",
		Long: "Lists PipelineRuns, and TaskRuns, that do not belong to another PipelineRun, latest first.\n\n" +
			"With --children, or if you give the kind, it also lists those that do. CustomRuns are listed only if you give the kind.",
		Example: `  sluice list                          # the runs of this namespace
  sluice list -A --limit 20            # the last 20 of the cluster
  sluice list taskruns -l tekton.dev/pipelineRun=build-x7k2p
  sluice list customruns               # the runs of custom tasks
  sluice list -o json | jq -r '.items[].metadata.name'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions([]string{"taskruns", "pipelineruns", "customruns"}, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				kind, ok := runs.ListedKind(args[0])
				if !ok {
					return clierror.Usage(c.CommandPath(), "%q is not a kind of run: taskruns, pipelineruns or customruns", args[0])
				}
				o.Kind = kind
			}
			return o.Run(c.Context())
		},
	}
	c.Flags().BoolVar(&o.Children, "children", false, "list TaskRuns and PipelineRuns of PipelineRuns, too")
	c.Flags().StringVarP(&o.Selector, "selector", "l", "", "select runs by labels, in the syntax of kubectl")
	c.Flags().IntVar(&o.Limit, "limit", 0, "maximum number of runs (default: all)")
	o.Output.Register(c)
	return c
}

// Run lists the runs.
func (o *Options) Run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	found, err := o.read(ctx, c)
	if err != nil {
		return err
	}
	slices.SortStableFunc(found, latest)
	if o.Limit > 0 && len(found) > o.Limit {
		found = found[:o.Limit]
	}
	if o.Output == table.Table && len(found) == 0 {
		o.Terminal.Notef("no runs in %s", runs.ScopeText(c))
		return nil
	}
	return o.Output.Write(o.Terminal.Out, listOf(found), func(w io.Writer) error {
		return grid(found, c.AllNamespaces, o.Now()).Write(w, o.Terminal)
	})
}

// read reads the runs. For a table it keeps only summaries.
func (o *Options) read(ctx context.Context, c *cluster.Cluster) ([]runs.Run, error) {
	selector, err := labels.Parse(o.Selector)
	if err != nil {
		return nil, clierror.Hint(fmt.Errorf("cannot parse label selector %q: %w", o.Selector, err), "-l tekton.dev/pipeline=build")
	}
	kinds := []string{v1.KindPipelineRun, v1.KindTaskRun}
	if o.Kind != "" {
		kinds = []string{o.Kind}
	}
	var found []runs.Run
	for _, kind := range kinds {
		err := runs.Each(ctx, c, kind, []client.ListOption{client.MatchingLabelsSelector{Selector: selector}}, func(r runs.Run) error {
			if o.Kind == "" && !o.Children && belongs(r) {
				return nil
			}
			if o.Output == table.Table {
				r = r.Summary()
			}
			found = append(found, r)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// belongs reports whether the run belongs to another one.
func belongs(r runs.Run) bool {
	owner := metav1.GetControllerOf(r.Object())
	return owner != nil && owner.Kind == v1.KindPipelineRun
}

// latest compares runs by creation time, latest first, and by name.
func latest(a, b runs.Run) int {
	return cmp.Or(b.Object().GetCreationTimestamp().Compare(a.Object().GetCreationTimestamp().Time),
		cmp.Compare(a.Namespace(), b.Namespace()), cmp.Compare(a.FullName().String(), b.FullName().String()))
}

// grid returns the table of runs.
func grid(found []runs.Run, namespaces bool, now time.Time) *table.Grid {
	headings := []string{"RUN", "STATE", "REASON", "AGE", "TOOK"}
	if namespaces {
		headings = append([]string{"NAMESPACE"}, headings...)
	}
	g := table.NewGrid(headings...)
	for _, r := range found {
		state := r.State()
		created := r.Object().GetCreationTimestamp()
		row := []table.Cell{
			table.Text(r.FullName().String()), table.Painted(state.Color(), string(state)), table.Text(r.Reason()),
			table.Text(runs.Age(runs.Between(&created, nil, now))), table.Text(runs.Spoken(r.Took(now))),
		}
		if namespaces {
			row = append([]table.Cell{table.Text(r.Namespace())}, row...)
		}
		g.Add(row...)
	}
	return g
}

// items is a list in the format of kubectl.
type items struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Items      []client.Object `json:"items"`
}

func listOf(found []runs.Run) items {
	list := items{APIVersion: "v1", Kind: "List", Items: []client.Object{}}
	for _, r := range found {
		list.Items = append(list.Items, r.Typed())
	}
	return list
}
