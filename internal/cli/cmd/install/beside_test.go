package install_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

// tektonCluster returns a cluster with Tekton: its kinds, its controller in a namespace, and its settings.
func tektonCluster(t *testing.T, namespace string, objects ...client.Object) *cluster.Cluster {
	t.Helper()
	tekton := peer()
	tekton.Namespace = namespace
	c := newCluster(t, append(objects, tekton, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "feature-flags"},
		Data:       map[string]string{"results-from": "termination-message"},
	})...)
	crds, err := tektoncrds.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range crds {
		if err := c.Client.Create(t.Context(), crd); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// snapshot returns the versions of everything that an installation must not change.
func snapshot(t *testing.T, c *cluster.Cluster, namespace string) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for kind, list := range map[string]*unstructured.UnstructuredList{
		"crd":        listOf("apiextensions.k8s.io/v1", "CustomResourceDefinitionList"),
		"deployment": listOf("apps/v1", "DeploymentList"),
		"configmap":  listOf("v1", "ConfigMapList"),
	} {
		var options []client.ListOption
		if kind != "crd" {
			options = append(options, client.InNamespace(namespace))
		}
		if err := c.Client.List(t.Context(), list, options...); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			versions[kind+" "+list.Items[i].GetName()] = list.Items[i].GetResourceVersion()
		}
	}
	return versions
}

func listOf(apiVersion, kind string) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion(apiVersion)
	list.SetKind(kind)
	return list
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if b[key] != value {
			return false
		}
	}
	return true
}

func besideArgs(args ...string) []string {
	return images(append([]string{"--beside-tekton"}, args...)...)
}

// TestInstallNamesTheWayBesideTekton: on a cluster with Tekton, installing refuses and names the flag.
func TestInstallNamesTheWayBesideTekton(t *testing.T) {
	_, _, err := runInstall(tektonCluster(t, settingsNamespace), images()...)
	if err == nil || !strings.Contains(strings.Join(clierror.HintsOf(err), "\n"), "sluice install --beside-tekton") {
		t.Errorf("want a hint, got %v, %q", err, clierror.HintsOf(err))
	}
}

// TestInstallBesideTekton: nothing of Tekton changes, and everything goes again when Sluice is removed.
func TestInstallBesideTekton(t *testing.T) {
	const tekton = "openshift-pipelines"
	c := tektonCluster(t, tekton)
	before := snapshot(t, c, tekton)
	out, notes, err := runInstall(c, besideArgs("--results-from", "sidecar-logs", "--max-result-size", "500")...)
	if err != nil || !strings.Contains(out, "Sluice is installed in namespace sluice-system") ||
		!strings.Contains(notes, "sluice engine use") {
		t.Fatalf("%v\n%s%s", err, out, notes)
	}
	if after := snapshot(t, c, tekton); !same(before, after) {
		t.Errorf("something of Tekton has changed: %v, was %v", after, before)
	}
	var d appsv1.Deployment
	if err := c.Client.Get(t.Context(), client.ObjectKey{Namespace: "sluice-system", Name: "sluice-controller"}, &d); err != nil {
		t.Fatal(err)
	}
	if args := strings.Join(d.Spec.Template.Spec.Containers[0].Args, " "); !strings.Contains(args, "--coexist --tekton-namespace="+tekton) {
		t.Errorf("want the controller beside the Tekton that was found, got %s", args)
	}
	var settings corev1.ConfigMap
	if err := c.Client.Get(t.Context(), client.ObjectKey{Namespace: "sluice-system", Name: "sluice-settings"}, &settings); err != nil ||
		settings.Data["results-from"] != "sidecar-logs" || settings.Data["max-result-size"] != "500" {
		t.Errorf("want the chosen settings in the ConfigMap of Sluice, got %v, %v", settings.Data, err)
	}
	var binding rbacv1.ClusterRoleBinding
	if err := c.Client.Get(t.Context(), client.ObjectKey{Name: "sluice-controller-pod-log-access"}, &binding); err != nil ||
		binding.Subjects[0].Namespace != "sluice-system" {
		t.Errorf("want the right to read logs for the controller of Sluice, got %+v, %v", binding.Subjects, err)
	}
	if err := c.Client.Get(t.Context(), client.ObjectKey{Namespace: tekton, Name: "sluice-coexist-settings"}, &rbacv1.Role{}); err != nil {
		t.Errorf("want the right to read the settings of the Tekton that was found: %v", err)
	}

	// An update keeps images and settings.
	if _, notes, err = runInstall(c, "--beside-tekton", "--wait", "0"); err != nil ||
		!strings.Contains(notes, "keeping the existing settings in sluice-settings") {
		t.Errorf("%v\n%s", err, notes)
	}

	out, _, err = runUninstall(c, "--yes")
	if err != nil || strings.Contains(out, "CustomResourceDefinition") {
		t.Fatalf("%v\n%s", err, out)
	}
	if after := snapshot(t, c, tekton); !same(before, after) {
		t.Errorf("something of Tekton has changed: %v, was %v", after, before)
	}
	for _, list := range []*unstructured.UnstructuredList{
		listOf("v1", "NamespaceList"), listOf("rbac.authorization.k8s.io/v1", "ClusterRoleList"),
		listOf("rbac.authorization.k8s.io/v1", "RoleList"),
		listOf("rbac.authorization.k8s.io/v1", "ClusterRoleBindingList"), listOf("rbac.authorization.k8s.io/v1", "RoleBindingList"),
		listOf("admissionregistration.k8s.io/v1", "MutatingWebhookConfigurationList"),
	} {
		if err := c.Client.List(t.Context(), list); err != nil || len(list.Items) > 0 {
			t.Errorf("want nothing of Sluice left, got %d in %s, %v", len(list.Items), list.GetKind(), err)
		}
	}
}

func TestBesideRefused(t *testing.T) {
	scaledDown := peer()
	scaledDown.Spec.Replicas = new(int32(0))
	alone := peer()
	alone.Name = "sluice-controller"
	cases := map[string]struct {
		reason  string
		cluster func(t *testing.T) *cluster.Cluster
		args    []string
		want    string
	}{
		"NoTekton": {
			reason:  "There is no Tekton.",
			cluster: func(t *testing.T) *cluster.Cluster { t.Helper(); return newCluster(t) },
			want:    "no controller of Tekton is active",
		},
		"ScaledDown": {
			reason:  "Tekton was scaled down, so its runs would not start.",
			cluster: func(t *testing.T) *cluster.Cluster { t.Helper(); return newCluster(t, scaledDown) },
			want:    "no controller of Tekton is active",
		},
		"Alone": {
			reason:  "Sluice is installed as the only controller.",
			cluster: func(t *testing.T) *cluster.Cluster { t.Helper(); return tektonCluster(t, settingsNamespace, alone) },
			want:    "Sluice is installed as the only controller",
		},
		"Replace": {
			reason:  "Two ways at once.",
			cluster: func(t *testing.T) *cluster.Cluster { t.Helper(); return tektonCluster(t, settingsNamespace) },
			args:    []string{"--replace"},
			want:    "exclude each other",
		},
		"OldTekton": {
			reason: "Tekton without managedBy would run the runs of Sluice, too.",
			cluster: func(t *testing.T) *cluster.Cluster {
				t.Helper()
				c := tektonCluster(t, settingsNamespace)
				withoutManagedBy(t, c)
				return c
			},
			want: "taskruns.tekton.dev has no field spec.managedBy",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := tc.cluster(t)
			_, _, err := runInstall(c, besideArgs(tc.args...)...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
			if getErr := c.Client.Get(t.Context(), client.ObjectKey{Name: bundle.BesideNamespace}, &corev1.Namespace{}); getErr == nil {
				t.Errorf("%s: want nothing applied", tc.reason)
			}
		})
	}
}

func withoutManagedBy(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind("CustomResourceDefinition")
	if err := c.Client.Get(t.Context(), client.ObjectKey{Name: "taskruns.tekton.dev"}, crd); err != nil {
		t.Fatal(err)
	}
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil {
		t.Fatal(err)
	}
	unstructured.RemoveNestedField(versions[0].(map[string]any), "schema", "openAPIV3Schema", "properties", "spec", "properties", "managedBy")
	if err := unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"); err != nil {
		t.Fatal(err)
	}
	if err := c.Client.Update(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
}

// TestUninstallBesideTektonWaitsForRuns: the webhook goes first, so that no new run comes. Then unfinished runs of Sluice are named
// and waited for, and everything else stays while there are some.
func TestUninstallBesideTektonWaitsForRuns(t *testing.T) {
	run := &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "build"}, Spec: v1.TaskRunSpec{ManagedBy: new(v1.ManagedBySluice)},
	}
	theirs := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "theirs"}}
	moved := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team", Labels: map[string]string{v1.LabelEngine: v1.EngineSluice}}}
	c := tektonCluster(t, settingsNamespace, run, theirs, moved)
	if _, _, err := runInstall(c, besideArgs()...); err != nil {
		t.Fatal(err)
	}
	out, _, err := runUninstall(c)
	if err == nil || !strings.Contains(out, "these runs of Sluice have not ended: TaskRun team/build\n") ||
		!strings.Contains(out, "these namespaces keep the label sluice.dev/engine, which has no effect without Sluice: team") {
		t.Errorf("want the runs and the namespaces named, got %v\n%s", err, out)
	}
	webhook := listOf("admissionregistration.k8s.io/v1", "MutatingWebhookConfigurationList")
	if listErr := c.Client.List(t.Context(), webhook); listErr != nil || len(webhook.Items) != 1 {
		t.Errorf("want nothing deleted without --yes, got %d webhooks, %v", len(webhook.Items), listErr)
	}

	_, notes, err := runUninstall(c, "--yes", "--wait", "1ms")
	if err == nil || !strings.Contains(err.Error(), "1 runs of Sluice have not ended in 1ms: TaskRun team/build") ||
		!strings.Contains(notes, "waiting for runs that have not ended: TaskRun team/build") {
		t.Errorf("want it to give up, got %v\n%s", err, notes)
	}
	if listErr := c.Client.List(t.Context(), webhook); listErr != nil || len(webhook.Items) != 0 {
		t.Errorf("want the webhook gone, got %d, %v", len(webhook.Items), listErr)
	}
	deployment := client.ObjectKey{Namespace: bundle.BesideNamespace, Name: bundle.Deployment}
	if getErr := c.Client.Get(t.Context(), deployment, &appsv1.Deployment{}); getErr != nil {
		t.Errorf("want the controller to stay for its runs: %v", getErr)
	}

	_, notes, err = runUninstall(c, "--yes", "--force", "--remove-labels")
	if err != nil || !strings.Contains(notes, "leaving runs that no controller continues: TaskRun team/build") {
		t.Errorf("want them left, got %v\n%s", err, notes)
	}
	if getErr := c.Client.Get(t.Context(), deployment, &appsv1.Deployment{}); getErr == nil {
		t.Error("want the controller gone")
	}
	if getErr := c.Client.Get(t.Context(), client.ObjectKeyFromObject(moved), moved); getErr != nil || len(moved.Labels) > 0 {
		t.Errorf("want the label removed, got %v, %v", moved.Labels, getErr)
	}
	for _, kept := range []client.Object{run, theirs} {
		if getErr := c.Client.Get(context.Background(), client.ObjectKeyFromObject(kept), &v1.TaskRun{}); getErr != nil {
			t.Errorf("want %s kept: %v", kept.GetName(), getErr)
		}
	}
}

// withoutKinds returns a cluster from which Tekton's kinds were deleted.
func withoutKinds(c *cluster.Cluster) *cluster.Cluster {
	gone := *c
	gone.Client = interceptor.NewClient(c.Client, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			_, taskRuns := list.(*v1.TaskRunList)
			_, pipelineRuns := list.(*v1.PipelineRunList)
			if taskRuns || pipelineRuns {
				return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: v1.GroupName, Kind: v1.KindTaskRun}}
			}
			return c.List(ctx, list, options...)
		},
	})
	return &gone
}

// TestUninstallAfterTekton: Sluice can be removed after Tekton was, with its kinds and with all runs.
func TestUninstallAfterTekton(t *testing.T) {
	c := tektonCluster(t, settingsNamespace)
	if _, _, err := runInstall(c, besideArgs()...); err != nil {
		t.Fatal(err)
	}
	if out, _, err := runUninstall(withoutKinds(c), "--yes"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	deployment := client.ObjectKey{Namespace: bundle.BesideNamespace, Name: bundle.Deployment}
	if err := c.Client.Get(t.Context(), deployment, &appsv1.Deployment{}); !apierrors.IsNotFound(err) {
		t.Errorf("want the controller gone, got %v", err)
	}
}

// TestUninstallAfterItsNamespace: if the namespace of Sluice was deleted, the rest is found and deleted, and nothing waits for runs
// that no controller ends.
func TestUninstallAfterItsNamespace(t *testing.T) {
	run := &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "build"}, Spec: v1.TaskRunSpec{ManagedBy: new(v1.ManagedBySluice)},
	}
	c := tektonCluster(t, settingsNamespace, run)
	if _, _, err := runInstall(c, besideArgs()...); err != nil {
		t.Fatal(err)
	}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: bundle.BesideNamespace, Name: bundle.Deployment}}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: bundle.BesideNamespace}}
	if err := errors.Join(c.Client.Delete(t.Context(), deployment), c.Client.Delete(t.Context(), namespace)); err != nil {
		t.Fatal(err)
	}
	_, notes, err := runUninstall(c, "--yes")
	if err != nil || !strings.Contains(notes, "leaving runs that no controller continues: TaskRun team/build") {
		t.Errorf("want the run named, got %v\n%s", err, notes)
	}
	for _, list := range []*unstructured.UnstructuredList{
		listOf("admissionregistration.k8s.io/v1", "MutatingWebhookConfigurationList"),
		listOf("rbac.authorization.k8s.io/v1", "ClusterRoleList"), listOf("rbac.authorization.k8s.io/v1", "ClusterRoleBindingList"),
	} {
		if err := c.Client.List(t.Context(), list); err != nil || len(list.Items) > 0 {
			t.Errorf("want nothing of Sluice left, got %d in %s, %v", len(list.Items), list.GetKind(), err)
		}
	}
	if out, notes, err := runUninstall(c, "--yes"); err != nil || !strings.Contains(out+notes, "Sluice is not installed") {
		t.Errorf("a second time: %v\n%s%s", err, out, notes)
	}
}
