package pod

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestPartsOfPod holds what a pod is made of: each container takes a runtime about a tenth of a second, each init container
// a whole one, and each volume is made and mounted before the first step.
func TestPartsOfPod(t *testing.T) {
	type parts struct{ Containers, InitContainers, Volumes, Mounts int }
	result := []v1.TaskResult{{Name: "r", Type: v1.TypeString}}
	one, two := command("one", "true"), command("two", "true")
	cases := map[string]struct {
		reason string
		in     Input
		want   parts
	}{
		"OneStep": {"the binary, the workspace, the home, and what the step leaves behind",
			input(v1.TaskSpec{Steps: []v1.Step{one}}), parts{1, 0, 4, 4}},
		"TwoSteps": {"what each leaves behind, seen by the other",
			input(v1.TaskSpec{Steps: []v1.Step{one, two}}), parts{2, 0, 5, 12}},
		"Results": {"a folder for results",
			input(v1.TaskSpec{Steps: []v1.Step{one, two}, Results: result}), parts{2, 0, 6, 14}},
		"Sidecar": {"what carries results is one container, which sees them and how the steps ended",
			input(v1.TaskSpec{Steps: []v1.Step{one, two}, Results: result}, otherMethod), parts{3, 0, 6, 17}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := Build(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			got := parts{Containers: len(p.Spec.Containers), InitContainers: len(p.Spec.InitContainers), Volumes: len(p.Spec.Volumes)}
			for i := range p.Spec.Containers {
				got.Mounts += len(p.Spec.Containers[i].VolumeMounts)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
