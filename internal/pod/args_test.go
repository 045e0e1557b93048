package pod

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/inpod/entrypoint"
	"github.com/sluice-ci/sluice/internal/inpod/script"
	"github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// confusing are texts of users that look like arguments of the entrypoint.
func confusing() []string {
	return []string{
		"--", "-", "---", "-results-from", "--results-from", "-results-from=other", "-termination-path", "-result", "-stay", "-report-results",
		"entrypoint", "-x", "=", "-=", "", "a=b", "$$(x)", "-help", "-stdout-path=--", "$", "$$", "x\ny",
	}
}

// anyText draws a text that users may write.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(confusing()), rapid.String())
}

func nonEmpty() *rapid.Generator[string] {
	return anyText().Filter(func(s string) bool { return s != "" })
}

// parsed returns the options that the entrypoint of a container reads, after Kubernetes has put the arguments together.
func parsed(t require, c corev1.Container) entrypoint.Options {
	if len(c.Args) == 0 || c.Args[0] != entrypointRole {
		t.Fatalf("container %q does not run the entrypoint: %q", c.Name, c.Args)
	}
	args := make([]string, len(c.Args))
	for i, arg := range c.Args {
		args[i] = strings.ReplaceAll(arg, "$$", "$")
	}
	o, err := entrypoint.ParseOptions(args[1:], io.Discard)
	if err != nil {
		t.Fatalf("the entrypoint of container %q refuses %q: %v", c.Name, args, err)
	}
	return o
}

type require interface {
	Fatalf(format string, args ...any)
}

// Whatever users write, the entrypoint reads what they wrote where they wrote it, and the pod says how its results come
// back.
func TestAnyTextIsAnArgument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, list := anyText(), rapid.SliceOfN(anyText(), 0, 4)
		step := v1.Step{
			Name: "a", Image: "i", WorkingDir: text.Draw(t, "workingDir"),
			Timeout: &metav1.Duration{Duration: time.Second},
			OnError: rapid.SampledFrom(v1.OnErrors()).Draw(t, "onError"),
			Args:    list.Draw(t, "args"),
			When:    []v1.WhenExpression{{Input: text.Draw(t, "input"), Operator: "in", Values: list.Draw(t, "values")}},
		}
		if rapid.Bool().Draw(t, "script") {
			step.Script = nonEmpty().Draw(t, "text")
		} else {
			step.Command = []string{nonEmpty().Draw(t, "command")}
		}
		if path := text.Draw(t, "stdout"); path != "" {
			step.StdoutConfig = &v1.StepOutputConfig{Path: path}
		}
		if path := text.Draw(t, "stderr"); path != "" {
			step.StderrConfig = &v1.StepOutputConfig{Path: path}
		}
		sidecar := v1.Sidecar{
			Name:    "s",
			Image:   "i",
			Args:    list.Draw(t, "sidecar"),
			Command: rapid.SliceOfN(nonEmpty(), 0, 1).Draw(t, "sidecarCommand"),
		}
		from := rapid.SampledFrom([]config.ResultsFrom{config.TerminationMessage, config.SidecarLogs, "other"}).Draw(t, "from")
		p, err := Build(input(v1.TaskSpec{Results: []v1.TaskResult{{Name: "r"}}, Steps: []v1.Step{step}, Sidecars: []v1.Sidecar{sidecar}},
			func(in *Input) { in.ResultsFrom = from }))
		if err != nil {
			t.Fatalf("no pod: %v", err)
		}
		if got := ResultsFrom(p); got != from {
			t.Fatalf("results come by %q, and the pod says %q: %q", from, got, p.Spec.Containers[0].Args)
		}
		wantStep(t, step, parsed(t, p.Spec.Containers[0]))
		for _, c := range p.Spec.InitContainers {
			if c.Name == podpaths.SidecarContainer(sidecar, 0) && wrapped(sidecar) {
				wantCommand(t, slices.Concat(sidecar.Command, sidecar.Args), parsed(t, c).Command)
			}
		}
		Trim(p)
		if got := ResultsFrom(p); got != from {
			t.Fatalf("results come by %q, and the trimmed pod says %q", from, got)
		}
	})
}

func wantStep(t *rapid.T, step v1.Step, o entrypoint.Options) {
	outputs := func(c *v1.StepOutputConfig) string {
		if c == nil {
			return ""
		}
		return c.Path
	}
	want := entrypoint.Options{
		Stdout: outputs(step.StdoutConfig), Stderr: outputs(step.StderrConfig), OnError: string(step.OnError), Timeout: time.Second,
		Conditions:    []when.Condition{{Input: step.When[0].Input, Operator: "in"}},
		ReportResults: true, TerminationPath: podpaths.TerminationPath,
	}
	if step.WorkingDir != "" {
		want.WorkDir = absolute(step.WorkingDir)
	}
	want.Conditions[0].Values = append(want.Conditions[0].Values, step.When[0].Values...)
	if len(o.Conditions) == 1 && len(o.Conditions[0].Values) == 0 {
		o.Conditions[0].Values = nil
	}
	command := slices.Concat(step.Command, step.Args)
	if step.Script != "" {
		command = slices.Concat([]string{o.ScriptPath}, step.Args)
		var text strings.Builder
		if err := script.Decode(&text, o.Script); err != nil || text.String() != script.WithShebang(step.Script) {
			t.Fatalf("the script arrives as %q, error %v", text.String(), err)
		}
	}
	wantCommand(t, command, o.Command)
	got := entrypoint.Options{
		Stdout: o.Stdout, Stderr: o.Stderr, OnError: o.OnError, Timeout: o.Timeout, Conditions: o.Conditions, WorkDir: o.WorkDir,
		ReportResults: o.ReportResults, TerminationPath: o.TerminationPath,
	}
	if diff := cmp.Diff(want, got); diff != "" || len(o.Results) != 1 || o.TerminationBudget < 1 {
		t.Fatalf("%d results, budget %d, -want +got:\n%s", len(o.Results), o.TerminationBudget, diff)
	}
}

// wantCommand wants a command to arrive. Kubernetes reads "$$" in it as "$", which is what its user wrote it for.
func wantCommand(t *rapid.T, want, got []string) {
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "$$", "$")
	}
	if !slices.Equal(want, got) {
		t.Fatalf("command %q arrives as %q", want, got)
	}
}

// Pods of earlier versions, with separate arguments for options and values, are read as their entrypoints read them.
func TestArgumentsOfEarlierVersions(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		want   config.ResultsFrom
	}{
		"Pair": {
			reason: "An option and its value.",
			args:   []string{"entrypoint", "-step", "s", "-results-from", "other", "--", "x"},
			want:   "other",
		},
		"Joined": {
			reason: "Both in one.",
			args:   []string{"entrypoint", "-results-from=other", "--", "x"},
			want:   "other",
		},
		"TwoDashes": {
			reason: "Two dashes do.",
			args:   []string{"entrypoint", "--results-from=other", "--", "x"},
			want:   "other",
		},
		"Trimmed": {
			reason: "What a cache keeps.",
			args:   []string{"-results-from", "other"},
			want:   "other",
		},
		"Command": {
			reason: "An argument of the command is none of the entrypoint's.",
			args:   []string{"entrypoint", "-step", "s", "--", "-results-from", "other"},
			want:   config.TerminationMessage,
		},
		"NoDashes": {
			reason: "A command ends the options.",
			args:   []string{"entrypoint", "-step", "s", "x", "-results-from", "other"},
			want:   config.TerminationMessage,
		},
		"Value": {
			reason: "A value is no option.",
			args:   []string{"entrypoint", "-stdout-path", "-results-from", "-results-from", "other", "--", "x"},
			want:   "other",
		},
		"ValueDash": {
			reason: "Nor the end of the options.",
			args:   []string{"entrypoint", "-stdout-path", "--", "-results-from", "other", "--", "x"},
			want:   "other",
		},
		"Switch": {
			reason: "A switch has no value.",
			args:   []string{"entrypoint", "-break-before", "-results-from", "other", "--", "x"},
			want:   "other",
		},
		"Incomplete": {
			reason: "An option without its value says nothing.",
			args:   []string{"entrypoint", "-results-from"},
			want:   config.TerminationMessage,
		},
		"None": {
			reason: "A container may have no arguments.",
			want:   config.TerminationMessage,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "step-s", Args: tc.args}}}}
			if got := ResultsFrom(p); got != tc.want {
				t.Errorf("%s\ngot %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

// A user's sidecar without a command may have any arguments.
func TestSidecarWithoutCommand(t *testing.T) {
	spec := v1.TaskSpec{
		Steps:    []v1.Step{command("a", "true")},
		Sidecars: []v1.Sidecar{{Name: "s", Image: "i", Args: []string{"-termination-path", "x"}}},
	}
	p, err := Build(input(spec))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Spec.InitContainers {
		if c.Name == podpaths.SidecarContainer(spec.Sidecars[0], 0) && !slices.Equal(c.Args, spec.Sidecars[0].Args) {
			t.Errorf("its arguments became %q", c.Args)
		}
	}
}

// The switches are those options of the entrypoint that take no value.
func TestSwitches(t *testing.T) {
	for _, name := range switches() {
		o, err := entrypoint.ParseOptions([]string{"-step=s", "-run=r", "-termination-path=t", "-termination-budget=1", "-" +
			name, "x"}, io.Discard)
		if err != nil || !slices.Equal(o.Command, []string{"x"}) {
			t.Errorf("-%s: command %q, error %v", name, o.Command, err)
		}
	}
}

// FuzzScan: wherever the entrypoint finds the end of its options, the controller finds it, too, and the same way of results.
func FuzzScan(f *testing.F) {
	f.Add("-step\ns\n-run\nr\n-stdout-path\n--\n-results-from\nother\n--\nx")
	f.Add("-step=s\n-run=r\n-break-before\n-results-from=a\n--results-from=b\nx\n-results-from=c")
	f.Add("-step=s\n-run=r\n-on-error=continue\n-\nx")
	f.Fuzz(func(t *testing.T, joined string) {
		args := strings.Split(joined, "\n")
		o, err := entrypoint.ParseOptions(args, io.Discard)
		if err != nil || o.ScriptPath != "" {
			return
		}
		end := scan(args, func(string, string) {})
		command := args[end:]
		if len(command) > 0 && command[0] == endOfOptions {
			command = command[1:]
		}
		if !slices.Equal(command, o.Command) {
			t.Errorf("%q: the entrypoint runs %q, and the controller takes %q for the command", args, o.Command, command)
		}
		if from, _ := optionOf(args, resultsFromArg); from != o.ResultsFrom {
			t.Errorf("%q: results come by %q, and the controller reads %q", args, o.ResultsFrom, from)
		}
	})
}
