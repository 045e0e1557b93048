package pod

import (
	"io"
	"slices"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/entrypoint"
)

// TestArgumentsAreUnderstood keeps the two sides from drifting apart: what is written here is read in the pod.
func TestArgumentsAreUnderstood(t *testing.T) {
	for from, change := range map[config.ResultsFrom]func(*Input){config.TerminationMessage: messages, "other": otherMethod} {
		t.Run(string(from), func(t *testing.T) {
			p, err := Build(input(v1.TaskSpec{
				Results:  []v1.TaskResult{{Name: "digest"}, {Name: "images", Type: v1.TypeArray}},
				Steps:    []v1.Step{command("one", "echo", "-n", "--", "x"), {Image: "i", Script: "echo", Args: []string{"-a"}, WorkingDir: "src"}},
				Sidecars: []v1.Sidecar{{Name: "s", Image: "i", Script: "sleep 1"}},
			}, change))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
				switch c.Args[0] {
				case "entrypoint":
					_, err = entrypoint.ParseOptions(c.Args[1:], io.Discard)
				case "other": // not ours to know
				default:
					t.Errorf("container %q has the unknown role %q", c.Name, c.Args[0])
				}
				if err != nil {
					t.Errorf("container %q does not understand its arguments: %v", c.Name, err)
				}
			}
			one, err := entrypoint.ParseOptions(p.Spec.Containers[0].Args[1:], io.Discard)
			if want := []string{"echo", "-n", "--", "x"}; err != nil || !slices.Equal(one.Command, want) {
				t.Errorf("the command arrives as it is, dashes included: want %q, got %q (%v)", want, one.Command, err)
			}
		})
	}
}
