package engine

import (
	"context"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// ListOptions has the arguments of `sluice engine list`.
type ListOptions struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// All: also list namespaces without the label and without a run.
	All bool
	// Output is the output format.
	Output table.Format
}

func newList(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &ListOptions{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List namespaces with their engine, and the runs in flight by engine",
		Long: `Lists the namespaces with the label sluice.dev/engine or with runs. ENGINE runs the runs that are created from now on. The other
columns count PipelineRuns, and TaskRuns that do not belong to one, that have not ended, by the controller in their
spec.managedBy. OTHER is a controller that is neither Sluice nor Tekton, such as one that queues runs.`,
		Example: `  sluice engine list
  sluice engine list -o json | jq -r '.namespaces[] | select(.engine == "sluice") | .name'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	c.Flags().BoolVar(&o.All, "all", false, "also list namespaces without the label and without a run")
	o.Output.Register(c)
	return c
}

// Listing is the output of `sluice engine list` for programs.
type Listing struct {
	Sluice     installation.Installation `json:"sluice"`
	Namespaces []Namespace               `json:"namespaces"`
}

// Namespace is a namespace with its engine.
type Namespace struct {
	Name string `json:"name"`
	// Engine runs the runs that are created from now on.
	Engine installation.Engine `json:"engine"`
	// Label is the value of the label sluice.dev/engine; nil without it.
	Label *string `json:"label,omitempty"`
	// InFlight are the runs that have not ended by engine. TaskRuns of a PipelineRun do not count.
	InFlight map[installation.Engine]Counts `json:"inFlight"`
}

func (o *ListOptions) run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	sluice, err := installation.Find(ctx, c)
	if err != nil {
		return err
	}
	list, err := namespaces(ctx, c)
	if err != nil {
		return err
	}
	inFlight, err := unfinished(ctx, c, sluice, "")
	if err != nil {
		return err
	}
	l := listing(sluice, list, inFlight, o.All)
	return o.Output.Write(o.Terminal.Out, l, func(w io.Writer) error {
		switch sluice.Mode {
		case installation.Absent:
			o.Terminal.Notef("Sluice is not installed; the label %s has no effect", v1.LabelEngine)
		case installation.Full:
			o.Terminal.Notef("Sluice runs all runs of this cluster; the label %s has no effect", v1.LabelEngine)
		case installation.Beside:
		}
		if len(l.Namespaces) == 0 {
			o.Terminal.Notef("no namespace has the label %s or a run", v1.LabelEngine)
			return nil
		}
		return grid(l.Namespaces).Write(w, o.Terminal)
	})
}

// listing builds the output. Without all it has the namespaces with the label or with runs.
func listing(sluice installation.Installation, list []corev1.Namespace, inFlight map[string]*Unfinished, all bool) Listing {
	l := Listing{Sluice: sluice, Namespaces: []Namespace{}}
	for i := range list {
		n := Namespace{
			Name: list[i].Name, Engine: sluice.EngineOfNew(list[i].Labels), InFlight: map[installation.Engine]Counts{},
		}
		if value, labeled := list[i].Labels[v1.LabelEngine]; labeled {
			n.Label = &value
		}
		u := inFlight[n.Name]
		if u != nil {
			maps.Copy(n.InFlight, u.Counts)
		}
		if all || n.Label != nil || u != nil {
			l.Namespaces = append(l.Namespaces, n)
		}
	}
	return l
}

func grid(list []Namespace) *table.Grid {
	engines := []installation.Engine{installation.Sluice, installation.Tekton, installation.Other}
	headings := []string{"NAMESPACE", "ENGINE", "ON SLUICE", "ON TEKTON", "OTHER"}
	if !slices.ContainsFunc(list, func(n Namespace) bool { return n.InFlight[installation.Other] != Counts{} }) {
		headings, engines = headings[:4], engines[:2]
	}
	g := table.NewGrid(headings...)
	for _, n := range list {
		shown := string(n.Engine)
		if n.Label != nil && *n.Label != v1.EngineSluice {
			shown += " (the label has the unknown value " + *n.Label + ")"
		}
		row := []table.Cell{table.Text(n.Name), table.Text(shown)}
		for _, engine := range engines {
			row = append(row, table.Text(n.InFlight[engine].String()))
		}
		g.Add(row...)
	}
	return g
}
