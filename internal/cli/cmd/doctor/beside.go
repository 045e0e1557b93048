package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
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

// errNotServed is the error of a cluster without Tekton's kinds.
var errNotServed = fmt.Errorf("the API server does not serve %s", v1.GroupVersion)

// OpenAPI reads the OpenAPI v3 document of tekton.dev/v1. The error is errNotServed if there is none.
type OpenAPI func(c *cluster.Cluster) ([]byte, error)

// published reads the document that the API server publishes.
func published(c *cluster.Cluster) ([]byte, error) {
	paths, err := c.Kube.Discovery().OpenAPIV3().Paths()
	if err != nil {
		return nil, err
	}
	served, ok := paths["apis/"+v1.GroupVersion.String()]
	if !ok {
		return nil, errNotServed
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
		{p.beside.tekton, config.ObservabilityName, &p.beside.layers.Metrics},
	} {
		var cm corev1.ConfigMap
		err := p.cluster.Client.Get(ctx, client.ObjectKey{Namespace: one.namespace, Name: one.name}, &cm)
		if client.IgnoreNotFound(err) != nil {
			p.flagsErr = err
		}
		*one.into = cm.Data
	}
	var parsed config.Config
	parsed, p.wrong = p.beside.layers.Parse([]config.ResultsFrom{config.TerminationMessage, config.SidecarLogs})
	p.flags = parsed.Flags
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

// fixTekton is what to do if a part of Tekton is missing.
const fixTekton = "install Tekton again; or, to use Sluice without Tekton: sluice uninstall --yes, then sluice install"

// judgeTekton judges the controllers of Tekton beside Sluice.
func judgeTekton(found []conflict.Controller) Finding {
	acting := conflict.Acting(found)
	switch {
	case len(found) == 0:
		return warning(fixTekton, "Tekton is not installed: no controller runs what Sluice does not manage")
	case len(acting) == 0:
		return warning(found[0].Restore(), "%s is scaled down, so runs that Sluice does not manage do not start", found[0])
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
	if errors.Is(err, errNotServed) {
		return nil // the check of the kinds says so
	}
	if err != nil {
		return []Finding{warning("", "cannot read the fields of Tekton's kinds: %v", err)}
	}
	document, err := fieldset.Parse(text)
	if err != nil {
		return []Finding{warning("", "cannot read the fields of Tekton's kinds: %v", err)}
	}
	return append([]Finding{judgeFields(document)}, ignored(document)...)
}

// ignored returns a warning if Tekton's kinds have fields that this version of Sluice does not know. They have no effect on the runs
// of Sluice.
func ignored(document fieldset.Document) []Finding {
	var paths []string
	for _, kind := range []struct {
		name    string
		missing []string
	}{
		{v1.KindTask, fieldset.Missing[v1.TaskSpec](document.Spec(v1.KindTask))},
		{v1.KindTaskRun, fieldset.Missing[v1.TaskRunSpec](document.Spec(v1.KindTaskRun))},
		{v1.KindPipeline, fieldset.Missing[v1.PipelineSpec](document.Spec(v1.KindPipeline))},
		{v1.KindPipelineRun, fieldset.Missing[v1.PipelineRunSpec](document.Spec(v1.KindPipelineRun))},
	} {
		for _, path := range kind.missing {
			paths = append(paths, kind.name+" spec."+path)
		}
	}
	if len(paths) == 0 {
		return nil
	}
	return []Finding{warning("update Sluice, or run what needs these fields with Tekton",
		"fields of this version of Tekton that have no effect on the runs of Sluice: %s", listed(paths))}
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
