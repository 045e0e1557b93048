package doctor

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/ownership"
)

// namespaces shows, beside Tekton, the namespaces of Sluice, and the runs there that the webhook has missed.
func namespaces(ctx context.Context, p *patient) []Finding {
	if p.beside == nil {
		return nil
	}
	labeled, err := movedNamespaces(ctx, p.cluster)
	if err != nil {
		return []Finding{warning("ask for the right to list namespaces", "cannot check the namespaces of Sluice: %v", err)}
	}
	moved, leaving := live(labeled)
	var findings []Finding
	if len(leaving) > 0 {
		findings = append(findings, ok("being deleted, so that no run can start there: %s", listed(leaving)))
	}
	if len(moved) == 0 {
		return append(findings, ok("no namespace has the label %s=%s; Sluice runs only what names it in spec.managedBy "+
			"(sluice engine use NAMESPACE)", v1.LabelEngine, v1.EngineSluice))
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
	findings = append(findings, ok("new runs are run by Sluice in %s", listed(names)))
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

// live separates the namespaces that are being deleted, and returns the names of those.
func live(all []corev1.Namespace) (in []corev1.Namespace, leaving []string) {
	for i := range all {
		if all[i].DeletionTimestamp.IsZero() {
			in = append(in, all[i])
		} else {
			leaving = append(leaving, all[i].Name)
		}
	}
	return in, leaving
}

// missedIn returns the runs of a namespace that the webhook should have marked. A cluster without the kinds has no runs.
func missedIn(ctx context.Context, c *cluster.Cluster, namespace *corev1.Namespace) ([]string, error) {
	var taskRuns v1.TaskRunList
	if err := c.Client.List(ctx, &taskRuns, client.InNamespace(namespace.Name)); err != nil && !runs.Absent(err) {
		return nil, err
	}
	var pipelineRuns v1.PipelineRunList
	if err := c.Client.List(ctx, &pipelineRuns, client.InNamespace(namespace.Name)); err != nil && !runs.Absent(err) {
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
	labeled, err := movedNamespaces(ctx, p.cluster)
	moved, _ := live(labeled)
	if err != nil || len(moved) == 0 {
		return nil // the check of the namespaces says so
	}
	run := &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "sluice-doctor-", Namespace: moved[0].Name},
		Spec:       v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{{Image: "busybox", Script: "true"}}}},
	}
	err = p.cluster.Client.Create(ctx, run, client.DryRunAll)
	if runs.Absent(err) {
		return nil // the check of the kinds says so
	}
	return []Finding{p.judgeMarking(run, err, moved[0].Name)}
}

func (p *patient) judgeMarking(run *v1.TaskRun, err error, namespace string) Finding {
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return warning(fixLeaving, "cannot check the webhook: namespace %s is being deleted", namespace)
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
