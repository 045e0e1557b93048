package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/ownership"
)

const (
	// kindWebhook is the kind of the object that makes the API server call the webhook.
	kindWebhook = "MutatingWebhookConfiguration"
	// mostNamed is how many runs or namespaces a message names.
	mostNamed = 10
)

// webhookBeside is the name of the webhook configuration of an installation beside Tekton.
const webhookBeside = "sluice-managed-by"

// beside is an installation beside Tekton.
type beside struct {
	// tekton is the namespace of Tekton, and runs the rule for the runs of the installation.
	tekton string
	runs   ownership.Rule
	// headless: the controller was deleted without sluice uninstall, and other objects are left.
	headless bool
}

// installedBeside returns the installation beside Tekton; nil if there is none.
func installedBeside(ctx context.Context, c *cluster.Cluster) (*beside, error) {
	var d appsv1.Deployment
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: bundle.BesideNamespace, Name: bundle.Deployment}, &d)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("cannot read deployment %q in namespace %q: %w", bundle.Deployment, bundle.BesideNamespace, err)
	}
	if err != nil {
		return leftBeside(ctx, c)
	}
	if d.Labels[bundle.LabelMode] != bundle.ModeBeside || len(d.Spec.Template.Spec.Containers) == 0 {
		return nil, nil //nolint:nilnil // not installed is not an error
	}
	args := d.Spec.Template.Spec.Containers[0].Args
	return &beside{tekton: argument(args, "--tekton-namespace"), runs: ownership.Only(argument(args, "--managed-by"))}, nil
}

// leftBeside returns what is left of an installation whose namespace was deleted; nil if nothing is.
func leftBeside(ctx context.Context, c *cluster.Cluster) (*beside, error) {
	webhook := &metav1.PartialObjectMetadata{}
	webhook.SetGroupVersionKind(admissionregistrationv1.SchemeGroupVersion.WithKind(kindWebhook))
	err := c.Client.Get(ctx, client.ObjectKey{Name: webhookBeside}, webhook)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("cannot read %s %q: %w", kindWebhook, webhookBeside, err)
	}
	if err != nil || webhook.Labels[bundle.LabelMode] != bundle.ModeBeside {
		return nil, nil //nolint:nilnil // not installed is not an error
	}
	return &beside{tekton: conflict.Namespace, runs: ownership.Only(""), headless: true}, nil
}

// runBeside removes an installation beside Tekton.
func (o *RemoveOptions) runBeside(ctx context.Context, c *cluster.Cluster, is *beside) error {
	doomed, err := toDelete(ctx, c, bundle.Choice{Logs: true, Beside: true, TektonNamespace: is.tekton}, o.KeepRuns)
	if err != nil {
		return err
	}
	if err := o.sayBeside(ctx, c, doomed, is); err != nil {
		return err
	}
	if !o.Yes {
		return clierror.New("nothing was deleted", "to delete these objects: sluice uninstall --yes")
	}
	webhooks := slices.DeleteFunc(slices.Clone(doomed), func(one *metav1.PartialObjectMetadata) bool { return one.Kind != kindWebhook })
	if err := o.removeAll(ctx, c, webhooks); err != nil {
		return err
	}
	if err := o.finish(ctx, c, is); err != nil {
		return err
	}
	if o.RemoveLabels {
		if err := o.removeLabels(ctx, c); err != nil {
			return err
		}
	}
	return o.removeAll(ctx, c, slices.DeleteFunc(doomed, func(one *metav1.PartialObjectMetadata) bool { return one.Kind == kindWebhook }))
}

// sayBeside lists the objects to delete, the runs that have not ended, and the namespaces with the label.
func (o *RemoveOptions) sayBeside(ctx context.Context, c *cluster.Cluster, doomed []*metav1.PartialObjectMetadata, is *beside) error {
	if err := o.list(doomed); err != nil {
		return err
	}
	o.Terminal.Printf("Tekton, its kinds, and all Tasks, Pipelines and runs are kept\n")
	open, err := unfinished(ctx, c, is.runs)
	if err != nil {
		return err
	}
	if len(open) > 0 {
		o.Terminal.Printf("these runs of Sluice have not ended: %s\n", named(open))
	}
	moved, err := movedNamespaces(ctx, c)
	if err != nil {
		return err
	}
	if len(moved) > 0 && !o.RemoveLabels {
		o.Terminal.Printf("these namespaces keep the label %s, which has no effect without Sluice: %s\n", v1.LabelEngine, named(moved))
		o.Terminal.Hintf("to remove it: sluice uninstall --remove-labels")
	}
	return nil
}

// finish waits until the runs of Sluice have ended, or leaves them.
func (o *RemoveOptions) finish(ctx context.Context, c *cluster.Cluster, is *beside) error {
	open, err := unfinished(ctx, c, is.runs)
	if err != nil || len(open) == 0 {
		return err
	}
	if o.Force || is.headless {
		o.Terminal.Notef("leaving runs that no controller continues: %s", named(open))
		return nil
	}
	o.Terminal.Notef("waiting for runs that have not ended: %s", named(open))
	err = wait.PollUntilContextTimeout(ctx, between, o.Wait, true, func(ctx context.Context) (bool, error) {
		open, err = unfinished(ctx, c, is.runs)
		return len(open) == 0, err
	})
	if err == nil {
		return nil
	}
	if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("cannot wait for the runs of Sluice: %w", err)
	}
	return clierror.New(fmt.Sprintf("%d runs of Sluice have not ended in %s: %s; the webhook is deleted, so new runs are Tekton's, "+
		"and everything else is kept", len(open), o.Wait, named(open)),
		"to wait longer: sluice uninstall --yes --wait 1h; to cancel one: sluice cancel; to leave them: sluice uninstall --yes --force",
		"to continue with Sluice instead: sluice install --beside-tekton")
}

// unfinished returns the runs that have not ended and that a rule selects, without those that another run owns. If Tekton was
// uninstalled with its kinds, there are no runs.
func unfinished(ctx context.Context, c *cluster.Cluster, rule ownership.Rule) ([]string, error) {
	var taskRuns v1.TaskRunList
	if err := c.Client.List(ctx, &taskRuns); err != nil && !runs.Absent(err) {
		return nil, fmt.Errorf("cannot list TaskRuns: %w", err)
	}
	var pipelineRuns v1.PipelineRunList
	if err := c.Client.List(ctx, &pipelineRuns); err != nil && !runs.Absent(err) {
		return nil, fmt.Errorf("cannot list PipelineRuns: %w", err)
	}
	var open []string
	for i := range pipelineRuns.Items {
		if pr := &pipelineRuns.Items[i]; rule.Manages(pr.Spec.ManagedBy) && !pr.Status.Done() {
			open = append(open, "PipelineRun "+pr.Namespace+"/"+pr.Name)
		}
	}
	for i := range taskRuns.Items {
		if tr := &taskRuns.Items[i]; rule.Manages(tr.Spec.ManagedBy) && !tr.Status.Done() && !ownership.Child(tr) {
			open = append(open, "TaskRun "+tr.Namespace+"/"+tr.Name)
		}
	}
	slices.Sort(open)
	return open, nil
}

// movedNamespaces returns the namespaces of Sluice, sorted.
func movedNamespaces(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	var list corev1.NamespaceList
	if err := c.Client.List(ctx, &list, client.HasLabels{v1.LabelEngine}); err != nil {
		return nil, fmt.Errorf("cannot list namespaces with the label %s: %w", v1.LabelEngine, err)
	}
	names := make([]string, len(list.Items))
	for i := range list.Items {
		names[i] = list.Items[i].Name
	}
	slices.Sort(names)
	return names, nil
}

// removeLabels removes the label from all namespaces.
func (o *RemoveOptions) removeLabels(ctx context.Context, c *cluster.Cluster) error {
	names, err := movedNamespaces(ctx, c)
	if err != nil {
		return err
	}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"`+v1.LabelEngine+`":null}}}`))
	for _, name := range names {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := c.Client.Patch(ctx, namespace, patch); err != nil {
			return fmt.Errorf("cannot remove the label %s from namespace %q: %w", v1.LabelEngine, name, err)
		}
	}
	if len(names) > 0 {
		o.Terminal.Printf("removed the label %s from %s\n", v1.LabelEngine, named(names))
	}
	return nil
}

// named joins names, and counts those beyond mostNamed.
func named(names []string) string {
	if len(names) <= mostNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), len(names)-mostNamed)
}
