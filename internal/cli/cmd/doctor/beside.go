package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/fieldset"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// OpenAPI reads the OpenAPI v3 document of tekton.dev/v1.
type OpenAPI func(c *cluster.Cluster) ([]byte, error)

// published reads the document that the API server publishes.
func published(c *cluster.Cluster) ([]byte, error) {
	paths, err := c.Kube.Discovery().OpenAPIV3().Paths()
	if err != nil {
		return nil, err
	}
	served, ok := paths["apis/"+v1.GroupVersion.String()]
	if !ok {
		return nil, fmt.Errorf("the API server does not serve %s", v1.GroupVersion)
	}
	return served.Schema("application/json")
}

// beside is an installation beside Tekton.
type beside struct {
	// tekton is the namespace of Tekton, and runs the rule for the runs of Sluice.
	tekton string
	runs   ownership.Rule
	// layers are the settings.
	layers config.Layers
}

// besideOf returns the installation of a controller beside Tekton; nil if it is the only controller.
func besideOf(d *appsv1.Deployment) *beside {
	if d == nil || len(d.Spec.Template.Spec.Containers) == 0 {
		return nil
	}
	args := d.Spec.Template.Spec.Containers[0].Args
	if !slices.Contains(args, "--coexist") && !slices.Contains(args, "--coexist=true") {
		return nil
	}
	is := &beside{tekton: bundle.Namespace}
	name := ""
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--tekton-namespace="); ok {
			is.tekton = value
		}
		if value, ok := strings.CutPrefix(arg, "--managed-by="); ok {
			name = value
		}
	}
	is.runs = ownership.Only(name)
	return is
}

// observeLayers reads the settings of both namespaces.
func (p *patient) observeLayers(ctx context.Context) {
	for _, one := range []struct {
		namespace, name string
		into            *map[string]string
	}{
		{p.namespace(), config.SettingsName, &p.beside.layers.Own},
		{p.beside.tekton, config.FlagsName, &p.beside.layers.Flags},
		{p.beside.tekton, config.DefaultsName, &p.beside.layers.Defaults},
	} {
		var cm corev1.ConfigMap
		err := p.cluster.Client.Get(ctx, client.ObjectKey{Namespace: one.namespace, Name: one.name}, &cm)
		if client.IgnoreNotFound(err) != nil {
			p.flagsErr = err
		}
		*one.into = cm.Data
	}
	p.flags, _, p.wrong = p.beside.layers.Parse([]config.ResultsFrom{config.TerminationMessage, config.SidecarLogs})
	p.observeSettings(ctx)
}

// namespaceOf returns the namespace of a ConfigMap with settings.
func (p *patient) namespaceOf(configMap string) string {
	if p.beside != nil && configMap != config.SettingsName {
		return p.beside.tekton
	}
	return p.namespace()
}

// inForce shows, beside Tekton, the settings in force and where each comes from.
func inForce(_ context.Context, p *patient) []Finding {
	if p.beside == nil || p.flagsErr != nil {
		return nil
	}
	findings := []Finding{ok("keys of %s in namespace %s override those of namespace %s; keys that neither sets have their defaults",
		config.SettingsName, p.namespace(), p.beside.tekton)}
	for _, e := range p.beside.layers.Effective() {
		source := fmt.Sprintf("from %s in namespace %s", e.ConfigMap, p.namespaceOf(e.ConfigMap))
		if e.Differs {
			source += fmt.Sprintf("; Tekton has %q", shortened(e.Overridden))
		}
		findings = append(findings, ok("%s: %q (%s)", e.Key, shortened(e.Value), source))
	}
	return findings
}

func shortened(value string) string {
	const most = 60
	return terminal.Line(truncate.Text(value, most))
}

// judgeTekton judges the controllers of Tekton beside Sluice.
func judgeTekton(acting []conflict.Controller) Finding {
	if len(acting) == 0 {
		return warning("kubectl scale deployment tekton-pipelines-controller -n tekton-pipelines --replicas=1",
			"no controller of Tekton is active, so runs that Sluice does not manage do not start")
	}
	names := make([]string, len(acting))
	for i, other := range acting {
		names[i] = other.String()
	}
	return ok("Tekton runs what Sluice does not manage: %s", strings.Join(names, ", "))
}

// leftOut shows, beside Tekton, the fields of statuses that the installed version of Tekton lacks.
func leftOut(_ context.Context, p *patient) []Finding {
	if p.beside == nil {
		return nil
	}
	text, err := p.readers.OpenAPI(p.cluster)
	if err != nil {
		return []Finding{warning("", "cannot read the fields of Tekton's kinds: %v", err)}
	}
	document, err := fieldset.Parse(text)
	if err != nil {
		return []Finding{warning("", "cannot read the fields of Tekton's kinds: %v", err)}
	}
	return []Finding{judgeFields(document)}
}

func judgeFields(document fieldset.Document) Finding {
	for _, kind := range []string{v1.KindTaskRun, v1.KindPipelineRun} {
		if has, known := document.Has(kind, "spec", "managedBy"); known && !has {
			return trouble("update Tekton to a version that has the field",
				"%s has no field spec.managedBy in this version of Tekton, so Tekton runs the runs of Sluice, too", kind)
		}
	}
	status := document.Status(v1.KindTaskRun)
	if status == nil {
		return ok("this version of Tekton does not name the fields of its kinds; only fields that no version has are left out")
	}
	links := map[string]*fieldset.Schema{"retriesStatus": status}
	var outside []string
	for _, path := range fieldset.Compile[v1.TaskRunStatus](status, links).Unknown {
		if !strings.HasPrefix(path, "taskSpec.") { // of a Task that Tekton's webhook has accepted
			outside = append(outside, path)
		}
	}
	return ok("fields of a TaskRun's status that this version of Tekton lacks, and that are left out: %s", listed(outside))
}

// namespaces shows, beside Tekton, the namespaces of Sluice, and the runs there that the webhook has missed.
func namespaces(ctx context.Context, p *patient) []Finding {
	if p.beside == nil {
		return nil
	}
	moved, err := movedNamespaces(ctx, p.cluster)
	if err != nil {
		return []Finding{warning("ask for the right to list namespaces", "cannot check the namespaces of Sluice: %v", err)}
	}
	if len(moved) == 0 {
		return []Finding{ok("no namespace has the label %s=%s; Sluice runs only what names it in spec.managedBy (sluice engine use NAMESPACE)",
			v1.LabelEngine, v1.EngineSluice)}
	}
	var names, missed []string
	for i := range moved {
		names = append(names, moved[i].Name)
		here, err := missedIn(ctx, p.cluster, &moved[i])
		if err != nil {
			return []Finding{warning("ask for the right to list runs in namespace "+moved[i].Name, "cannot check the runs of Sluice: %v", err)}
		}
		missed = append(missed, here...)
	}
	findings := []Finding{ok("new runs are run by Sluice in %s", listed(names))}
	if len(missed) > 0 {
		findings = append(findings, warning(
			"see the check \"webhooks\"; to run them with Sluice, create them again",
			"%s created there without spec.managedBy, because the webhook did not respond; Tekton runs: %s",
			counted(len(missed), "run"), listed(missed)))
	}
	return findings
}

func movedNamespaces(ctx context.Context, c *cluster.Cluster) ([]corev1.Namespace, error) {
	var list corev1.NamespaceList
	err := c.Client.List(ctx, &list, client.MatchingLabels{v1.LabelEngine: v1.EngineSluice})
	return list.Items, err
}

// missedIn returns the runs of a namespace that the webhook should have marked.
func missedIn(ctx context.Context, c *cluster.Cluster, namespace *corev1.Namespace) ([]string, error) {
	var taskRuns v1.TaskRunList
	if err := c.Client.List(ctx, &taskRuns, client.InNamespace(namespace.Name)); err != nil {
		return nil, err
	}
	var pipelineRuns v1.PipelineRunList
	if err := c.Client.List(ctx, &pipelineRuns, client.InNamespace(namespace.Name)); err != nil {
		return nil, err
	}
	var missed []string
	for i := range pipelineRuns.Items {
		if pr := &pipelineRuns.Items[i]; ownership.Missed(pr, pr.Spec.ManagedBy, namespace) {
			missed = append(missed, "PipelineRun "+pr.Namespace+"/"+pr.Name)
		}
	}
	for i := range taskRuns.Items {
		if tr := &taskRuns.Items[i]; ownership.Missed(tr, tr.Spec.ManagedBy, namespace) {
			missed = append(missed, "TaskRun "+tr.Namespace+"/"+tr.Name)
		}
	}
	return missed, nil
}

// marking creates, in a dry run, a TaskRun in a namespace of Sluice, which the webhook marks.
func (p *patient) marking(ctx context.Context) []Finding {
	moved, err := movedNamespaces(ctx, p.cluster)
	if err != nil || len(moved) == 0 {
		return nil // the check of the namespaces says so
	}
	run := &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "sluice-doctor-", Namespace: moved[0].Name},
		Spec:       v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{{Image: "busybox", Script: "true"}}}},
	}
	err = p.cluster.Client.Create(ctx, run, client.DryRunAll)
	return []Finding{p.judgeMarking(run, err, moved[0].Name)}
}

func (p *patient) judgeMarking(run *v1.TaskRun, err error, namespace string) Finding {
	switch {
	case apierrors.IsForbidden(err):
		return warning("ask for the right to create taskruns in namespace "+namespace,
			"cannot check the webhook: you may not create a TaskRun in namespace %s", namespace)
	case err != nil:
		return warning("", "cannot check the webhook in namespace %s: %s", namespace, terminal.Line(err.Error()))
	case !p.beside.runs.Manages(run.Spec.ManagedBy):
		return trouble(fmt.Sprintf("kubectl logs -n %s deployment/%s; check that the API server can connect to port 9443 of its pods",
			p.namespace(), bundle.Deployment),
			"the webhook does not set spec.managedBy of runs in namespace %s, so Tekton runs them", namespace)
	default:
		return ok("the webhook sets spec.managedBy of runs in the namespaces of Sluice to %s", p.beside.runs.Name())
	}
}

// listed joins names, and counts those that are too many.
func listed(names []string) string {
	const most = 10
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	default:
		return strings.Join(names, ", ")
	}
}
