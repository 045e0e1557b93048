package pod

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestImageCommands: what an image runs takes the place of what the step does not say, and the task itself stays as it is.
func TestImageCommands(t *testing.T) {
	spec := v1.TaskSpec{
		Steps:    []v1.Step{{Name: "silent", Image: "tool"}, command("says", "true")},
		Sidecars: []v1.Sidecar{{Name: "daemon", Image: "daemon"}},
	}
	in := input(spec, func(in *Input) {
		in.Commands = ImageCommands{
			Steps:    map[int]ImageCommand{0: {Image: "tool@sha256:00", Command: []string{"/tool"}, Args: []string{"$$HOME"}}},
			Sidecars: map[int]ImageCommand{0: {Image: "daemon@sha256:00", Command: []string{"/daemon"}, Args: []string{"-v"}}},
		}
	})
	before := in.Spec.DeepCopy()
	p, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	for image, words := range map[string][]string{
		"tool@sha256:00":   {"/tool", "$$HOME"},
		"busybox:1":        {"true"},
		"daemon@sha256:00": {"/daemon", "-v"},
	} {
		found := false
		for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
			found = found || c.Image == image && len(c.Args) >= len(words) && slices.Equal(c.Args[len(c.Args)-len(words):], words)
		}
		if !found {
			t.Errorf("want a container with image %q that runs %q", image, words)
		}
	}
	if diff := cmp.Diff(before, in.Spec); diff != "" {
		t.Errorf("the task was changed: -before +after:\n%s", diff)
	}
}

// TestUnmergedStepTemplate: what a step template says is never dropped in silence.
func TestUnmergedStepTemplate(t *testing.T) {
	_, err := Build(input(v1.TaskSpec{Steps: []v1.Step{command("one", "true")}}, func(in *Input) {
		in.Spec.StepTemplate = &v1.StepTemplate{Image: "tool"}
	}))
	if !errors.Is(err, errUnmerged) {
		t.Errorf("want %v, got %v", errUnmerged, err)
	}
}
