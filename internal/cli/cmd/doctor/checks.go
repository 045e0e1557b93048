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
	// oldest has ValidatingAdmissionPolicy, by which wrong settings are refused.
	oldest = 30
	// imageVolumes are on by default from here on.
	imageVolumes = 35
)

func version(_ context.Context, p *patient) []Finding {
	found, err := p.cluster.Kube.Discovery().ServerVersion()
	if err != nil {
		return []Finding{trouble("kubectl cluster-info", "the cluster does not say its version: %v", err)}
	}
	return []Finding{judgeVersion(found)}
}

func judgeVersion(found *apiversion.Info) Finding {
	minor, err := strconv.Atoi(strings.TrimRight(found.Minor, "+"))
	switch {
	case err != nil:
		return warning("", "Kubernetes %s: this version is not known", found.GitVersion)
	case minor < oldest:
		return trouble("bring the cluster to Kubernetes 1.30 or later",
			"Kubernetes %s is older than 1.%d, and lacks ValidatingAdmissionPolicy", found.GitVersion, oldest)
	case minor < imageVolumes:
		return warning("Kubernetes 1.35 has image volumes on by default",
			"Kubernetes %s: without image volumes an init container brings the in-pod binary, which costs each run about a second",
			found.GitVersion)
	default:
		return ok("Kubernetes %s: image volumes bring the in-pod binary", found.GitVersion)
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
			return []Finding{warning("", "which kinds there are cannot be asked: %v", err)}
		}
		for _, kind := range wanted[gv] {
			if list == nil || !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Kind == kind }) {
				missing = append(missing, kind)
			}
		}
	}
	if len(missing) > 0 {
		return []Finding{trouble("sluice install", "the cluster does not have the kinds %s", strings.Join(missing, ", "))}
	}
	return []Finding{ok("Task, TaskRun, Pipeline, PipelineRun and StepAction are served")}
}

func controller(_ context.Context, p *patient) []Finding {
	d := p.deployment
	switch {
	case p.deploymentErr != nil:
		return []Finding{warning("ask for the right to get deployments in namespace "+p.namespace(),
			"whether the controller runs is not known: %v", p.deploymentErr)}
	case d == nil:
		return []Finding{trouble("sluice install", "there is no controller of Sluice")}
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
			"whether another controller is there is not known: %v", err)}
	}
	var findings []Finding
	for _, other := range conflict.Acting(found) {
		findings = append(findings, trouble("two controllers undo each other's work: sluice install --replace, or remove one of both",
			"%s acts on the same runs", other))
	}
	if len(findings) == 0 {
		return []Finding{ok("no other controller of tekton.dev acts")}
	}
	return findings
}

func settings(_ context.Context, p *patient) []Finding {
	if p.flagsErr != nil {
		return []Finding{warning("ask for the right to get configmaps in namespace "+p.namespace(), "the settings are not known: %v", p.flagsErr)}
	}
	var findings []Finding
	for _, wrong := range p.wrong {
		findings = append(findings, trouble(fmt.Sprintf("kubectl edit configmap %s -n %s", wrong.ConfigMap, p.namespace()), "%v", wrong))
	}
	if p.flagsGone {
		findings = append(findings, warning("sluice install makes them",
			"there is no ConfigMap %s in namespace %s; the defaults are in force", config.FlagsName,
			p.namespace()))
	}
	for _, n := range p.notices {
		findings = append(findings, warning(fmt.Sprintf("kubectl edit configmap %s -n %s", n.ConfigMap, n.namespace), "%s", n.Text))
	}
	if p.noticesErr != nil {
		findings = append(findings, warning("ask for the right to get configmaps in namespaces "+p.namespace()+" and "+config.ResolversNamespace,
			"whether there are settings without effect is not known: %v", p.noticesErr))
	}
	f := p.flags
	if f.ResultsFrom == config.TerminationMessage {
		return append(findings, ok("results-from: termination-message: at most 4096 bytes for all results of a step; max-result-size: %d",
			f.MaxResultSize))
	}
	return append(findings, ok("results-from: sidecar-logs: at most %s for a result, and 1.5 MiB for a whole run",
		resultview.Bytes(int(f.MaxResultSize))))
}

// streamBytes is what a stream of the largest results takes in a log (docs/limits.md).
const streamBytes = 2_200_000

// neededLog is how much log a kubelet must keep of a container, so that no result is lost before it is read.
func neededLog(f config.Flags) int64 {
	return min(streamBytes, f.MaxResultSize*streamBytes/results.ObjectLimit+64<<10)
}

// inNamespace names a namespace, or all.
func inNamespace(namespace string) string {
	if namespace == corev1.NamespaceAll {
		return "in every namespace"
	}
	return "in namespace " + namespace
}
