package podpaths_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// TestContainersOfLongNames: every name that a step or a sidecar can have gives a valid name of a container, and two names never
// give the same one. A name that fits stays as it is.
func TestContainersOfLongNames(t *testing.T) {
	long := strings.Repeat("n", validation.DNS1123LabelMaxLength-1)
	cases := map[string]struct {
		name          string
		step, sidecar string // empty if the name is shortened
	}{
		"Short":     {name: "build", step: "step-build", sidecar: "sidecar-build"},
		"Unnamed":   {name: "", step: "step-unnamed-3", sidecar: "sidecar-unnamed-3"},
		"JustFits":  {name: long[:55], step: "step-" + long[:55], sidecar: "sidecar-" + long[:55]},
		"StepFits":  {name: long[:58], step: "step-" + long[:58]},
		"Long":      {name: long + "a"},
		"LongOther": {name: long + "b"},
	}
	seen := map[string]string{}
	for name, tc := range cases {
		step, sidecar := podpaths.StepContainer(v1.Step{Name: tc.name}, 3), podpaths.SidecarContainer(v1.Sidecar{Name: tc.name}, 3)
		if tc.step != "" && step != tc.step || tc.sidecar != "" && sidecar != tc.sidecar {
			t.Errorf("%s: got %q and %q, want %q and %q", name, step, sidecar, tc.step, tc.sidecar)
		}
		if _, isSidecar := podpaths.SidecarOf(sidecar); !isSidecar || !podpaths.IsStep(step) {
			t.Errorf("%s: want the kind to be known from the name, got %q and %q", name, step, sidecar)
		}
		for _, container := range []string{step, sidecar} {
			if problems := validation.IsDNS1123Label(container); len(problems) > 0 {
				t.Errorf("%s: %q is no name of a container: %v", name, container, problems)
			}
			if other, taken := seen[container]; taken {
				t.Errorf("%s and %s: both have container %q", name, other, container)
			}
			seen[container] = name
		}
	}
}
