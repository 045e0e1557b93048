package bundle

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestCoreIsComplete(t *testing.T) {
	all, err := Core(Images{Controller: "registry.example/controller:1", Inpod: "registry.example/inpod:1"}, "--extra")
	if err != nil {
		t.Fatal(err)
	}
	if got := all[0].GetKind(); got != "Namespace" {
		t.Errorf("the namespace must be there before what lives in it: the first object is a %s", got)
	}
	kinds := map[string]int{}
	for _, o := range all {
		kinds[o.GetKind()]++
		if o.GetLabels()["app.kubernetes.io/part-of"] != "sluice" {
			t.Errorf("%s %q lacks the label that config/core puts on everything", o.GetKind(), o.GetName())
		}
		text, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "ko://") {
			t.Errorf("%s %q still names an image as it is built from source", o.GetKind(), o.GetName())
		}
	}
	for kind, want := range map[string]int{"CustomResourceDefinition": 5, "Deployment": 1, "Namespace": 1} {
		if kinds[kind] != want {
			t.Errorf("config/core has %d of kind %s, want %d", kinds[kind], kind, want)
		}
	}
	args := argsOf(t, all)
	if diff := cmp.Diff("--extra", args[len(args)-1]); diff != "" {
		t.Errorf("an argument for the controller comes last (-want +got):\n%s", diff)
	}
}

func argsOf(t *testing.T, all []*unstructured.Unstructured) []string {
	t.Helper()
	for _, o := range all {
		if o.GetKind() == "Deployment" {
			containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
			args, _, _ := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
			return args
		}
	}
	t.Fatal("there is no Deployment")
	return nil
}

func TestSettingsAndAccess(t *testing.T) {
	settings, err := Settings()
	if err != nil || len(settings) != 2 {
		t.Errorf("there are two ConfigMaps of settings: got %d, %v", len(settings), err)
	}
	access, err := LogAccess()
	if err != nil || len(access) != 2 {
		t.Errorf("the right to read logs is a role and a binding: got %d, %v", len(access), err)
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	files := fstest.MapFS{"a/kustomization.yaml": {Data: []byte("resources: []\npatches: []\n")}}
	if _, err := build(files, "a"); err == nil {
		t.Error("what this cannot do must not be left out in silence: patches were passed over")
	}
}
