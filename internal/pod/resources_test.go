package pod

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func requirements(requests, limits corev1.ResourceList) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: requests, Limits: limits}
}

func TestResources(t *testing.T) {
	three := func(own ...corev1.ResourceRequirements) v1.TaskSpec {
		spec := v1.TaskSpec{
			Steps:    []v1.Step{command("a", "x"), command("b", "x"), command("c", "x")},
			Sidecars: []v1.Sidecar{{Name: "s", Image: "i"}},
		}
		for i, r := range own {
			spec.Steps[i].ComputeResources = r
		}
		return spec
	}
	none := corev1.ResourceRequirements{}
	cases := map[string]struct {
		reason string
		in     Input
		want   []corev1.ResourceRequirements // the sidecar's, then those of the steps
	}{
		"Own": {
			reason: "what the task says is what a step gets",
			in:     input(three(requirements(list("cpu", "1"), nil))),
			want:   []corev1.ResourceRequirements{none, requirements(list("cpu", "1"), nil), none, none},
		},
		"Step": {
			reason: "the run can say otherwise of a step, by resource and kind, and of a sidecar",
			in: input(three(requirements(list("cpu", "1", "memory", "1Gi"), list("memory", "2Gi"))), run(func(tr *v1.TaskRunSpec) {
				tr.StepSpecs = []v1.TaskRunStepSpec{{Name: "a", ComputeResources: requirements(list("memory", "3Gi"), nil)}}
				tr.SidecarSpecs = []v1.TaskRunSidecarSpec{{Name: "s", ComputeResources: requirements(nil, list("cpu", "2"))}}
			})),
			want: []corev1.ResourceRequirements{requirements(
				nil,
				list("cpu", "2"),
			), requirements(list("cpu", "1", "memory", "3Gi"), list("memory", "2Gi")), none, none},
		},
		"Whole": {
			reason: "the whole task asks for what it is to have, and each step may use all of it",
			in: input(three(requirements(list("cpu", "9"), nil)), run(func(tr *v1.TaskRunSpec) {
				tr.ComputeResources = new(requirements(list("cpu", "1", "memory", "100"), list("cpu", "2")))
			})),
			want: []corev1.ResourceRequirements{
				none,
				requirements(list("cpu", "334m", "memory", "34"), list("cpu", "2")),
				requirements(list("cpu", "333m", "memory", "33"), list("cpu", "2")),
				requirements(list("cpu", "333m", "memory", "33"), list("cpu", "2")),
			},
		},
		"WholeLimit": {
			reason: "a limit alone is also what is asked for",
			in: input(three(), run(func(tr *v1.TaskRunSpec) {
				tr.ComputeResources = new(requirements(nil, list("cpu", "3")))
			})),
			want: []corev1.ResourceRequirements{none, requirements(
				list("cpu", "1"),
				list("cpu", "3"),
			), requirements(list("cpu", "1"), list("cpu", "3")), requirements(list("cpu", "1"), list("cpu", "3"))},
		},
		"Defaults": {
			reason: "what nobody says anything of gets the default of its name, of its longest prefix, or of all",
			in: input(three(requirements(list("cpu", "9"), nil)), func(in *Input) {
				in.Settings.Resources = map[string]corev1.ResourceRequirements{
					"default":     requirements(list("cpu", "1"), nil),
					"prefix-step": requirements(list("cpu", "2"), nil),
					"step-b":      requirements(list("cpu", "3"), nil),
					"step-a":      requirements(list("cpu", "4"), nil),
					"prefix-ste":  requirements(list("cpu", "5"), nil),
				}
			}),
			want: []corev1.ResourceRequirements{
				requirements(list("cpu", "1"), nil),
				requirements(list("cpu", "9"), nil),
				requirements(list("cpu", "3"), nil),
				requirements(list("cpu", "2"), nil),
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := Build(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			got := []corev1.ResourceRequirements{p.Spec.InitContainers[0].Resources}
			for _, c := range p.Spec.Containers {
				got = append(got, c.Resources)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// The default resources are for the results sidecar as well, and for the container that copies the binary.
func TestDefaultResourcesOfOurs(t *testing.T) {
	p, err := Build(input(v1.TaskSpec{
		Results: []v1.TaskResult{{Name: "r"}},
		Steps:   []v1.Step{command("a", "x")},
	}, otherMethod, func(in *Input) {
		in.Delivery = InitContainer
		in.Settings.Resources = map[string]corev1.ResourceRequirements{
			"default": requirements(list("cpu", "1"), nil),
			"prepare": requirements(list("cpu", "2"), nil),
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	got := []corev1.ResourceRequirements{p.Spec.InitContainers[0].Resources, p.Spec.Containers[1].Resources}
	if diff := cmp.Diff([]corev1.ResourceRequirements{
		requirements(list("cpu", "2"), nil),
		requirements(list("cpu", "1"), nil),
	}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
