package pod

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/inpod/breakpoint"
	"github.com/sluice-ci/sluice/internal/inpod/entrypoint"
	"github.com/sluice-ci/sluice/internal/inpod/when"
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

// TestFeaturesAreUnderstood does the same for everything that a step can say.
func TestFeaturesAreUnderstood(t *testing.T) {
	p, err := Build(input(steps(), references, otherMethod, run(func(tr *v1.TaskRunSpec) {
		tr.Debug = &v1.TaskRunDebug{Breakpoints: &v1.TaskBreakpoints{OnFailure: "enabled", BeforeSteps: []string{"unnamed-1"}}}
	}), func(in *Input) {
		in.Credentials = []corev1.Secret{secret("s", corev1.SecretTypeBasicAuth, "tekton.dev/git-0", "https://$x")}
	}))
	if err != nil {
		t.Fatal(err)
	}
	var parsed []entrypoint.Options
	for i := range 3 {
		// As the kubelet hands them over: it makes each "$$" one "$".
		var args []string
		for _, arg := range p.Spec.Containers[i].Args[1:] {
			args = append(args, strings.ReplaceAll(arg, "$$", "$"))
		}
		o, err := entrypoint.ParseOptions(args, io.Discard)
		if err != nil {
			t.Fatalf("container %q does not understand its arguments: %v", p.Spec.Containers[i].Name, err)
		}
		parsed = append(parsed, o)
	}
	first, second := parsed[0], parsed[1]
	if first.Timeout != 90*time.Second || first.OnError != entrypoint.OnErrorContinue ||
		first.OwnResults != "/tekton/steps/step-make/results" || len(first.Results) != 3 {
		t.Errorf("the first step: %+v", first)
	}
	if !first.BreakOnFailure || first.BreakBefore || !second.BreakBefore || first.DebugDir != breakpoint.Dir {
		t.Errorf("breakpoints: %+v, %+v", first, second)
	}
	want := []when.Condition{{Input: "tok-1", Operator: when.NotIn, Values: []string{"$(x)", "tok-3"}}}
	if diff := cmp.Diff(want, second.Conditions); diff != "" {
		t.Errorf("conditions: -want +got:\n%s", diff)
	}
	if len(second.References) != 3 || second.References[1].Key != "$k" || second.Stdout != "/workspace/$out" ||
		second.Credentials[0].URL != "https://$x" {
		t.Errorf("the second step: %+v", second)
	}
	if len(parsed[2].References) != 0 || len(parsed[2].Results) != 1 {
		t.Errorf("a step knows of what is not its business: %+v", parsed[2])
	}
}
