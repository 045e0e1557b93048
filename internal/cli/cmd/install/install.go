// Package install is `sluice install` and `sluice uninstall`: the controller comes and goes with one command.
package install

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/results"
)

// Options are what `sluice install` was asked for.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Choice of images and settings.
	Choice bundle.Choice
	// Namespaced: the controller may read logs in the namespace of the command only, not in all.
	Namespaced bool
	// Replace scales another controller down.
	Replace bool
	// DryRun prints what would be applied.
	DryRun bool
	// Output is how that is printed.
	Output table.Format
	// Wait is how long the controller may take to become ready; 0 does not wait.
	Wait time.Duration
}

// NewCommand is `sluice install`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:   "install",
		Short: "Put Sluice on the cluster, or bring it up to date",
		Long: `Applies the manifests that are built into this binary, and waits until the controller is ready. Settings that exist stay as
they are, but for those that are given here. Doing it again updates.

No images are published: build and push them (KO_DOCKER_REPO=REGISTRY make images prints both references) and name them with
--image and --inpod-image. Without these an installation that exists keeps its own.

Two controllers of tekton.dev would undo each other's work, so one beside another is refused. --replace scales the other one
down, leaves everything else of it where it is, and says how to go back.

With --results-from sidecar-logs the controller gets the right to read logs: everywhere, or with --namespaced in the
namespace of -n alone (repeat it for each namespace).`,
		Example: `  sluice install --image REGISTRY/controller@sha256:... --inpod-image REGISTRY/inpod@sha256:...
  sluice install --results-from sidecar-logs --max-result-size 1000000
  sluice install --results-from sidecar-logs --namespaced -n team-a
  sluice install --dry-run -o yaml > sluice.yaml
  sluice install --replace                   # instead of another controller of tekton.dev`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.Run(c.Context()) },
	}
	flags := c.Flags()
	flags.StringVar(&o.Choice.Controller, "image", "", "`IMAGE` of the controller (default: that of the installation)")
	flags.StringVar(&o.Choice.Inpod, "inpod-image", "", "`IMAGE` of the in-pod binary (default: that of the installation)")
	flags.StringArrayVar(&o.Choice.Args, "controller-arg", nil, "further `ARGUMENT` of the controller; once for each")
	flags.StringVar(&o.Choice.ResultsFrom, "results-from", "", "how results come back: "+
		strings.Join(methods(), " or ")+" (default: as it is set; termination-message)")
	flags.Int64Var(&o.Choice.MaxResultSize, "max-result-size", 0, "how many `bytes` one result may have (default: as it is set; 4096)")
	flags.BoolVar(&o.Namespaced, "namespaced", false, "let the controller read logs in this namespace only (-n)")
	flags.BoolVar(&o.Replace, "replace", false, "scale another controller of tekton.dev down")
	flags.BoolVar(&o.DryRun, "dry-run", false, "print what would be applied, and change nothing")
	flags.DurationVar(&o.Wait, "wait", 3*time.Minute, "how long to wait for the controller; 0 for not at all")
	// The flag exists: it was made above.
	_ = c.RegisterFlagCompletionFunc("results-from", cobra.FixedCompletions(methods(), cobra.ShellCompDirectiveNoFileComp))
	o.Output.Register(c)
	return c
}

func methods() []string {
	return []string{string(config.TerminationMessage), string(config.SidecarLogs)}
}

// Run installs.
func (o *Options) Run(ctx context.Context) error {
	if err := o.check(); err != nil {
		return err
	}
	o.Choice.Logs = o.Choice.ResultsFrom == string(config.SidecarLogs)
	if o.DryRun {
		return o.print()
	}
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	return o.Install(ctx, c)
}

// check refuses flags that do not go together.
func (o *Options) check() error {
	switch {
	case o.Choice.ResultsFrom != "" && !slices.Contains(methods(), o.Choice.ResultsFrom):
		return clierror.Usage("sluice install", "--results-from %q is none of %s", o.Choice.ResultsFrom, strings.Join(methods(), ", "))
	case o.Choice.MaxResultSize < 0 || o.Choice.MaxResultSize >= results.ObjectLimit:
		return clierror.Usage("sluice install", "--max-result-size %d is not from 1 to %d", o.Choice.MaxResultSize, results.ObjectLimit-1)
	case o.Namespaced && o.Choice.ResultsFrom != string(config.SidecarLogs):
		return clierror.Usage("sluice install", "--namespaced is about reading logs, which only --results-from sidecar-logs needs")
	}
	return nil
}

// print prints what would be applied. For --namespaced a cluster says which namespace is meant; without one it is default.
func (o *Options) print() error {
	if o.Namespaced {
		o.Choice.LogsNamespace = "default"
		if c, err := o.Source.Connect(); err == nil {
			o.Choice.LogsNamespace = c.Namespace
		}
	}
	set, err := bundle.Build(o.Choice)
	if err != nil {
		return err
	}
	if o.Output == table.YAML {
		return o.printYAML(set)
	}
	list := map[string]any{"apiVersion": "v1", "kind": "List", "items": set.All()}
	return o.Output.Write(o.Terminal.Out, list, func(w io.Writer) error {
		g := table.NewGrid("KIND", "NAMESPACE", "NAME")
		for _, object := range set.All() {
			g.Add(table.Text(object.GetKind()), table.Text(object.GetNamespace()), table.Text(object.GetName()))
		}
		return g.Write(w, o.Terminal)
	})
}

// printYAML prints documents, as kubectl apply takes them.
func (o *Options) printYAML(set bundle.Set) error {
	for _, object := range set.All() {
		if _, err := io.WriteString(o.Terminal.Out, "---\n"); err != nil {
			return err
		}
		if err := o.Output.Write(o.Terminal.Out, object.Object, nil); err != nil {
			return err
		}
	}
	return nil
}

// Install applies everything and waits until the controller is ready.
func (o *Options) Install(ctx context.Context, c *cluster.Cluster) error {
	if o.Namespaced {
		o.Choice.LogsNamespace = c.Namespace
	}
	found, err := conflict.Find(ctx, c)
	if err != nil {
		return err
	}
	others := conflict.Acting(found)
	if len(others) > 0 && !o.Replace {
		return refusal(others)
	}
	if err := o.images(ctx, c); err != nil {
		return err
	}
	set, err := bundle.Build(o.Choice)
	if err != nil {
		return err
	}
	for _, other := range others {
		o.Terminal.Notef("scaling down %s", other)
		stopped, err := conflict.Stop(ctx, c, other)
		if err != nil {
			return err
		}
		o.Terminal.Hintf("to go back: sluice uninstall, then %s", stopped.Restore())
	}
	if err := o.apply(ctx, c, set); err != nil {
		return err
	}
	if err := o.waitReady(ctx, c); err != nil {
		return err
	}
	o.Terminal.Printf("Sluice is installed in namespace %s\n", bundle.Namespace)
	o.Terminal.Hintf("sluice doctor says whether all is well; sluice run -f FILE runs something")
	return nil
}

// refusal says that somebody else acts on runs.
func refusal(others []conflict.Controller) error {
	names := make([]string, len(others))
	for i, other := range others {
		names[i] = other.String()
	}
	return clierror.New("another controller of tekton.dev is in the cluster: "+strings.Join(names, ", "),
		"two controllers would undo each other's work; remove it, or let Sluice scale it down: sluice install --replace")
}

// images takes the images that the installation has where the user has named none.
func (o *Options) images(ctx context.Context, c *cluster.Cluster) error {
	if o.Choice.Controller != "" && o.Choice.Inpod != "" {
		return nil
	}
	var d appsv1.Deployment
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: bundle.Namespace, Name: bundle.Deployment}, &d)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot read deployment %q: %w", bundle.Deployment, err)
	}
	if err == nil && len(d.Spec.Template.Spec.Containers) > 0 {
		container := d.Spec.Template.Spec.Containers[0]
		if o.Choice.Controller == "" {
			o.Choice.Controller = container.Image
		}
		if o.Choice.Inpod == "" {
			o.Choice.Inpod = argument(container.Args, "--inpod-image")
		}
	}
	if o.Choice.Controller == "" || o.Choice.Inpod == "" {
		return clierror.New("cannot install without images, and none are published",
			"KO_DOCKER_REPO=REGISTRY make images builds and pushes both, and prints their references",
			"then: sluice install --image REGISTRY/controller@sha256:... --inpod-image REGISTRY/inpod@sha256:...")
	}
	return nil
}

// argument is the value of a flag in arguments, in either of its forms.
func argument(args []string, flag string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, flag+"="); ok {
			return value
		}
		if arg == flag && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// fieldManager owns the fields that the manifests have.
const fieldManager = "sluice-install"

// apply applies the manifests: the kinds first, and the rest when they are served.
func (o *Options) apply(ctx context.Context, c *cluster.Cluster, set bundle.Set) error {
	waited := false
	for _, object := range set.Core {
		if object.GetKind() != "Namespace" && object.GetKind() != kindCRD && !waited {
			if err := waitEstablished(ctx, c, set.Core); err != nil {
				return err
			}
			waited = true
		}
		if err := applyOne(ctx, c, object); err != nil {
			return err
		}
	}
	o.Terminal.Notef("applied %d objects", len(set.Core))
	for _, object := range set.Settings {
		if err := o.applySettings(ctx, c, object); err != nil {
			return err
		}
	}
	return nil
}

func applyOne(ctx context.Context, c *cluster.Cluster, object *unstructured.Unstructured) error {
	err := c.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()),
		client.FieldOwner(fieldManager), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("cannot apply %s %q: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// applySettings makes settings that are not there yet, and changes those that the user has given.
func (o *Options) applySettings(ctx context.Context, c *cluster.Cluster, object *unstructured.Unstructured) error {
	err := c.Client.Create(ctx, object.DeepCopy(), client.FieldOwner(fieldManager))
	if !apierrors.IsAlreadyExists(err) {
		if err != nil {
			return fmt.Errorf("cannot create ConfigMap %q: %w", object.GetName(), err)
		}
		return nil
	}
	given := map[string]any{}
	if o.Choice.ResultsFrom != "" {
		given["results-from"] = o.Choice.ResultsFrom
	}
	if o.Choice.MaxResultSize > 0 {
		given["max-result-size"] = fmt.Sprint(o.Choice.MaxResultSize)
	}
	if object.GetName() != bundle.FlagsName || len(given) == 0 {
		o.Terminal.Notef("leaving the settings in %s as they are", object.GetName())
		return nil
	}
	return change(ctx, c, object, given)
}
