package sidecarlogs

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/emit"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

func plan(results ...v1.TaskResult) pod.Plan {
	return pod.Plan{
		Steps: []string{"step-one", "step-two"}, Results: results,
		MaxResultSize: 100000, Nonce: "NONCE", Image: "registry.example/inpod@sha256:0000",
	}
}

func TestEquip(t *testing.T) {
	p := &corev1.Pod{}
	(&Method{}).Equip(p, plan(v1.TaskResult{Name: "digest", Type: v1.TypeString}, v1.TaskResult{Name: "images", Type: v1.TypeArray}))
	got, err := yaml.Marshal(p.Spec)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "equipped.yaml")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("one container, the last, that sees everything and changes nothing: -want +got:\n%s", diff)
	}
	o, err := emit.ParseOptions(p.Spec.Containers[0].Args[1:], io.Discard)
	if err != nil || len(o.Results) != 2 || len(o.Steps) != 2 {
		t.Errorf("the sidecar understands its arguments, got %+v, %v", o, err)
	}
	pod.Trim(p) // as the cache holds it
	if nonce, ok := nonce(p); !ok || nonce != "NONCE" {
		t.Errorf("the nonce is read from the pod that was made with it, also when trimmed: got %q, %v", nonce, ok)
	}
}

// TestNoResultsNoSidecar: peers put the sidecar into every pod (#8448).
func TestNoResultsNoSidecar(t *testing.T) {
	p := &corev1.Pod{}
	(&Method{}).Equip(p, plan())
	if diff := cmp.Diff(&corev1.Pod{}, p); diff != "" {
		t.Errorf("a task without results carries no sidecar: -want +got:\n%s", diff)
	}
	if nonce, ok := nonce(p); ok {
		t.Errorf("a pod without a results sidecar has no nonce: got %q", nonce)
	}
}
