package pod

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/termination"
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
		"OneStep": {reason: "the binary, the workspace, the home, and what the step leaves behind",
			in: input(v1.TaskSpec{Steps: []v1.Step{one}}), want: parts{1, 0, 4, 4}},
		"TwoSteps": {reason: "what each leaves behind, seen by the other",
			in: input(v1.TaskSpec{Steps: []v1.Step{one, two}}), want: parts{2, 0, 5, 12}},
		"Results": {reason: "a folder for results",
			in: input(v1.TaskSpec{Steps: []v1.Step{one, two}, Results: result}), want: parts{2, 0, 6, 14}},
		"Sidecar": {reason: "the results sidecar is one container, which sees them and how the steps ended",
			in: input(v1.TaskSpec{Steps: []v1.Step{one, two}, Results: result}, otherMethod), want: parts{3, 0, 6, 17}},
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

// TestBudgetLeavesRoom: containers that something injects take a share of what the kubelet keeps of termination messages.
// A message that has only the record of a step is no longer than the share that is left. One that has results takes it all.
func TestBudgetLeavesRoom(t *testing.T) {
	steps := []v1.Step{command("one", "true"), command("two", "true"), command("three", "true")}
	cases := map[string]struct {
		reason   string
		change   func(*Input)
		injected int
	}{
		"Messages": {
			reason:   "results travel in the messages",
			change:   messages,
			injected: 0,
		},
		"OtherMethod": {
			reason:   "results travel another way",
			change:   otherMethod,
			injected: 4,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := Build(input(v1.TaskSpec{Steps: steps}, tc.change))
			if err != nil {
				t.Fatal(err)
			}
			want := strconv.Itoa(termination.Budget(len(p.Spec.InitContainers) + len(p.Spec.Containers) + tc.injected))
			for _, c := range p.Spec.Containers {
				if got, ok := optionOf(c.Args, "-termination-budget"); podpaths.IsStep(c.Name) && (!ok || got != want) {
					t.Errorf("%s: %s has a budget of %q bytes, want %s", tc.reason, c.Name, got, want)
				}
			}
		})
	}
}
