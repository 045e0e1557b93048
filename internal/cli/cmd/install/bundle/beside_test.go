package bundle_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
)

// TestBesideTektonChangesNothingOfTekton: the objects of an installation beside Tekton are Sluice's own, and none judges or converts
// objects of Tekton.
func TestBesideTektonChangesNothingOfTekton(t *testing.T) {
	s := build(t, bundle.Choice{Beside: true, Logs: true})
	for _, o := range s.All() {
		name := o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
		switch o.GetKind() {
		case "CustomResourceDefinition", "ValidatingWebhookConfiguration":
			t.Errorf("%s is not for a cluster with Tekton", name)
		case "ValidatingAdmissionPolicy":
			wantOwnPods(t, find[admissionregistrationv1.ValidatingAdmissionPolicy](t, s.Core, o.GetKind(), o.GetName()))
		}
		if !strings.HasPrefix(o.GetName(), "sluice") {
			t.Errorf("%s could have the name of an object of Tekton", name)
		}
		if o.GetNamespace() == bundle.Namespace && !slices.Contains([]string{"Role", "RoleBinding"}, o.GetKind()) {
			t.Errorf("%s is in the namespace of Tekton", name)
		}
		if o.GetLabels()[bundle.LabelPartOf] != bundle.PartOf || o.GetLabels()[bundle.LabelMode] != bundle.ModeBeside {
			t.Errorf("%s lacks the labels by which it is found: %v", name, o.GetLabels())
		}
	}
}

// wantOwnPods wants a policy that judges new pods of Sluice, and no other object: only its pods have the annotation.
func wantOwnPods(t *testing.T, p *admissionregistrationv1.ValidatingAdmissionPolicy) {
	t.Helper()
	var judged []string
	for _, rule := range p.Spec.MatchConstraints.ResourceRules {
		judged = slices.Concat(judged, rule.APIGroups, rule.Resources)
		for _, operation := range rule.Operations {
			judged = append(judged, string(operation))
		}
	}
	if diff := cmp.Diff([]string{"", "pods", "CREATE"}, judged); diff != "" {
		t.Errorf("policy %s: -want +got:\n%s", p.Name, diff)
	}
	for _, condition := range p.Spec.MatchConditions {
		if strings.Contains(condition.Expression, "object.metadata.annotations['"+v1.AnnotationSteps+"'] == '"+v1.StepsFree+"'") {
			return
		}
	}
	t.Errorf("policy %s: want a condition for annotation %s, got %+v", p.Name, v1.AnnotationSteps, p.Spec.MatchConditions)
}

// TestBesideTektonMarksAndDoesNothingElse: the webhook is called for new runs without a manager in labeled namespaces, and the
// API server continues without it.
func TestBesideTektonMarksAndDoesNothingElse(t *testing.T) {
	s := build(t, bundle.Choice{Beside: true})
	const kind = "MutatingWebhookConfiguration"
	webhooks := find[admissionregistrationv1.MutatingWebhookConfiguration](t, s.Core, kind, "sluice-managed-by").Webhooks
	if len(webhooks) != 1 {
		t.Fatalf("want one webhook, got %d", len(webhooks))
	}
	w := webhooks[0]
	if *w.FailurePolicy != admissionregistrationv1.Ignore || *w.TimeoutSeconds != 2 {
		t.Errorf("want the API server to go on after two seconds, got %s after %d", *w.FailurePolicy, *w.TimeoutSeconds)
	}
	if diff := cmp.Diff(map[string]string{"sluice.dev/engine": "sluice"}, w.NamespaceSelector.MatchLabels); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(w.Rules) != 1 || !slices.Equal(w.Rules[0].Operations, []admissionregistrationv1.OperationType{admissionregistrationv1.Create}) ||
		!slices.Equal(w.Rules[0].Resources, []string{"taskruns", "pipelineruns"}) {
		t.Errorf("want it called for new runs only, got %+v", w.Rules)
	}
	if len(w.MatchConditions) != 2 {
		t.Errorf("want it not called for runs that name a manager, nor for children, got %+v", w.MatchConditions)
	}
}

// TestBesideTektonLeastPrivilege: no right to CRDs, and no right to change anything in the namespace of Tekton.
func TestBesideTektonLeastPrivilege(t *testing.T) {
	s := build(t, bundle.Choice{Beside: true, Logs: true})
	reads := []string{"get", "list", "watch"}
	for _, o := range s.Core {
		if o.GetKind() != "Role" && o.GetKind() != "ClusterRole" {
			continue
		}
		for _, rule := range find[rbacv1.ClusterRole](t, []*unstructured.Unstructured{o}, o.GetKind(), o.GetName()).Rules {
			if slices.Contains(rule.APIGroups, "apiextensions.k8s.io") || slices.Contains(rule.Resources, "*") || slices.Contains(rule.Verbs, "*") {
				t.Errorf("%s has too wide a rule: %+v", o.GetName(), rule)
			}
			inTekton := o.GetNamespace() == bundle.Namespace
			everywhere := o.GetKind() == "ClusterRole"
			for _, verb := range rule.Verbs {
				switch {
				case inTekton && (!slices.Contains(reads, verb) || !slices.Equal(rule.Resources, []string{"configmaps"})):
					t.Errorf("%s may %s %v in the namespace of Tekton", o.GetName(), verb, rule.Resources)
				case everywhere && slices.Contains(rule.Resources, "configmaps") && len(rule.ResourceNames) == 0:
					t.Errorf("%s may %s all ConfigMaps", o.GetName(), verb)
				case verb == "update" && slices.Contains(rule.Resources, "mutatingwebhookconfigurations") &&
					!slices.Equal(rule.ResourceNames, []string{"sluice-managed-by"}):
					t.Errorf("%s may change webhooks of others: %v", o.GetName(), rule.ResourceNames)
				}
			}
		}
	}
}

// TestBesideTektonInItsNamespace: the namespace of Tekton is not always the usual one.
func TestBesideTektonInItsNamespace(t *testing.T) {
	s := build(t, bundle.Choice{Beside: true, TektonNamespace: "openshift-pipelines"})
	for _, o := range s.All() {
		if o.GetNamespace() == bundle.Namespace {
			t.Errorf("%s %s is in %s", o.GetKind(), o.GetName(), bundle.Namespace)
		}
	}
	args := find[appsv1.Deployment](t, s.Core, "Deployment", bundle.Deployment).Spec.Template.Spec.Containers[0].Args
	if !slices.Contains(args, "--coexist") || !slices.Contains(args, "--tekton-namespace=openshift-pipelines") ||
		slices.Contains(args, "--tekton-namespace=tekton-pipelines") {
		t.Errorf("want the namespace in the arguments, got %q", args)
	}
}
