package sidecarlogs

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/inpod/sidecar"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/transport"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

func layout(spec v1.TaskSpec) pod.Layout {
	spec.Steps = append(spec.Steps, v1.Step{Name: "two"})
	return pod.Layout{
		Steps: podpaths.StepContainers(&spec), Results: pod.ResultsOf(&spec),
		MaxResultSize: 100000, Nonce: "NONCE", Image: "registry.example/inpod@sha256:0000",
	}
}

func TestAddTo(t *testing.T) {
	p := &corev1.Pod{}
	(&Transport{}).AddTo(p, layout(v1.TaskSpec{
		Results: []v1.TaskResult{{Name: "digest", Type: v1.TypeString}, {Name: "images", Type: v1.TypeArray}},
		Steps:   []v1.Step{{Name: "one"}},
	}))
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
	o, err := sidecar.ParseOptions(p.Spec.Containers[0].Args[1:], io.Discard)
	if err != nil || len(o.Results) != 2 || len(o.Steps) != 2 {
		t.Errorf("the sidecar understands its arguments, got %+v, %v", o, err)
	}
	pod.Trim(p) // as the cache holds it
	if nonce, ok := nonce(p); !ok || nonce != "NONCE" {
		t.Errorf("the nonce is read from the pod that was made with it, also when trimmed: got %q, %v", nonce, ok)
	}
}

// TestAddToForStepResults: the sidecar looks only where results may be, also when the task itself has none.
func TestAddToForStepResults(t *testing.T) {
	p := &corev1.Pod{}
	(&Transport{}).AddTo(p, layout(v1.TaskSpec{Steps: []v1.Step{{Name: "one", Results: []v1.StepResult{{Name: "r", Type: v1.TypeArray}}}}}))
	o, err := sidecar.ParseOptions(p.Spec.Containers[0].Args[1:], io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := []results.File{{Declared: results.Declared{Name: "step-one.r", Type: "array"}, Path: "/tekton/run/0/results/r"}}
	if diff := cmp.Diff(want, o.Results); diff != "" {
		t.Errorf("results: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/tekton/run/0"}, o.ResultsDirs); diff != "" {
		t.Errorf("directories: -want +got:\n%s", diff)
	}
	for _, m := range p.Spec.Containers[0].VolumeMounts {
		if !m.ReadOnly || m.MountPath == podpaths.ResultsDir {
			t.Errorf("a mount that is not needed: %+v", m)
		}
	}
}

// TestAddToWithoutResults: the sidecar of a task without results reports how its steps end.
func TestAddToWithoutResults(t *testing.T) {
	p := &corev1.Pod{}
	(&Transport{}).AddTo(p, layout(v1.TaskSpec{Steps: []v1.Step{{Name: "one"}}}))
	o, err := sidecar.ParseOptions(p.Spec.Containers[0].Args[1:], io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Results) != 0 || len(o.Steps) != 2 {
		t.Errorf("two steps and nothing else, got %+v", o)
	}
}

// TestPodWithoutSidecar: a run whose pod has lost its sidecar must end.
func TestPodWithoutSidecar(t *testing.T) {
	progress := (&Transport{}).Progress(transport.Run{Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "build-pod"}}})
	if !progress.GaveUp || progress.Err == nil || !strings.Contains(progress.Err.Error(), `"build-pod"`) {
		t.Errorf("want it given up, with the pod's name, got %+v", progress)
	}
}
