package doctor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiversion "k8s.io/apimachinery/pkg/version"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
	"github.com/sluice-ci/sluice/internal/cli/resultview"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/results"
)

// Minor versions of Kubernetes 1.
const (
	// oldest has ValidatingAdmissionPolicy, which rejects wrong settings.
	oldest = 30
	// imageVolumes is the first version with image volumes by default.
	imageVolumes = 35
)

func version(_ context.Context, p *patient) []Finding {
	found, err := p.cluster.Kube.Discovery().ServerVersion()
	if err != nil {
		return []Finding{trouble("kubectl cluster-info", "cannot read the version of the cluster: %v", err)}
	}
	return []Finding{judgeVersion(found)}
}

func judgeVersion(found *apiversion.Info) Finding {
	minor, err := strconv.Atoi(strings.TrimRight(found.Minor, "+"))
	switch {
	case err != nil:
		return warning("", "Kubernetes %s: cannot parse this version", found.GitVersion)
	case minor < oldest:
		return trouble("upgrade the cluster to Kubernetes 1.30 or later",
			"Kubernetes %s is older than 1.%d, and lacks ValidatingAdmissionPolicy", found.GitVersion, oldest)
	case minor < imageVolumes:
		return warning("upgrade to Kubernetes 1.35, which has image volumes by default",
			"Kubernetes %s has no image volumes: an init container copies the in-pod binary, which costs each run about a second",
			found.GitVersion)
	default:
		return ok("Kubernetes %s: image volumes provide the in-pod binary", found.GitVersion)
	}
}

func kinds(_ context.Context, p *patient) []Finding {
	wanted := map[string][]string{
		v1.GroupVersion.String():      {v1.KindTask, v1.KindTaskRun, v1.KindPipeline, v1.KindPipelineRun},
		v1beta1.GroupVersion.String(): {"StepAction"},
	}
	var missing []string
	for _, gv := range []string{v1.GroupVersion.String(), v1beta1.GroupVersion.String()} {
		list, err := p.cluster.Kube.Discovery().ServerResourcesForGroupVersion(gv)
		if err != nil && !apierrors.IsNotFound(err) {
			return []Finding{warning("", "cannot check the kinds: %v", err)}
		}
		for _, kind := range wanted[gv] {
			if list == nil || !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Kind == kind }) {
				missing = append(missing, kind)
			}
		}
	}
	if len(missing) > 0 {
		fix := "sluice install"
		if p.beside != nil { // the kinds are Tekton's
			fix = fixTekton
		}
		return []Finding{trouble(fix, "the cluster does not serve the kinds %s", strings.Join(missing, ", "))}
	}
	return []Finding{ok("the cluster serves Task, TaskRun, Pipeline, PipelineRun and StepAction")}
}

func controller(ctx context.Context, p *patient) []Finding {
	d := p.deployment
	switch {
	case p.deploymentErr != nil:
		return []Finding{warning("ask for the right to get deployments in namespace "+p.namespace(),
			"cannot check the controller: %v", p.deploymentErr)}
	case d == nil:
		return []Finding{trouble("sluice install", "the controller of Sluice is not installed")}
	case p.stateOf(ctx, d.Namespace) == namespaceLeaving:
		return []Finding{trouble("wait until the namespace is deleted, then install again: sluice install, or sluice install --beside-tekton",
			"namespace %s is being deleted, and the controller with it", d.Namespace)}
	}
	image := "an unknown image"
	if len(d.Spec.Template.Spec.Containers) > 0 {
		image = d.Spec.Template.Spec.Containers[0].Image
	}
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	look := fmt.Sprintf("kubectl describe pods -n %s; kubectl logs -n %s deployment/%s", d.Namespace, d.Namespace, d.Name)
	switch ready := d.Status.AvailableReplicas; {
	case wanted == 0:
		return []Finding{
			trouble(fmt.Sprintf("kubectl scale deployment %s -n %s --replicas=1", d.Name, d.Namespace), "the controller is scaled down"),
		}
	case ready == 0:
		return []Finding{trouble(look, "no replica of the controller is ready (%s)", image)}
	case ready < wanted || d.Status.UpdatedReplicas < wanted:
		return []Finding{warning(look, "%d of %d replicas of the controller are ready (%s)", ready, wanted, image)}
	default:
		return []Finding{ok("the controller runs in namespace %s: %s", d.Namespace, image)}
	}
}

func others(ctx context.Context, p *patient) []Finding {
	found, err := conflict.Find(ctx, p.cluster)
	if err != nil {
		return []Finding{warning("ask for the right to list deployments in all namespaces",
			"cannot check for another controller: %v", err)}
	}
	if p.beside != nil {
		return []Finding{judgeTekton(found)}
	}
	var findings []Finding
	for _, other := range conflict.Acting(found) {
		if p.deployment == nil { // the check of the controller says so
			findings = append(findings, ok("%s runs all runs", other))
			continue
		}
		findings = append(findings, trouble("two controllers overwrite each other's work: run sluice install --replace, or remove one of them",
			"%s reconciles the same runs", other))
	}
	if len(findings) == 0 {
		return []Finding{ok("no other controller of tekton.dev is active")}
	}
	return findings
}

func settings(_ context.Context, p *patient) []Finding {
	if p.flagsErr != nil {
		return []Finding{warning("ask for the right to get configmaps in namespace "+p.namespace(), "cannot read the settings: %v", p.flagsErr)}
	}
	var findings []Finding
	for _, wrong := range p.wrong {
		findings = append(findings, trouble(fmt.Sprintf("kubectl edit configmap %s -n %s", wrong.ConfigMap, p.namespaceOf(wrong.ConfigMap)),
			"%v", wrong))
	}
	if p.flagsGone {
		findings = append(findings, warning("create it: sluice install",
			"ConfigMap %s does not exist in namespace %s; the defaults apply", config.FlagsName,
			p.namespace()))
	}
	for _, n := range p.notices {
		findings = append(findings, warning(fmt.Sprintf("kubectl edit configmap %s -n %s", n.ConfigMap, n.namespace), "%s", n.Text))
	}
	if p.noticesErr != nil {
		findings = append(findings, warning("ask for the right to get configmaps in namespaces "+p.namespace()+" and "+config.ResolversNamespace,
			"cannot check for settings without effect: %v", p.noticesErr))
	}
	f := p.flags
	if f.ResultsFrom == config.TerminationMessage {
		return append(findings, ok("results-from: termination-message: at most 4096 bytes for all results of a step; max-result-size: %d",
			f.MaxResultSize))
	}
	return append(findings, ok("results-from: sidecar-logs: at most %s for a result, and 1.5 MiB for a whole run",
		resultview.Bytes(int(f.MaxResultSize))))
}

// streamBytes is the size of the largest results stream in a log (docs/limits.md).
const streamBytes = 2_200_000

// neededLog returns how many bytes of a log a kubelet must keep, so that no result is lost before it is read.
func neededLog(f config.Flags) int64 {
	return min(streamBytes, f.MaxResultSize*streamBytes/results.ObjectLimit+64<<10)
}

// inNamespace returns "in namespace NAME" or "in every namespace".
func inNamespace(namespace string) string {
	if namespace == corev1.NamespaceAll {
		return "in every namespace"
	}
	return "in namespace " + namespace
}
