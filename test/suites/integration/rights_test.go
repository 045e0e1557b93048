//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// as returns a client with the identity of a user, and the address of the API server.
func as(t *testing.T, user string, groups ...string) (*http.Client, string) {
	t.Helper()
	config := rest.CopyConfig(shared.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}
	c, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return c, config.Host
}

// try sends a request, written "METHOD /path", and returns the status code of the response.
func try(t *testing.T, c *http.Client, host, request string) int {
	t.Helper()
	method, path, _ := strings.Cut(request, " ")
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	r, err := http.NewRequestWithContext(t.Context(), method, host+path+separator+"dryRun=All", bytes.NewBufferString("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // only the code counts
	return answer.StatusCode
}

// TestRefusedToTheController sends the requests of an attacker in the controller, with the controller's service account and
// the roles in config/rbac. They must be refused.
func TestRefusedToTheController(t *testing.T) {
	namespace := newNamespace(t)
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s"}})
	c, host := as(t, controller, "system:serviceaccounts", "system:serviceaccounts:"+installation)
	core, ours := "/api/v1/namespaces/"+namespace, "/apis/tekton.dev/v1/namespaces/"+namespace
	eventually(t, func(context.Context) error { // the API server's view of roles has a short delay
		if code := try(t, c, host, "GET "+core+"/pods"); code != http.StatusOK {
			return fmt.Errorf("the controller may list pods, got %d", code)
		}
		return nil
	})
	const rbac = "/apis/rbac.authorization.k8s.io/v1"
	for _, request := range []string{
		// Secrets: the controller may read those of a run's service account by name, and nothing else.
		"GET " + core + "/secrets",
		"GET /api/v1/secrets",
		"POST " + core + "/secrets",
		"PATCH " + core + "/secrets/s",
		"DELETE " + core + "/secrets/s",
		"POST /api/v1/namespaces/" + installation + "/secrets", "PUT /api/v1/namespaces/" + installation + "/secrets/other",
		// Access to pods.
		"GET " + core + "/pods/p/log", "POST " + core + "/pods/p/exec?command=sh", "GET " + core + "/pods/p/exec?command=sh",
		"POST " + core + "/pods/p/attach", "POST " + core + "/pods/p/portforward", "PATCH " + core + "/pods/p/ephemeralcontainers",
		"PATCH " + core + "/pods/p/status", "POST " + core + "/pods/p/eviction", "PUT " + core + "/pods/p",
		// Objects that users write.
		"POST " + ours + "/tasks", "PATCH " + ours + "/tasks/t", "DELETE " + ours + "/tasks/t", "POST " + ours + "/pipelines",
		"PUT " + ours + "/pipelineruns/p", "DELETE " + ours + "/pipelineruns/p",
		"PUT " + ours + "/taskruns/t", "DELETE " + ours + "/taskruns/t", "DELETE " + ours + "/taskruns", "PUT " + ours + "/taskruns/t/status",
		// More permissions.
		"POST " + rbac + "/clusterroles", "POST " + rbac + "/clusterrolebindings", "POST " + rbac + "/namespaces/" + namespace + "/roles",
		"POST " + rbac + "/namespaces/" + namespace + "/rolebindings", "PATCH " + rbac + "/clusterroles/sluice-controller",
		"PATCH " + rbac + "/clusterroles/sluice-controller-pod-log-access",
		"POST " + core + "/serviceaccounts/default/token", "POST " + core + "/serviceaccounts", "PATCH " + core + "/serviceaccounts/default",
		// Objects of the cluster.
		"GET /api/v1/nodes", "DELETE /api/v1/namespaces/" + namespace, "POST /api/v1/namespaces", "PATCH /api/v1/namespaces/" + namespace,
		"POST /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
		"PUT /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/other",
		"DELETE /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/sluice-validation",
		// CRDs: the controller may patch the four whose conversion it serves, and nothing else.
		"PATCH /apis/apiextensions.k8s.io/v1/customresourcedefinitions/customruns.tekton.dev",
		"GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/taskruns.tekton.dev",
		"PUT /apis/apiextensions.k8s.io/v1/customresourcedefinitions/taskruns.tekton.dev",
		"DELETE /apis/apiextensions.k8s.io/v1/customresourcedefinitions/taskruns.tekton.dev",
		"PATCH /apis/apiextensions.k8s.io/v1/customresourcedefinitions/taskruns.tekton.dev/status",
		// Its own settings, and its own Deployment.
		"PATCH /api/v1/namespaces/" + installation + "/configmaps/feature-flags", "GET " + core + "/configmaps",
		"PUT /api/v1/namespaces/" + installation + "/configmaps/feature-flags", "POST /api/v1/namespaces/" + installation + "/configmaps",
		"PATCH /apis/apps/v1/namespaces/" + installation + "/deployments/sluice-controller",
		"POST /apis/apps/v1/namespaces/" + namespace + "/deployments",
		"GET " + core + "/persistentvolumeclaims", "DELETE " + core + "/persistentvolumeclaims/c", "PATCH " + core + "/persistentvolumeclaims/c",
	} {
		if code := try(t, c, host, request); code != http.StatusForbidden {
			t.Errorf("%s: want it refused with 403, got %d", request, code)
		}
	}
}

// TestRefusedToUsers: an editor of a namespace may write runs but no statuses, and a viewer may write nothing.
func TestRefusedToUsers(t *testing.T) {
	namespace := newNamespace(t)
	bindUsers(t, namespace)
	ours, elsewhere := "/apis/tekton.dev/v1/namespaces/"+namespace, "/apis/tekton.dev/v1/namespaces/default"
	viewer, host := as(t, "viewer")
	editor, _ := as(t, "editor")
	eventually(t, func(context.Context) error {
		if a, b := try(t, viewer, host, "GET "+ours+"/taskruns"), try(t, editor, host, "POST "+ours+"/taskruns"); a != http.StatusOK ||
			b == http.StatusForbidden {
			return fmt.Errorf("a viewer may read and an editor may write, got %d and %d", a, b)
		}
		return nil
	})
	for _, kind := range []string{"tasks", "taskruns", "pipelines", "pipelineruns"} {
		for request, c := range map[string]*http.Client{
			"POST " + ours + "/" + kind: viewer, "DELETE " + ours + "/" + kind: viewer, "PATCH " + ours + "/" + kind + "/x": viewer,
			"GET " + elsewhere + "/" + kind: viewer, "POST " + elsewhere + "/" + kind: editor,
			"PATCH " + ours + "/" + kind + "/x/status": editor, "PUT " + ours + "/" + kind + "/x/status": editor,
		} {
			if code := try(t, c, host, request); code != http.StatusForbidden && code != http.StatusNotFound &&
				code != http.StatusMethodNotAllowed ||
				code == http.StatusNotFound && !strings.HasSuffix(request, "status") {
				t.Errorf("%s: want it refused, got %d", request, code)
			}
		}
	}
}

// unseen are the permissions that the work below does not use, with the reason why they are needed.
func unseen() map[string]string {
	return map[string]string{
		"update taskruns/finalizers.tekton.dev":     "asked for by the admission plug-in OwnerReferencesPermissionEnforcement, where it is on",
		"update pipelineruns/finalizers.tekton.dev": "asked for by the same plug-in",
		"get pipelineruns.tekton.dev":               "after a status that the API server refuses, to see whether the run has changed meanwhile",
		"patch events.events.k8s.io":                "an event that comes back within minutes is counted in the one that is there",
		"patch events":                              "an event of the leader's election that comes back is counted in the one that is there",
	}
}

// excused reports whether an unused permission is needed anyway. An API server that does not stream lists gets a list request
// before each watch.
func excused(what string, used map[string]bool) bool {
	if listed, ok := strings.CutPrefix(what, "list "); ok && used["watch "+listed] {
		return true
	}
	_, ok := unseen()[what]
	return ok
}

// TestEveryRightIsUsed: the controller does all of its work as its service account. Every rule of its roles must be used, and
// no request may be refused.
func TestEveryRightIsUsed(t *testing.T) {
	const logAccess = "config/enable-log-access-to-controller/"
	mustKubectl(t, "apply", "-f", logAccess)
	t.Cleanup(func() { mustKubectlAtEnd(t, "delete", "--ignore-not-found", "-f", logAccess) })
	wantRight(t, controller, right{"get", "", "pods", "log", "user", ""}, true)
	applyWebhooks(t)
	fresh(t)
	sendEventsTo(t, newSink(t, func(int) {}).URL)
	r, played, idle := newRelay(t), newPlace(t), newPlace(t)
	first := map[string]bool{"create pods": true, "create taskruns.tekton.dev": true, "create customruns.tekton.dev": true,
		"create pipelineruns.tekton.dev": true, "create persistentvolumeclaims": true}
	r.let(func(c call, _ int) trouble {
		if c.namespace == played && first[c.what()] {
			first[c.what()] = false
			return lost // so that it must check the owner of the object with that name
		}
		return none
	})
	supervise(t, r)
	playPods(t, played)
	work(t, played, idle)
	used := map[string]bool{}
	eventually(t, func(context.Context) error {
		for _, what := range r.calls() {
			used[what] = true
		}
		var missing []string
		for _, what := range granted(t) {
			if !used[what] && !excused(what, used) {
				missing = append(missing, what)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("these rights are granted and were not used: %q", missing)
		}
		return nil
	})
	for what := range unseen() {
		if !slices.Contains(granted(t), what) {
			t.Errorf("%q is excused and not granted", what)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refused) > 0 {
		t.Errorf("want no request of the controller refused, got %q", r.refused)
	}
}

// fresh removes what another controller has left: its lease, the webhooks' certificate, and the version for clients.
func fresh(t *testing.T) {
	t.Helper()
	mustKubectl(t, "delete", "lease", "sluice-controller", "-n", installation, "--ignore-not-found")
	mustKubectl(t, "patch", "secret", "sluice-webhook-certificate", "-n", installation, "-p", `{"data":null}`)
	mustKubectl(t, "patch", "configmap", "pipelines-info", "-n", installation, "-p", `{"data":null}`)
}

// work makes the controller do all of its work, in a namespace whose pods are played and in one whose pods never start.
func work(t *testing.T, played, idle string) {
	t.Helper()
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: played, Name: "git", Annotations: map[string]string{"tekton.dev/git-0": "https://example.com"}},
		Type:       corev1.SecretTypeBasicAuth,
		StringData: map[string]string{"username": "u", "password": "p"},
	})
	account := &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Namespace: played, Name: "bot"},
		Secrets:    []corev1.ObjectReference{{Name: "git"}},
	}
	create(t, account)
	create(t, &v1.Task{
		ObjectMeta: metav1.ObjectMeta{Namespace: played, Name: "task", Labels: map[string]string{"team": "release"}},
		Spec:       oneStep(),
	})
	for _, run := range []*v1.TaskRun{
		taskRun(played, "labelled", func(r *v1.TaskRun) {
			r.Spec.TaskSpec, r.Spec.TaskRef, r.Spec.ServiceAccountName = nil, &v1.TaskRef{Name: "task"}, "bot"
		}),
		taskRun(played, "missing", func(r *v1.TaskRun) { r.Spec.TaskSpec, r.Spec.TaskRef = nil, &v1.TaskRef{Name: "absent"} }),
		taskRun(played, "action", func(r *v1.TaskRun) { r.Spec.TaskSpec.Steps = []v1.Step{{Name: "s", Ref: &v1.StepRef{Name: "absent"}}} }),
		taskRun(played, "logs", func(r *v1.TaskRun) { r.Annotations = map[string]string{v1.AnnotationResultsFrom: "sidecar-logs"} }),
		taskRun(played, "claim", func(r *v1.TaskRun) {
			r.Spec.TaskSpec.Workspaces = []v1.WorkspaceDeclaration{{Name: "w"}}
			r.Spec.Workspaces = []v1.WorkspaceBinding{{
				Name: "w",
				VolumeClaimTemplate: &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
				}},
			}}
		}),
		remoteTaskRun(played, "remote", "task"),
		taskRun(idle, "late", func(r *v1.TaskRun) { r.Spec.Timeout = &metav1.Duration{Duration: 15 * time.Second} }),
		taskRun(idle, "cancelled"), taskRun(idle, "deleted"),
	} {
		create(t, run)
	}
	serve(t, played)
	chain := pipelineRun(played, "chain", "a", "b")
	chain.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "out", Value: v1.StringValue("$(tasks.a.results." + result + ")")}}
	create(t, chain)
	absent := pipelineRun(played, "absent")
	absent.Spec.PipelineSpec, absent.Spec.PipelineRef = nil, &v1.PipelineRef{Name: "absent"}
	create(t, absent)
	create(t, pipelineRun(idle, "cancelled", "a"))
	waiting := customTask(t, played)
	create(t, nestedRun(t, played, "outer"))
	awaitPods(t, idle, 4)
	startPod(t, idle, "late-pod") // it is stopped at its timeout; a pod without a kubelet would be deleted
	mustKubectl(t, "delete", "pod", "deleted-pod", "-n", idle, "--now")
	cancel := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"status":"TaskRunCancelled"}}`))
	if err := shared.client.Patch(t.Context(), taskRun(idle, "cancelled"), cancel); err != nil {
		t.Fatal(err)
	}
	cancel = client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"status":"Cancelled"}}`))
	customRuns(t, played, 1)
	for _, run := range []*v1.PipelineRun{pipelineRun(idle, "cancelled"), waiting} {
		if err := shared.client.Patch(t.Context(), run, cancel); err != nil {
			t.Fatal(err)
		}
	}
}

// nestedRun returns a PipelineRun whose task is a pipeline.
func nestedRun(t *testing.T, namespace, name string) *v1.PipelineRun {
	t.Helper()
	raw, err := json.Marshal(pipelineRun(namespace, "inner", "a").Spec.PipelineSpec)
	if err != nil {
		t.Fatal(err)
	}
	outer := pipelineRun(namespace, name)
	outer.Spec.PipelineSpec.Tasks = []v1.PipelineTask{{Name: "inner", PipelineSpec: &runtime.RawExtension{Raw: raw}}}
	return outer
}

// customTask creates a PipelineRun whose custom task never ends.
func customTask(t *testing.T, namespace string) *v1.PipelineRun {
	t.Helper()
	waiting := pipelineRun(namespace, "waiting", "a")
	waiting.Spec.PipelineSpec.Tasks = []v1.PipelineTask{{
		Name:     "wait",
		TaskSpec: &v1.EmbeddedTask{APIVersion: "example.dev/v1", Kind: "Wait", Spec: &runtime.RawExtension{Raw: []byte(`{"for":"1h"}`)}},
	}}
	create(t, waiting)
	return waiting
}

// startPod does the first actions of a scheduler and a kubelet: it sets the pod's node and start time. There is no sandbox, and there
// should have been one for some time, so that the controller reads the reason from the pod's events.
func startPod(t *testing.T, namespace, name string) {
	t.Helper()
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	binding := &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "absent"}}
	if err := shared.client.SubResource("binding").Create(t.Context(), p, binding); err != nil {
		t.Fatal(err)
	}
	now := metav1.Now().UTC()
	started := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"status":{"startTime":%q,"conditions":[
		{"type":"PodReadyToStartContainers","status":"False"},
		{"type":"PodScheduled","status":"True","lastTransitionTime":%q}]}}`,
		now.Format(time.RFC3339), now.Add(-time.Minute).Format(time.RFC3339)))
	if err := shared.client.Status().Patch(t.Context(), p, started); err != nil {
		t.Fatal(err)
	}
}

func awaitPods(t *testing.T, namespace string, want int) {
	t.Helper()
	eventually(t, func(context.Context) error {
		if got := len(podsOf(t, namespace)); got < want {
			return fmt.Errorf("%d pods of %d", got, want)
		}
		return nil
	})
}

// granted returns the permissions of the controller, each as "verb resource.group".
func granted(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, file := range []string{
		"config/rbac/cluster_role.yaml",
		"config/rbac/role.yaml",
		"config/enable-log-access-to-controller/clusterrole.yaml",
	} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			var role rbacv1.ClusterRole
			if err := yaml.Unmarshal(document, &role); err != nil {
				t.Fatal(err)
			}
			for i := range role.Rules {
				all = append(all, rights(&role.Rules[i])...)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func rights(rule *rbacv1.PolicyRule) []string {
	var all []string
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				all = append(all, right{verb: verb, group: group, resource: resource}.words())
			}
		}
	}
	return all
}

// applyWebhooks applies the configurations of config/webhook until the test ends. They apply only to namespaces with a label
// that tests set. The service that they name has no endpoint.
func applyWebhooks(t *testing.T) {
	t.Helper()
	validating, mutating := &admissionregistrationv1.ValidatingWebhookConfiguration{}, &admissionregistrationv1.MutatingWebhookConfiguration{}
	for file, into := range map[string]client.Object{"validating.yaml": validating, "mutating.yaml": mutating} {
		text, err := os.ReadFile(filepath.Join(root, "config/webhook", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			t.Fatal(err)
		}
	}
	marked := metav1.LabelSelectorRequirement{Key: closedLabel, Operator: metav1.LabelSelectorOpExists}
	validating.Webhooks[0].NamespaceSelector.MatchExpressions = append(validating.Webhooks[0].NamespaceSelector.MatchExpressions, marked)
	mutating.Webhooks[0].NamespaceSelector.MatchExpressions = append(mutating.Webhooks[0].NamespaceSelector.MatchExpressions, marked)
	for _, o := range []client.Object{validating, mutating} {
		create(t, o)
		t.Cleanup(func() {
			if err := client.IgnoreNotFound(shared.client.Delete(context.Background(), o)); err != nil {
				t.Errorf("cannot delete the webhooks: %v", err)
			}
		})
	}
}

// closedLabel marks the namespaces that the webhooks of applyWebhooks are for.
const closedLabel = "sluice-integration-closed"

func mustKubectlAtEnd(t *testing.T, args ...string) {
	t.Helper()
	if _, _, err := kubectl(context.Background(), "", args...); err != nil {
		t.Error(err)
	}
}

// TestControllerIsRestricted: the pod of config/controller passes Pod Security "restricted", which its namespace enforces,
// and its file system is read-only.
func TestControllerIsRestricted(t *testing.T) {
	namespace := newPlace(t)
	label(t, namespace, "pod-security.kubernetes.io/enforce", "restricted")
	text, err := os.ReadFile(filepath.Join(root, "config/controller/deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var deployment appsv1.Deployment
	if err := yaml.UnmarshalStrict(text, &deployment); err != nil {
		t.Fatal(err)
	}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "controller"}, Spec: deployment.Spec.Template.Spec}
	p.Spec.ServiceAccountName = "default"
	eventually(t, func(ctx context.Context) error { // the label has a short delay, too
		careless := p.DeepCopy()
		careless.Spec.Containers[0].SecurityContext = nil
		if err := shared.client.Create(ctx, careless, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "PodSecurity") {
			return fmt.Errorf("want a pod that is not restricted refused, got: %w", err)
		}
		return nil
	})
	if err := shared.client.Create(t.Context(), p, client.DryRunAll); err != nil {
		t.Errorf("want the controller's pod admitted, got: %v", err)
	}
	if c := p.Spec.Containers[0].SecurityContext; c == nil || c.ReadOnlyRootFilesystem == nil || !*c.ReadOnlyRootFilesystem {
		t.Error("want the controller's root file system read-only")
	}
}
