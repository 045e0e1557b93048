package pod_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestWhatIsInjectedIsRestricted looks at every golden pod: what is not a user's passes Pod Security "restricted", cannot
// write to its own file system, and no volume of ours is the host's.
func TestWhatIsInjectedIsRestricted(t *testing.T) {
	want := &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true), RunAsNonRoot: new(true),
		RunAsUser: new(int64(65532)), RunAsGroup: new(int64(65532)),
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	var injected, pods int
	for _, pattern := range []string{"testdata/*.yaml", "../transport/sidecarlogs/testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var p corev1.Pod
			if err := yaml.Unmarshal(text, &p); err != nil {
				t.Fatal(err)
			}
			pods++
			for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
				if c.Image != "registry.example/inpod@sha256:0000" {
					continue // of the user's
				}
				injected++
				if diff := cmp.Diff(want, c.SecurityContext); diff != "" {
					t.Errorf("%s: %s: -want +got:\n%s", file, c.Name, diff)
				}
			}
			for _, v := range p.Spec.Volumes {
				if v.HostPath != nil && strings.HasPrefix(v.Name, "tekton-internal-") { // others are a user's
					t.Errorf("%s: volume %s: want nothing of the host's", file, v.Name)
				}
			}
		}
	}
	if pods < 15 || injected < 3 {
		t.Errorf("want all golden pods looked at, got %d with %d injected containers", pods, injected)
	}
}
