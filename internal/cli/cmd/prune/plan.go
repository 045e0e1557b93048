package prune

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/cli/resultview"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/retention"
)

// plan is the output for programs.
type plan struct {
	// Delete are the runs that go, by namespace, and the oldest first.
	Delete []deletion `json:"delete"`
	// Stay are the runs that stay although a rule says that they go.
	Stay []stay `json:"stay"`
	// Bytes are those in etcd of all finished runs, and Freed those of the runs that go.
	Bytes int64 `json:"bytes"`
	Freed int64 `json:"freed"`
}

// item is a run.
type item struct {
	Namespace string            `json:"namespace"`
	Kind      string            `json:"kind"`
	Name      string            `json:"name"`
	Outcome   retention.Outcome `json:"outcome"`
	Ended     time.Time         `json:"ended"`
	Rule      retention.Reason  `json:"rule"`

	uid     types.UID
	version string
}

// deletion is a run that goes.
type deletion struct {
	item
	// Bytes are those of the run and of the finished runs that it owns.
	Bytes int64 `json:"bytes"`
}

// stay is a run that stays.
type stay struct {
	item
	// Because says why it stays.
	Because string `json:"because"`
}

// planOf decides about the runs of each namespace.
func planOf(found map[string][]retention.Run, settings *retention.Settings, now time.Time) plan {
	p := plan{Delete: []deletion{}, Stay: []stay{}}
	for _, namespace := range slices.Sorted(maps.Keys(found)) {
		rules := settings.For(namespace)
		rules.Events = true // only a controller with a sink has written that events are due
		d := retention.Decide(found[namespace], rules, now)
		p.Bytes += d.Held
		p.Freed += d.Held - d.Left
		for _, one := range d.Delete {
			p.Delete = append(p.Delete, deletion{itemOf(one.Run, one.Reason), one.Bytes})
		}
		for _, one := range d.Stay {
			because := string(one.Obstacle)
			if one.Obstacle == retention.Misread && one.Run.Invalid != "" {
				because = one.Run.Invalid
			}
			p.Stay = append(p.Stay, stay{itemOf(one.Run, one.Reason), because})
		}
	}
	return p
}

func itemOf(r retention.Run, rule retention.Reason) item {
	return item{
		Namespace: r.Namespace, Kind: r.Kind, Name: r.Name, Outcome: r.Outcome, Ended: r.Ended, Rule: rule, uid: r.UID, version: r.Version,
	}
}

// print prints the runs as a table, and a summary.
func (p plan) print(w io.Writer, o *Options, all bool) error {
	headings := []string{"RUN", "OUTCOME", "ENDED", "SIZE", "RULE", "WHAT"}
	if all {
		headings = append([]string{"NAMESPACE"}, headings...)
	}
	g := table.NewGrid(headings...)
	add := func(i item, bytes table.Cell, what string) {
		cells := []table.Cell{
			table.Text(runs.FullName{Kind: i.Kind, Name: i.Name}.String()), table.Text(string(i.Outcome)),
			table.Number(runs.Age(o.Now().Sub(i.Ended))), bytes, table.Text(string(i.Rule)), table.Text(what),
		}
		if all {
			cells = append([]table.Cell{table.Text(i.Namespace)}, cells...)
		}
		g.Add(cells...)
	}
	for _, one := range p.Delete {
		add(one.item, table.Number(resultview.Bytes(int(one.Bytes))), "goes")
	}
	for _, one := range p.Stay {
		add(one.item, table.Number(""), "stays: "+one.Because)
	}
	if len(p.Delete)+len(p.Stay) > 0 {
		if err := g.Write(w, o.Terminal); err != nil {
			return err
		}
	}
	verb := "go"
	if o.DryRun {
		verb = "would go"
	}
	_, err := fmt.Fprintf(w, "%d runs %s, with %s of the %s that finished runs have in etcd\n", len(p.Delete), verb,
		resultview.Bytes(int(p.Freed)), resultview.Bytes(int(p.Bytes)))
	return err
}
