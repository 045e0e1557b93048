package install_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/scheme"
)

const settingsNamespace = "tekton-pipelines"

// newCluster returns a cluster that serves each kind immediately.
func newCluster(t *testing.T, objects ...client.Object) *cluster.Cluster {
	t.Helper()
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	inner := fake.NewClientBuilder().WithScheme(known).WithObjects(objects...).Build()
	return &cluster.Cluster{Namespace: "team", Client: interceptor.NewClient(inner, interceptor.Funcs{Apply: apply})}
}

// apply stores an object without managed fields, which take minutes for CRDs of 1 MB.
func apply(ctx context.Context, c client.WithWatch, applied runtime.ApplyConfiguration, _ ...client.ApplyOption) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(applied)
	if err != nil {
		return err
	}
	object := &unstructured.Unstructured{Object: content}
	if object.GetKind() == "CustomResourceDefinition" {
		object.Object["spec"] = map[string]any{}
		object.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}}
	}
	if err := client.IgnoreNotFound(c.Delete(ctx, object.DeepCopy())); err != nil {
		return err
	}
	return c.Create(ctx, object)
}

func execute(command *cobra.Command, args ...string) error {
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetArgs(args)
	return command.ExecuteContext(context.Background())
}

func runInstall(c *cluster.Cluster, args ...string) (out, notes string, err error) {
	var stdout, stderr bytes.Buffer
	err = execute(install.NewCommand(terminal.Plain(nil, &stdout, &stderr), cluster.Fixed{Cluster: c}), args...)
	return stdout.String(), stderr.String(), err
}

func runUninstall(c *cluster.Cluster, args ...string) (out, notes string, err error) {
	var stdout, stderr bytes.Buffer
	err = execute(install.NewRemoveCommand(terminal.Plain(nil, &stdout, &stderr), cluster.Fixed{Cluster: c}), args...)
	return stdout.String(), stderr.String(), err
}

func peer() *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: settingsNamespace, Name: "tekton-pipelines-controller"},
		Spec:       appsv1.DeploymentSpec{Replicas: new(int32(2))},
	}
}

func flag(t *testing.T, c *cluster.Cluster, key string) string {
	t.Helper()
	var flags corev1.ConfigMap
	if err := c.Client.Get(context.Background(), client.ObjectKey{Namespace: settingsNamespace, Name: "feature-flags"}, &flags); err != nil {
		t.Fatal(err)
	}
	return flags.Data[key]
}

func images(args ...string) []string {
	return append([]string{"--image", "r/c:1", "--inpod-image", "r/i:1", "--wait", "0"}, args...)
}

func TestInstall(t *testing.T) {
	c := newCluster(t)
	out, notes, err := runInstall(c, images("--results-from", "sidecar-logs", "--max-result-size", "500")...)
	if err != nil || !strings.Contains(out, "Sluice is installed in namespace tekton-pipelines") {
		t.Fatalf("%v\n%s%s", err, out, notes)
	}
	if got := flag(t, c, "results-from") + " " + flag(t, c, "max-result-size"); got != "sidecar-logs 500" {
		t.Errorf("want the chosen settings, got %s", got)
	}
	if err := c.Client.Get(context.Background(), client.ObjectKey{Name: "sluice-controller-pod-log-access"},
		&rbacv1.ClusterRole{}); err != nil {
		t.Errorf("want the right to read logs: %v", err)
	}

	// A second run keeps images and settings that are not given.
	_, notes, err = runInstall(c, "--wait", "0")
	if err != nil || !strings.Contains(notes, "keeping the existing settings in feature-flags") {
		t.Errorf("%v\n%s", err, notes)
	}
	var d appsv1.Deployment
	if err := c.Client.Get(context.Background(), client.ObjectKey{Namespace: settingsNamespace, Name: "sluice-controller"}, &d); err != nil {
		t.Fatal(err)
	}
	if container := d.Spec.Template.Spec.Containers[0]; container.Image != "r/c:1" ||
		!strings.Contains(strings.Join(container.Args, " "), "--inpod-image r/i:1") {
		t.Errorf("want the images that there were, got %s %v", container.Image, container.Args)
	}
	if _, _, err = runInstall(c, "--wait", "0", "--results-from", "termination-message"); err != nil ||
		flag(t, c, "results-from") != "termination-message" || flag(t, c, "max-result-size") != "500" {
		t.Errorf("want only the setting that was given to change: %v, %s, %s", err, flag(t, c, "results-from"), flag(t, c, "max-result-size"))
	}
}

func TestNamespaced(t *testing.T) {
	c := newCluster(t)
	if _, _, err := runInstall(c, images("--results-from", "sidecar-logs", "--namespaced")...); err != nil {
		t.Fatal(err)
	}
	key := client.ObjectKey{Namespace: "team", Name: "sluice-controller-pod-log-access"}
	if err := c.Client.Get(context.Background(), key, &rbacv1.RoleBinding{}); err != nil {
		t.Errorf("want the right to read logs in the namespace: %v", err)
	}
	if err := c.Client.Get(context.Background(), client.ObjectKey{Name: key.Name}, &rbacv1.ClusterRole{}); err == nil {
		t.Error("want it nowhere else")
	}
	if out, _, err := runUninstall(c, "--yes"); err != nil || strings.Count(out, " team ") != 2 {
		t.Errorf("want it to go with the rest: %v\n%s", err, out)
	}
}

func TestRival(t *testing.T) {
	c := newCluster(t, peer())
	_, _, err := runInstall(c, images()...)
	if err == nil || !strings.Contains(err.Error(),
		"another controller of tekton.dev is active: deployment tekton-pipelines-controller in namespace tekton-pipelines") {
		t.Fatalf("want it refused, got %v", err)
	}
	if getErr := c.Client.Get(context.Background(), client.ObjectKey{
		Namespace: settingsNamespace,
		Name:      "sluice-controller",
	}, &appsv1.Deployment{}); getErr == nil {
		t.Error("want nothing applied")
	}
	_, notes, err := runInstall(c, images("--replace")...)
	if err != nil || !strings.Contains(notes,
		"hint: to restore it: sluice uninstall, then kubectl scale deployment tekton-pipelines-controller -n tekton-pipelines --replicas=2") {
		t.Fatalf("%v\n%s", err, notes)
	}
	if found, err := conflict.Find(context.Background(), c); err != nil || len(conflict.Acting(found)) != 0 {
		t.Errorf("want it scaled down, got %+v, %v", found, err)
	}
	if _, _, err := runInstall(c, "--wait", "0"); err != nil {
		t.Errorf("what has been scaled down is in nobody's way: %v", err)
	}

	// Common objects are kept.
	out, notes, err := runUninstall(c, "--yes")
	if err != nil || strings.Contains(out, "CustomResourceDefinition") || strings.Contains(out, "Namespace ") ||
		!strings.Contains(notes, "--replicas=2") {
		t.Errorf("%v\n%s%s", err, out, notes)
	}
	if err := c.Client.Get(context.Background(), client.ObjectKeyFromObject(peer()), &appsv1.Deployment{}); err != nil {
		t.Errorf("want it left alone: %v", err)
	}
}

// TestRivalResolvers: Tekton's resolvers do not answer the same requests as those of Sluice, and come back when Sluice leaves.
func TestRivalResolvers(t *testing.T) {
	resolvers := peer()
	resolvers.Name, resolvers.Namespace = "tekton-pipelines-remote-resolvers", "tekton-pipelines-resolvers"
	stopped := peer()
	stopped.Spec.Replicas = new(int32(0))
	acting := func(c *cluster.Cluster) bool {
		found, err := conflict.FindResolvers(context.Background(), c)
		if err != nil || len(found) != 1 {
			t.Fatalf("want one Deployment of resolvers, got %+v, %v", found, err)
		}
		return len(conflict.Acting(found)) == 1
	}

	c := newCluster(t, resolvers, stopped)
	_, _, err := runInstall(c, images("--resolvers-image", "r/r:1")...)
	if err == nil || !strings.Contains(err.Error(), "another program answers ResolutionRequests: "+
		"deployment tekton-pipelines-remote-resolvers in namespace tekton-pipelines-resolvers") {
		t.Errorf("want it refused, got %v", err)
	}
	if _, _, err := runInstall(c, images("--replace")...); err != nil || !acting(c) {
		t.Errorf("without resolvers of Sluice, want those of Tekton to continue: %v", err)
	}
	_, notes, err := runInstall(c, images("--replace", "--resolvers-image", "r/r:1")...)
	if err != nil || acting(c) || !strings.Contains(notes,
		"kubectl scale deployment tekton-pipelines-remote-resolvers -n tekton-pipelines-resolvers --replicas=2") {
		t.Errorf("want them scaled down, and the command to restore them, got %v\n%s", err, notes)
	}
	out, notes, err := runUninstall(c, "--yes")
	if err != nil || strings.Contains(out, "Namespace ") || !strings.Contains(notes, "tekton-pipelines-remote-resolvers") {
		t.Errorf("want their namespace kept, and the command to restore them, got %v\n%s%s", err, out, notes)
	}
}

func TestRefused(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		want   string
	}{
		"NoImages": {
			reason: "nothing can be installed without images",
			want:   "cannot install without images",
		},
		"Mode": {
			reason: "a mode that there is not",
			args:   images("--results-from", "post"),
			want:   `"post" is not one of termination-message, sidecar-logs`,
		},
		"Size": {
			reason: "a limit that cannot be",
			args:   images("--max-result-size", "1572864"),
			want:   "is not between 1 and 1572863",
		},
		"Namespaced": {
			reason: "there is nothing to restrict",
			args:   images("--namespaced"),
			want:   "--namespaced needs --results-from sidecar-logs",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := runInstall(newCluster(t), tc.args...)
			if err == nil || !strings.Contains(err.Error(), tc.want) || clierror.CodeOf(err) != clierror.Unusable {
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

func TestDryRun(t *testing.T) {
	c := newCluster(t)
	out, _, err := runInstall(c, "--dry-run", "-o", "yaml")
	if err != nil || strings.Count(out, "\n---\n") < 15 || !strings.Contains(out, "name: sluice-controller") {
		t.Errorf("want documents, got %d bytes, %v", len(out), err)
	}
	out, _, err = runInstall(c, "--dry-run", "--results-from", "sidecar-logs", "--namespaced")
	if err != nil || !strings.Contains(out, "RoleBinding") || !strings.Contains(out, "team") {
		t.Errorf("want a table with the namespace, got %v\n%s", err, out)
	}
	if err := c.Client.Get(context.Background(), client.ObjectKey{Name: settingsNamespace}, &corev1.Namespace{}); err == nil {
		t.Error("want nothing changed")
	}
}

func TestUninstall(t *testing.T) {
	c := newCluster(t)
	if _, notes, err := runUninstall(c); err != nil || !strings.Contains(notes, "Sluice is not installed") {
		t.Errorf("%v, %s", err, notes)
	}
	if _, _, err := runInstall(c, images()...); err != nil {
		t.Fatal(err)
	}
	if err := c.Client.Create(context.Background(), &v1.Task{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "t"}}); err != nil {
		t.Fatal(err)
	}
	out, _, err := runUninstall(c)
	if clierror.CodeOf(err) != clierror.Unusable || !strings.Contains(out, "this also deletes, permanently: 1 Task\n") {
		t.Errorf("want nothing deleted without --yes, and what would be named: %v\n%s", err, out)
	}
	if err := c.Client.Get(context.Background(), client.ObjectKey{Name: settingsNamespace}, &corev1.Namespace{}); err != nil {
		t.Errorf("want it still there: %v", err)
	}
	if out, _, err = runUninstall(c, "--yes", "--keep-runs"); err != nil || strings.Contains(out, "CustomResourceDefinition") {
		t.Errorf("want the kinds to stay: %v\n%s", err, out)
	}
	if out, _, err = runUninstall(c, "--yes"); err != nil || !strings.Contains(out, "CustomResourceDefinition") {
		t.Errorf("want the rest to go: %v\n%s", err, out)
	}
	if err := c.Client.Get(context.Background(), client.ObjectKey{Name: settingsNamespace}, &corev1.Namespace{}); err == nil {
		t.Error("want the namespace gone")
	}
}
