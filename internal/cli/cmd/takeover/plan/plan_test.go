package plan

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

var update = flag.Bool("update", false, "rewrite the expected plans")

func deployment(namespace, name, part, image string, replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app.kubernetes.io/part-of": part}},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: image}}}},
		},
	}
}

func configMap(namespace, name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}

// crd returns a CustomResourceDefinition. Versions are the served ones, the written one last.
func crd(group, plural, kind string, stored []any, versions ...string) *unstructured.Unstructured {
	var served []any
	for i, name := range versions {
		served = append(served, map[string]any{"name": name, "served": true, "storage": i == len(versions)-1})
	}
	o := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{
			"group": group, "names": map[string]any{"kind": kind}, "versions": served, "conversion": map[string]any{"strategy": "Webhook"},
		},
		"status": map[string]any{"storedVersions": stored},
	}}
	o.SetGroupVersionKind(extensions().WithKind("CustomResourceDefinition"))
	o.SetName(plural + "." + group)
	o.SetLabels(map[string]string{"app.kubernetes.io/part-of": "tekton-pipelines"})
	return o
}

func object(apiVersion, kind, name string, more map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	maps.Copy(o.Object, more)
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace("team")
	o.SetName(name)
	return o
}

func succeeded(status string) map[string]any {
	return map[string]any{"status": map[string]any{"conditions": []any{map[string]any{"type": "Succeeded", "status": status}}}}
}

// earlierCluster is a cluster that has run Tekton for years.
func earlierCluster() []client.Object {
	objects := []client.Object{
		deployment("tekton-pipelines", "tekton-pipelines-controller", "tekton-pipelines", "r/controller:v1.3.0@sha256:1", 1),
		deployment("tekton-pipelines", "tekton-pipelines-webhook", "tekton-pipelines", "r/webhook:v1.3.0@sha256:2", 1),
		deployment("tekton-pipelines-resolvers", "tekton-pipelines-remote-resolvers", "tekton-pipelines", "r/resolvers:v1.3.0", 1),
		deployment("tekton-dashboard", "tekton-dashboard", "tekton-dashboard", "r/dashboard:v0.60.0", 1),
		deployment("tekton-chains", "tekton-chains-controller", "", "r/chains@sha256:4", 0),
		deployment("tekton-operator", "tekton-operator-controller", "tekton-operator", "r/operator:v0.77.0", 1),
		deployment("team", "shop", "shop", "r/shop:1", 1),
		configMap("tekton-pipelines", "pipelines-info", map[string]string{"version": "v1.3.0"}),
		configMap("tekton-pipelines", "feature-flags", map[string]string{
			"_example": "x", "results-from": "termination-message", "max-result-size": "lots", "enable-api-fields": "beta",
			"disable-inline-spec": "pipelinerun", "enable-tekton-oci-bundles": "true", "enable-artifats": "true",
		}),
		configMap("tekton-pipelines", "config-observability", map[string]string{"metrics-protocol": "prometheus"}),
		configMap("tekton-pipelines-resolvers", "resolvers-feature-flags", map[string]string{"enable-cluster-resolver": "false"}),
		configMap("tekton-pipelines-resolvers", "git-resolver-config", map[string]string{
			"fetch-timeout": "forever", "default-revision": "main", "team.default-revision": "main", "api-tokens": "x",
		}),
		crd("tekton.dev", "tasks", "Task", []any{"v1", "v1beta1"}, "v1beta1", "v1"),
		crd("tekton.dev", "taskruns", "TaskRun", []any{"v1"}, "v1beta1", "v1"),
		crd("tekton.dev", "pipelineruns", "PipelineRun", []any{"v1"}, "v1beta1", "v1"),
		crd("tekton.dev", "stepactions", "StepAction", []any{"v1alpha1", "v1beta1"}, "v1alpha1", "v1beta1"),
		crd("tekton.dev", "clustertasks", "ClusterTask", []any{"v1beta1"}, "v1beta1"),
		crd("tekton.dev", "customruns", "CustomRun", []any{"v1beta1"}, "v1beta1"),
		crd("tekton.dev", "verificationpolicies", "VerificationPolicy", []any{"v1alpha1"}, "v1alpha1"),
		crd("resolution.tekton.dev", "resolutionrequests", "ResolutionRequest", []any{"v1alpha1", "v1beta1"}, "v1alpha1", "v1beta1"),
		crd("example.com", "shops", "Shop", []any{"v1"}, "v1"),
		object("tekton.dev/v1", "Task", "build", nil),
		object("tekton.dev/v1beta1", "ClusterTask", "git-clone", nil),
		object("tekton.dev/v1", "PipelineRun", "done", succeeded("True")),
		object("tekton.dev/v1beta1", "CustomRun", "approve", map[string]any{"spec": map[string]any{
			"customRef": map[string]any{"apiVersion": "openshift-pipelines.org/v1alpha1", "kind": "ApprovalTask"},
		}}),
		object("tekton.dev/v1alpha1", "VerificationPolicy", "signed", map[string]any{"spec": map[string]any{"mode": "warn"}}),
		&admissionregistrationv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "validation.webhook.pipeline.tekton.dev"},
			Webhooks:   []admissionregistrationv1.ValidatingWebhook{{Rules: rules("tekton.dev"), ClientConfig: service("tekton-pipelines-webhook")}},
		},
		&admissionregistrationv1.MutatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "everything"},
			Webhooks:   []admissionregistrationv1.MutatingWebhook{{Rules: rules("*"), ClientConfig: service("policies")}},
		},
		&admissionregistrationv1.ValidatingAdmissionPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: "no-latest"},
			Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{MatchConstraints: &admissionregistrationv1.MatchResources{
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: rules("tekton.dev")[0]}},
			}},
		},
	}
	for i := range 7 {
		objects = append(objects, object("tekton.dev/v1", "TaskRun", fmt.Sprintf("run-%d", i), succeeded("Unknown")))
	}
	request := object("resolution.tekton.dev/v1beta1", "ResolutionRequest", "git-1", nil)
	request.SetLabels(map[string]string{"resolution.tekton.dev/type": "git"})
	return append(objects, request)
}

func rules(group string) []admissionregistrationv1.RuleWithOperations {
	return []admissionregistrationv1.RuleWithOperations{{Rule: admissionregistrationv1.Rule{APIGroups: []string{group}}}}
}

func service(name string) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{
		Service: &admissionregistrationv1.ServiceReference{Namespace: "tekton-pipelines", Name: name},
	}
}

// observed returns the plan for a cluster in which the user may not list, or get, some resources.
func observed(t *testing.T, objects []client.Object, forbidden func(what string) bool) Plan {
	t.Helper()
	refuse := func(what string) error {
		if forbidden == nil || !forbidden(what) {
			return nil
		}
		return apierrors.NewForbidden(schema.GroupResource{Resource: what}, "", nil)
	}
	c := fake.NewClientBuilder().WithScheme(clientgo.Scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if err := refuse(fmt.Sprintf("get %T in %s", o, key.Namespace)); err != nil {
				return err
			}
			return c.Get(ctx, key, o, options...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			set := (&client.ListOptions{}).ApplyOptions(options)
			if err := refuse(fmt.Sprintf("list %T %s in %s", list, list.GetObjectKind().GroupVersionKind().Kind, set.Namespace)); err != nil {
				return err
			}
			return c.List(ctx, list, options...)
		},
	}).Build()
	return Of(Observe(t.Context(), c, "v1.37.2"))
}

// TestPlan compares plans with testdata, as pages and as JSON.
func TestPlan(t *testing.T) {
	cases := map[string]struct {
		reason    string
		objects   []client.Object
		forbidden func(string) bool
	}{
		"earlier": {
			reason:  "a cluster that has run Tekton for years; docs/takeover.md shows this plan",
			objects: earlierCluster(),
		},
		"partial": {
			reason:  "a user who may read only ConfigMaps of Tekton and what is in its namespace",
			objects: earlierCluster(),
			forbidden: func(what string) bool {
				return strings.HasPrefix(what, "list") && !strings.HasSuffix(what, "in tekton-pipelines") || strings.HasSuffix(what, "resolvers")
			},
		},
		"empty": {reason: "a cluster without Tekton"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := observed(t, c.objects, c.forbidden)
			text, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compare(t, name+".md", p.Markdown())
			compare(t, name+".json", string(text)+"\n")
		})
	}
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; -update rewrites it:\n%s", file, diff)
	}
}

// TestPageOfDocs: the plan in docs/takeover.md is that of a test.
func TestPageOfDocs(t *testing.T) {
	page, err := os.ReadFile("../../../../../docs/takeover.md")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := os.ReadFile("testdata/earlier.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "````markdown\n"+string(plan)+"````\n") {
		t.Error("docs/takeover.md must have the text of testdata/earlier.md in a block of code")
	}
}

// TestForbiddenIsNamed: each request that is refused is in the plan, with the missing right.
func TestForbiddenIsNamed(t *testing.T) {
	requests := map[string]bool{}
	observed(t, earlierCluster(), func(what string) bool {
		requests[what] = true
		return false
	})
	if len(requests) < 10 {
		t.Fatalf("want all requests, got %v", requests)
	}
	for one := range requests {
		p := observed(t, earlierCluster(), func(what string) bool { return what == one })
		if len(p.Unread) == 0 {
			t.Errorf("%s: the plan does not name it", one)
		}
		for _, gap := range p.Unread {
			if gap.Right == "" || !strings.Contains(p.Markdown(), gap.What) {
				t.Errorf("%s: want the right and the page to name it, got %+v", one, gap)
			}
		}
	}
}

// TestBounded: a page does not grow with the number of objects, and each object is read once.
func TestBounded(t *testing.T) {
	sizes := map[int]int{}
	for _, n := range []int{200, 600} {
		objects := earlierCluster()
		for i := range n {
			objects = append(objects, object("tekton.dev/v1", "PipelineRun", fmt.Sprintf("p-%04d", i), succeeded("Unknown")))
		}
		sizes[n] = len(observed(t, objects, nil).Markdown())
	}
	if sizes[200] != sizes[600] {
		t.Errorf("want pages of the same size, got %v", sizes)
	}
}

// TestHostileNames: a text from the cluster cannot begin another row or an element of HTML.
func TestHostileNames(t *testing.T) {
	d := deployment("tekton-pipelines", "tekton-pipelines-controller", "tekton-pipelines", "r/c:1", 1)
	info := configMap("tekton-pipelines", "pipelines-info", map[string]string{"version": "v1 | x\n\n# Title <script>"})
	page := observed(t, []client.Object{d, info}, nil).Markdown()
	if strings.Contains(page, "\n# Title") || strings.Contains(page, "<script>") || !strings.Contains(page, `v1 \| x # Title &lt;script>`) {
		t.Errorf("want the text on one line, got\n%s", page)
	}
}
