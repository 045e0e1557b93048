package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// shownRuns is the maximum number of runs that a message names.
const shownRuns = 5

// ChangeOptions has the arguments of `sluice engine use` and `sluice engine reset`.
type ChangeOptions struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Namespace as the user typed it.
	Namespace string
	// To is the engine of new runs after the change: Sluice or Tekton.
	To installation.Engine
	// Output is the output format.
	Output table.Format
}

func newUse(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &ChangeOptions{Terminal: t, Source: source, To: installation.Sluice}
	c := &cobra.Command{
		Use:   "use NAMESPACE",
		Short: "Let Sluice run the runs that are created in a namespace",
		Long: `Sets the label sluice.dev/engine=sluice of a namespace. A webhook of Sluice then sets spec.managedBy of the runs that are created
there, so that Sluice runs them, and Tekton ignores them. Tekton finishes the runs that have not ended yet.

The command fails if Sluice is not installed beside Tekton, because the label would have no effect.`,
		Example: `  sluice engine use team-a
  sluice engine reset team-a           # the way back`,
	}
	return o.complete(c)
}

func newReset(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &ChangeOptions{Terminal: t, Source: source, To: installation.Tekton}
	c := &cobra.Command{
		Use:   "reset NAMESPACE",
		Short: "Let Tekton run the runs that are created in a namespace again",
		Long: `Removes the label sluice.dev/engine of a namespace, so that Tekton runs the runs that are created there. Sluice finishes the
runs that have not ended yet. This also works if Sluice is not installed any more.`,
		Example: "  sluice engine reset team-a",
	}
	return o.complete(c)
}

func (o *ChangeOptions) complete(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ExactArgs(1)
	c.ValidArgsFunction = completeNamespaces(o.Source)
	c.RunE = func(c *cobra.Command, args []string) error {
		o.Namespace = args[0]
		return o.run(c.Context())
	}
	o.Output.Register(c)
	return c
}

// Change is the output of `sluice engine use` and `sluice engine reset` for programs.
type Change struct {
	Namespace string `json:"namespace"`
	// Engine runs the runs that are created from now on.
	Engine installation.Engine `json:"engine"`
	// Changed is false if the namespace had this engine before.
	Changed bool `json:"changed"`
	// InFlight names the runs that have not ended by the engine that finishes them.
	InFlight map[installation.Engine][]string `json:"inFlight"`

	sluice installation.Installation
}

func (o *ChangeOptions) run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	sluice, err := installation.Find(ctx, c)
	if err != nil {
		return err
	}
	if o.To == installation.Sluice {
		if err := usable(sluice); err != nil {
			return err
		}
	}
	namespace, err := read(ctx, c, o.Namespace)
	if err != nil {
		return err
	}
	if err := movable(namespace, sluice, o.To); err != nil {
		return err
	}
	changed, err := o.label(ctx, c, namespace)
	if err != nil {
		return err
	}
	// Read the runs after the change, so that a run that was created meanwhile counts for its engine.
	all, err := unfinished(ctx, c, sluice, o.Namespace)
	if err != nil {
		return err
	}
	done := Change{
		Namespace: o.Namespace, Engine: sluice.EngineOfNew(namespace.Labels), Changed: changed,
		InFlight: map[installation.Engine][]string{}, sluice: sluice,
	}
	if u := all[o.Namespace]; u != nil {
		done.InFlight = u.Names
	}
	return o.Output.Write(o.Terminal.Out, done, func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Join(done.lines(), "\n")+"\n")
		if !sluice.Available && done.Engine == installation.Sluice {
			o.Terminal.Hintf("no replica of the controller of Sluice is ready, so new runs wait for it; check it: sluice doctor")
		}
		return err
	})
}

// usable returns an error if the label would have no effect.
func usable(sluice installation.Installation) error {
	switch sluice.Mode {
	case installation.Absent:
		return clierror.New("cannot move a namespace to Sluice: Sluice is not installed beside Tekton",
			"install it: sluice install --beside-tekton")
	case installation.Full:
		return clierror.New(fmt.Sprintf("cannot move a namespace to Sluice: the Sluice in namespace %q runs all runs of this cluster already",
			sluice.Namespace), "the label is for a cluster where Sluice is installed beside Tekton")
	case installation.Beside:
		return nil
	default:
		return nil
	}
}

// movable returns an error for a namespace whose engine must not be changed.
func movable(n *corev1.Namespace, sluice installation.Installation, to installation.Engine) error {
	switch {
	case n.DeletionTimestamp != nil:
		return clierror.New(fmt.Sprintf("cannot change the engine of namespace %q: it is being deleted", n.Name))
	case n.Name == sluice.Namespace && to == installation.Sluice:
		return clierror.New(fmt.Sprintf("cannot move namespace %q to Sluice: it is the namespace of Sluice", n.Name),
			"move a namespace with runs; list them: sluice engine list")
	default:
		return nil
	}
}

// label sets or removes the label, and reports whether that changed it.
func (o *ChangeOptions) label(ctx context.Context, c *cluster.Cluster, n *corev1.Namespace) (bool, error) {
	value, labeled := n.Labels[v1.LabelEngine]
	var wanted any // JSON null removes the label
	if o.To == installation.Sluice {
		wanted = v1.EngineSluice
	}
	if wanted == value || wanted == nil && !labeled {
		return false, nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{v1.LabelEngine: wanted}}})
	if err != nil {
		return false, err
	}
	if err := c.Client.Patch(ctx, n, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return false, fmt.Errorf("cannot change label %q of namespace %q: %w", v1.LabelEngine, n.Name, err)
	}
	return true, nil
}

// lines returns the outcome for users.
func (c Change) lines() []string {
	now := "now go"
	if !c.Changed {
		now = "already go"
	}
	lines := []string{fmt.Sprintf("namespace/%s: new runs %s to %s", c.Namespace, now, c.Engine.Name())}
	for _, engine := range []installation.Engine{installation.Sluice, installation.Tekton, installation.Other} {
		if names := c.InFlight[engine]; len(names) > 0 {
			lines = append(lines, c.fate(engine, names))
		}
	}
	if len(lines) == 1 {
		lines = append(lines, "no runs are in flight")
	}
	return lines
}

// fate says what happens to the runs in flight of an engine.
func (c Change) fate(engine installation.Engine, names []string) string {
	noun, verb := "runs", "stay with"
	if len(names) == 1 {
		noun, verb = "run", "stays with"
	}
	text := fmt.Sprintf("%d %s in flight %s %s: %s", len(names), noun, verb, engine.Name(), some(names))
	if engine == installation.Sluice && c.sluice.Mode == installation.Absent {
		text += fmt.Sprintf("; Sluice is not installed, so delete them: sluice delete %s -n %s", strings.Join(names, " "), c.Namespace)
	}
	return text
}

// some joins the first names, and says how many more there are.
func some(names []string) string {
	if len(names) <= shownRuns {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shownRuns], ", "), len(names)-shownRuns)
}

// notFound returns an error with similar names. If the names cannot be read, it suggests none.
func notFound(ctx context.Context, c *cluster.Cluster, name string) error {
	var hints []string
	if names, err := namesOf(ctx, c); err == nil {
		for _, near := range runs.Near(name, names) {
			hints = append(hints, "did you mean "+near+"?")
		}
	}
	return clierror.New(fmt.Sprintf("there is no namespace %q", name), append(hints, "sluice engine list --all lists the namespaces")...)
}
