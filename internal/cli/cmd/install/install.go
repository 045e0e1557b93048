// Package install is `sluice install` and `sluice uninstall`: they install and remove the controller.
package install

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
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

// Options has the arguments of `sluice install`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Choice of images and settings.
	Choice bundle.Choice
	// Released has the images of the release that this program belongs to; none for other builds.
	Released bundle.Images
	// Namespaced: the controller may read logs only in the namespace of the command.
	Namespaced bool
	// Replace scales down another controller.
	Replace bool
	// DryRun prints the manifests and applies nothing.
	DryRun bool
	// Output is the output format of DryRun.
	Output table.Format
	// Wait is how long to wait until the controller, and then the resolvers, are ready; 0: do not wait.
	Wait time.Duration
}

// NewCommand returns the command `sluice install`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Released: bundle.Released()}
	c := &cobra.Command{
		Use:   "install",
		Short: "Install Sluice on the cluster, or update it",
		Long: `Applies the manifests in this binary, and waits until everything is ready. It changes existing settings only if you set
them by flags. Run it again to update.

A program of a release installs the images of its release, and updates an installation whose images are in the same repository.
To use other images, build and push them (KO_DOCKER_REPO=REGISTRY hack/images.sh prints the references), and give them with --image,
--inpod-image and --resolvers-image. Otherwise an installation keeps its images. Without an image of the resolvers, references to
git, bundles, http and hub need the resolvers of another project.

Two controllers of tekton.dev would overwrite each other's work, so install fails if there is another one. There are two ways:

--beside-tekton installs Sluice next to Tekton, in the namespace sluice-system. It changes nothing of Tekton. Then move one
namespace at a time: sluice engine use NAMESPACE.

--replace scales the other controller down, and the resolvers of Tekton if those of Sluice are installed. It keeps everything
else of them, and prints the commands to restore them.

With --results-from sidecar-logs the controller gets the right to read logs: in all namespaces, or with --namespaced only in
the namespace of -n (repeat it for each namespace).`,
		Example: `  sluice install                             # the images of the release
  sluice install --image REGISTRY/controller@sha256:... --inpod-image REGISTRY/inpod@sha256:... \
    --resolvers-image REGISTRY/resolvers@sha256:...
  sluice install --results-from sidecar-logs --max-result-size 1000000
  sluice install --results-from sidecar-logs --namespaced -n team-a
  sluice install --dry-run -o yaml > sluice.yaml
  sluice install --beside-tekton --results-from sidecar-logs --image ... --inpod-image ...
  sluice install --replace                   # instead of another controller of tekton.dev`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.Run(c.Context()) },
	}
	flags := c.Flags()
	flags.StringVar(&o.Choice.Controller, "image", "", "`IMAGE` of the controller (default: that of the release, or of the installation)")
	flags.StringVar(&o.Choice.Inpod, "inpod-image", "", "`IMAGE` of the in-pod binary (default: that of the release, or of the installation)")
	flags.StringVar(&o.Choice.Resolvers, "resolvers-image", "",
		"`IMAGE` of the resolvers (default: that of the release, or of the installation; without one they are not installed)")
	flags.StringArrayVar(&o.Choice.Args, "controller-arg", nil, "additional `ARGUMENT` of the controller; may be repeated")
	flags.StringVar(&o.Choice.ResultsFrom, "results-from", "", "how results leave pods: "+
		strings.Join(methods(), " or ")+" (default: the existing setting, or termination-message)")
	flags.Int64Var(&o.Choice.MaxResultSize, "max-result-size", 0, "maximum `bytes` of one result (default: the existing setting, or 4096)")
	flags.BoolVar(&o.Namespaced, "namespaced", false, "permit the controller to read logs only in this namespace (-n)")
	flags.BoolVar(&o.Replace, "replace", false,
		"scale down another controller of tekton.dev, and its resolvers if those of Sluice are installed")
	flags.BoolVar(&o.Choice.Beside, "beside-tekton", false, "install beside Tekton, for single namespaces")
	flags.BoolVar(&o.DryRun, "dry-run", false, "print the manifests, and change nothing")
	flags.DurationVar(&o.Wait, "wait", 3*time.Minute, "how long to wait for the controller, and then for the resolvers; 0: do not wait")
	// The flag exists: the lines above have added it.
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

// check rejects invalid combinations of flags.
func (o *Options) check() error {
	switch {
	case o.Choice.ResultsFrom != "" && !slices.Contains(methods(), o.Choice.ResultsFrom):
		return clierror.Usage("sluice install", "--results-from %q is not one of %s", o.Choice.ResultsFrom, strings.Join(methods(), ", "))
	case o.Choice.MaxResultSize < 0 || o.Choice.MaxResultSize >= results.ObjectLimit:
		return clierror.Usage("sluice install", "--max-result-size %d is not between 1 and %d", o.Choice.MaxResultSize, results.ObjectLimit-1)
	case o.Namespaced && o.Choice.ResultsFrom != string(config.SidecarLogs):
		return clierror.Usage("sluice install", "--namespaced needs --results-from sidecar-logs")
	case o.Choice.Beside && o.Replace:
		return clierror.Usage("sluice install", "--beside-tekton and --replace exclude each other: Tekton continues, or it does not")
	}
	return nil
}

// print prints the manifests. For --namespaced it needs the namespace of the kubeconfig, or else uses "default".
func (o *Options) print() error {
	o.Choice = o.Choice.WithImages(o.Choice.Images().Or(o.Released))
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

// printYAML prints documents for kubectl apply.
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
	if err := o.admit(ctx, c, others); err != nil {
		return err
	}
	if err := o.images(ctx, c); err != nil {
		return err
	}
	rivals, err := o.rivals(ctx, c)
	if err != nil {
		return err
	}
	set, err := bundle.Build(o.Choice)
	if err != nil {
		return err
	}
	if err := o.replace(ctx, c, append(others, rivals...)); err != nil {
		return err
	}
	if err := o.apply(ctx, c, set); err != nil {
		return err
	}
	if err := o.waitReady(ctx, c); err != nil {
		return err
	}
	o.Terminal.Printf("Sluice is installed in namespace %s\n", o.Choice.Namespace())
	if o.Choice.Beside {
		o.Terminal.Hintf("check the installation: sluice doctor; move a namespace to Sluice: sluice engine use NAMESPACE")
		return nil
	}
	o.Terminal.Hintf("check the installation: sluice doctor; start a run: sluice run -f FILE")
	return nil
}

// admit returns an error if the controllers of the cluster exclude the installation.
func (o *Options) admit(ctx context.Context, c *cluster.Cluster, others []conflict.Controller) error {
	switch {
	case o.Choice.Beside:
		return o.admitBeside(ctx, c, others)
	case len(others) > 0 && !o.Replace:
		return refusal(others)
	default:
		return nil
	}
}

// replace scales down the other controllers, unless Sluice is installed beside them.
func (o *Options) replace(ctx context.Context, c *cluster.Cluster, others []conflict.Controller) error {
	if o.Choice.Beside {
		return nil
	}
	for _, other := range others {
		o.Terminal.Notef("scaling down %s", other)
		stopped, err := conflict.Stop(ctx, c, other)
		if err != nil {
			return err
		}
		o.Terminal.Hintf("to restore it: sluice uninstall, then %s", stopped.Restore())
	}
	return nil
}

// refusal returns the error for other active controllers.
func refusal(others []conflict.Controller) error {
	names := make([]string, len(others))
	for i, other := range others {
		names[i] = other.String()
	}
	return clierror.New("another controller of tekton.dev is active: "+strings.Join(names, ", "),
		"two controllers would overwrite each other's work; to run single namespaces with Sluice and leave the others to it: "+
			"sluice install --beside-tekton",
		"to run everything with Sluice, remove it, or scale it down: sluice install --replace")
}

// rivals returns the active resolvers of Tekton if those of Sluice are installed: two programs would answer the same requests,
// with different settings. It returns an error if they are not to be replaced.
func (o *Options) rivals(ctx context.Context, c *cluster.Cluster) ([]conflict.Controller, error) {
	if o.Choice.Beside || o.Choice.NoResolvers {
		return nil, nil
	}
	found, err := conflict.FindResolvers(ctx, c)
	if err != nil {
		return nil, err
	}
	acting := conflict.Acting(found)
	if len(acting) == 0 || o.Replace {
		return acting, nil
	}
	return nil, clierror.New("another program answers ResolutionRequests: "+acting[0].String(),
		"to use the resolvers of Sluice, scale it down: sluice install --replace",
		"to continue to use it, remove the resolvers of Sluice, and leave out --resolvers-image: kubectl delete deployment "+
			bundle.ResolversDeployment+" -n "+bundle.ResolversNamespace)
}

// fieldManager owns the fields of the manifests.
const fieldManager = "sluice-install"

// apply applies the CRDs, and then the other manifests when the API server serves the kinds.
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

// applySettings creates missing settings, and changes those that the user gave.
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
	if object.GetName() != o.Choice.SettingsName() || len(given) == 0 {
		o.Terminal.Notef("keeping the existing settings in %s", object.GetName())
		return nil
	}
	return change(ctx, c, object, given)
}
