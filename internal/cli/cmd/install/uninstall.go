package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// RemoveOptions has the arguments of `sluice uninstall`.
type RemoveOptions struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Yes: delete the objects instead of only listing them.
	Yes bool
	// KeepRuns keeps the CRDs with all objects, the namespace and the settings.
	KeepRuns bool
	// Wait is how long to wait for the unfinished runs of an installation beside Tekton, and Force leaves them.
	Wait  time.Duration
	Force bool
	// RemoveLabels removes the label of the namespaces of Sluice.
	RemoveLabels bool
}

// NewRemoveCommand returns the command `sluice uninstall`.
func NewRemoveCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &RemoveOptions{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove Sluice from the cluster",
		Long: `Lists the objects to delete, and deletes them with --yes: the controller, its rights and webhooks, and, without --keep-runs,
the kinds with every Task, Pipeline and run in the cluster.

If there is another controller of tekton.dev, for example after sluice install --replace, it also uses the kinds and the
namespace. They are then kept.

An installation beside Tekton leaves the cluster as it was. First the webhook is deleted, so that new runs are Tekton's. Then the
command names the runs that have not ended, and waits for them (--wait): no other controller would continue them. --force
leaves them as they are. It also names the namespaces that have the label sluice.dev/engine, which has no effect without Sluice;
--remove-labels removes it.`,
		Example: `  sluice uninstall                  # list the objects to delete
  sluice uninstall --yes
  sluice uninstall --yes --keep-runs
  sluice uninstall --yes --wait 1h --remove-labels    # beside Tekton`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.Run(c.Context()) },
	}
	c.Flags().BoolVar(&o.Yes, "yes", false, "delete the listed objects")
	c.Flags().BoolVar(&o.KeepRuns, "keep-runs", false, "keep the kinds with all Tasks, Pipelines and runs, and the settings")
	c.Flags().DurationVar(&o.Wait, "wait", 10*time.Minute, "beside Tekton: how long to wait for runs that have not ended")
	c.Flags().BoolVar(&o.Force, "force", false, "beside Tekton: leave runs that have not ended as they are")
	c.Flags().BoolVar(&o.RemoveLabels, "remove-labels", false, "beside Tekton: remove the label sluice.dev/engine from namespaces")
	return c
}

// Run lists the objects, and deletes them with Yes.
func (o *RemoveOptions) Run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	if beside, err := installedBeside(ctx, c); err != nil || beside != nil {
		if err != nil {
			return err
		}
		return o.runBeside(ctx, c, beside)
	}
	others, err := conflict.FindAll(ctx, c)
	if err != nil {
		return err
	}
	keep := o.KeepRuns || len(others) > 0
	doomed, err := toDelete(ctx, c, bundle.Choice{Logs: true}, keep)
	if err != nil {
		return err
	}
	if len(doomed) == 0 {
		o.Terminal.Notef("Sluice is not installed")
		return nil
	}
	if len(others) > 0 {
		doomed = slices.DeleteFunc(doomed, isClientInfo)
	}
	if err := o.say(ctx, c, doomed, keep); err != nil {
		return err
	}
	if !o.Yes {
		return clierror.New("nothing was deleted", "to delete these objects: sluice uninstall --yes")
	}
	if err := o.removeAll(ctx, c, doomed); err != nil {
		return err
	}
	if len(others) > 0 {
		if err := restoreVersion(ctx, c); err != nil {
			return err
		}
	}
	for _, other := range others {
		o.Terminal.Hintf("%s is kept; to start it again: %s", other, other.Restore())
	}
	return nil
}

// removeAll deletes objects in their order.
func (o *RemoveOptions) removeAll(ctx context.Context, c *cluster.Cluster, doomed []*metav1.PartialObjectMetadata) error {
	for _, object := range doomed {
		if err := remove(ctx, c, object); err != nil {
			return fmt.Errorf("cannot delete %s %q: %w", object.Kind, object.Name, err)
		}
	}
	o.Terminal.Printf("deleted %d objects\n", len(doomed))
	return nil
}

// remove deletes an object if it exists. It uses only its name, because not all kinds have types here.
func remove(ctx context.Context, c *cluster.Cluster, object *metav1.PartialObjectMetadata) error {
	named := &unstructured.Unstructured{}
	named.SetGroupVersionKind(object.GroupVersionKind())
	named.SetNamespace(object.Namespace)
	named.SetName(object.Name)
	return client.IgnoreNotFound(c.Client.Delete(ctx, named, client.PropagationPolicy(metav1.DeletePropagationBackground)))
}

// toDelete returns the existing objects of an installation in the order of deletion: webhooks before the controller, and the
// CRDs last. It leaves out objects with the same names that do not belong to Sluice.
func toDelete(ctx context.Context, c *cluster.Cluster, choice bundle.Choice, keep bool) ([]*metav1.PartialObjectMetadata, error) {
	set, err := bundle.Build(choice)
	if err != nil {
		return nil, err
	}
	var doomed []*metav1.PartialObjectMetadata
	objects := set.Core
	if !keep {
		objects = set.All()
	}
	for _, object := range objects {
		if keep && (object.GetKind() == kindCRD || object.GetKind() == "Namespace") {
			continue
		}
		found := &metav1.PartialObjectMetadata{}
		found.SetGroupVersionKind(object.GroupVersionKind())
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(object), found)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("cannot read %s %q: %w", object.GetKind(), object.GetName(), err)
		}
		if err == nil && (found.Labels[bundle.LabelPartOf] == bundle.PartOf || object.GetKind() == "ConfigMap") {
			found.SetGroupVersionKind(object.GroupVersionKind())
			doomed = append(doomed, found)
		}
	}
	slices.Reverse(doomed)
	namespaced, err := rightsInNamespaces(ctx, c)
	others := slices.DeleteFunc(namespaced, func(right *metav1.PartialObjectMetadata) bool {
		return right.Namespace == choice.Namespace() || slices.ContainsFunc(doomed, func(one *metav1.PartialObjectMetadata) bool {
			return one.Kind == right.Kind && one.Namespace == right.Namespace && one.Name == right.Name
		})
	})
	return append(others, doomed...), err
}

// rightsInNamespaces returns the rights in single namespaces, such as those to read logs.
func rightsInNamespaces(ctx context.Context, c *cluster.Cluster) ([]*metav1.PartialObjectMetadata, error) {
	var found []*metav1.PartialObjectMetadata
	for _, kind := range []string{"RoleBinding", "Role"} {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(rbacv1.SchemeGroupVersion.WithKind(kind + "List"))
		if err := c.Client.List(ctx, list, client.MatchingLabels{bundle.LabelPartOf: bundle.PartOf}); err != nil {
			return nil, fmt.Errorf("cannot list %ss: %w", kind, err)
		}
		for i := range list.Items {
			list.Items[i].SetGroupVersionKind(rbacv1.SchemeGroupVersion.WithKind(kind))
			found = append(found, &list.Items[i])
		}
	}
	return found, nil
}

// list prints the objects.
func (o *RemoveOptions) list(doomed []*metav1.PartialObjectMetadata) error {
	g := table.NewGrid("KIND", "NAMESPACE", "NAME")
	for _, object := range doomed {
		g.Add(table.Text(object.Kind), table.Text(object.Namespace), table.Text(object.Name))
	}
	return g.Write(o.Terminal.Out, o.Terminal)
}

// say lists the objects to delete.
func (o *RemoveOptions) say(ctx context.Context, c *cluster.Cluster, doomed []*metav1.PartialObjectMetadata, keep bool) error {
	if err := o.list(doomed); err != nil {
		return err
	}
	if keep {
		o.Terminal.Printf("Tasks, Pipelines, runs and settings are kept\n")
		return nil
	}
	if stored := stored(ctx, c); len(stored) > 0 {
		o.Terminal.Printf("%s\n", o.Terminal.Paint(terminal.Red, "this also deletes, permanently: "+strings.Join(stored, ", ")))
	}
	return nil
}

// stored counts the objects of each kind. It leaves out kinds without objects, and those that cannot be listed.
func stored(ctx context.Context, c *cluster.Cluster) []string {
	var counts []string
	for _, kind := range []metav1.GroupVersionKind{
		gvk(v1.GroupVersion.Version, v1.KindTask),
		gvk(v1.GroupVersion.Version, v1.KindPipeline),
		gvk(v1beta1.GroupVersion.Version, "StepAction"),
		gvk(v1alpha1.GroupVersion.Version, v1alpha1.KindVerificationPolicy),
		gvk(v1.GroupVersion.Version, v1.KindTaskRun),
		gvk(v1.GroupVersion.Version, v1.KindPipelineRun),
	} {
		list := &metav1.PartialObjectMetadataList{}
		list.APIVersion, list.Kind = v1.GroupName+"/"+kind.Version, kind.Kind+"List"
		if err := c.Client.List(ctx, list); err != nil || meta.LenList(list) == 0 {
			continue
		}
		if n := meta.LenList(list); n == 1 {
			counts = append(counts, "1 "+kind.Kind)
		} else {
			counts = append(counts, fmt.Sprintf("%d %ss", n, kind.Kind))
		}
	}
	return counts
}

func gvk(version, kind string) metav1.GroupVersionKind {
	return metav1.GroupVersionKind{Group: v1.GroupName, Version: version, Kind: kind}
}
