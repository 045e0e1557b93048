package bundle_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
)

func build(t *testing.T, c bundle.Choice) bundle.Set {
	t.Helper()
	s, err := bundle.Build(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func find[T any](t *testing.T, objects []*unstructured.Unstructured, kind, name string) *T {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() == kind && o.GetName() == name {
			found := new(T)
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, found); err != nil {
				t.Fatal(err)
			}
			return found
		}
	}
	t.Fatalf("there is no %s %q", kind, name)
	return nil
}

func TestOrder(t *testing.T) {
	var kinds []string
	for _, o := range build(t, bundle.Choice{Logs: true}).Core {
		if len(kinds) == 0 || kinds[len(kinds)-1] != o.GetKind() {
			kinds = append(kinds, o.GetKind())
		}
	}
	first := []string{
		"Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding",
		"RoleBinding", "Secret", "ConfigMap", "Service", "Deployment",
	}
	if diff := cmp.Diff(first, kinds[:len(first)]); diff != "" {
		t.Errorf("what others need comes first\n%s", diff)
	}
}

func TestImages(t *testing.T) {
	s := build(t, bundle.Choice{})
	if len(bundle.Unbuilt(s)) != 3 {
		t.Errorf("without images nothing can be pulled: want all to be missed, got %v", bundle.Unbuilt(s))
	}
	s = build(t, bundle.Choice{
		Controller: "r/c@sha256:1", Inpod: "r/i@sha256:2", Resolvers: "r/r@sha256:3", Args: []string{"--log-level=debug"},
	})
	if len(bundle.Unbuilt(s)) != 0 {
		t.Errorf("want all images in place, got %v", bundle.Unbuilt(s))
	}
	resolvers := find[appsv1.Deployment](t, s.Core, "Deployment", bundle.ResolversDeployment).Spec.Template.Spec.Containers[0]
	if resolvers.Image != "r/r@sha256:3" || strings.Contains(strings.Join(resolvers.Args, " "), "--log-level") {
		t.Errorf("want the image of the resolvers, without the arguments of the controller, got %s %v", resolvers.Image, resolvers.Args)
	}
	c := find[appsv1.Deployment](t, s.Core, "Deployment", bundle.Deployment).Spec.Template.Spec.Containers[0]
	if args := strings.Join(c.Args, " "); c.Image != "r/c@sha256:1" ||
		!strings.HasSuffix(args, "--inpod-image r/i@sha256:2 --log-level=debug") {
		t.Errorf("want the images and the argument, got %s %s", c.Image, args)
	}
}

// TestNoResolvers: nothing of the resolvers is left without them, and everything else is.
func TestNoResolvers(t *testing.T) {
	with, without := build(t, bundle.Choice{}).Core, build(t, bundle.Choice{NoResolvers: true}).Core
	for _, o := range without {
		if strings.Contains(o.GetName(), "resolvers") && o.GetKind() != "CustomResourceDefinition" ||
			o.GetNamespace() == bundle.ResolversNamespace {
			t.Errorf("%s %q is left", o.GetKind(), o.GetName())
		}
	}
	if left := len(with) - len(without); left != 10 {
		t.Errorf("want the 9 objects of config/resolvers and the Service of their metrics left out, got %d", left)
	}
}

func TestSettings(t *testing.T) {
	flags := find[corev1.ConfigMap](t, build(t, bundle.Choice{}).Settings, "ConfigMap", bundle.FlagsName)
	if flags.Data["results-from"] != "termination-message" || flags.Data["max-result-size"] != "4096" {
		t.Errorf("want what config/flags says, got %v", flags.Data)
	}
	flags = find[corev1.ConfigMap](t,
		build(t, bundle.Choice{ResultsFrom: "sidecar-logs", MaxResultSize: 100}).Settings, "ConfigMap",
		bundle.FlagsName)
	if flags.Data["results-from"] != "sidecar-logs" || flags.Data["max-result-size"] != "100" {
		t.Errorf("want what was chosen, got %v", flags.Data)
	}
}

func TestLogs(t *testing.T) {
	has := func(s bundle.Set, kind, namespace string) bool {
		for _, o := range s.Core {
			if o.GetName() == "sluice-controller-pod-log-access" && o.GetKind() == kind && o.GetNamespace() == namespace {
				return true
			}
		}
		return false
	}
	if s := build(t, bundle.Choice{}); has(s, "ClusterRole", "") {
		t.Error("the right to read logs is not given unless it is asked for")
	}
	if s := build(t, bundle.Choice{Logs: true}); !has(s, "ClusterRole", "") || !has(s, "ClusterRoleBinding", "") {
		t.Error("want the right to read logs everywhere")
	}
	if s := build(t, bundle.Choice{Logs: true, LogsNamespace: "ci"}); has(s, "ClusterRole", "") ||
		!has(s, "Role", "ci") || !has(s, "RoleBinding", "ci") {
		t.Error("want the right to read logs in one namespace only")
	}
}

// TestPartOf: all objects have the label by which uninstall finds them.
func TestPartOf(t *testing.T) {
	for _, o := range build(t, bundle.Choice{Logs: true}).All() {
		if o.GetLabels()[bundle.LabelPartOf] != bundle.PartOf && o.GetKind() != "ConfigMap" {
			t.Errorf("%s %q has not", o.GetKind(), o.GetName())
		}
	}
}
