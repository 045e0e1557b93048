package pod

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/inpod/script"
	"github.com/sluice-ci/sluice/internal/validation"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// input is a TaskRun of the given task with everything that a pod depends on fixed.
func input(spec v1.TaskSpec, change ...func(*Input)) Input {
	validation.DefaultTaskSpec(&spec)
	in := Input{
		TaskRun: &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
			Name: "build", Namespace: "ci", UID: types.UID("11111111-2222-3333-4444-555555555555"),
		}},
		Spec:        Merged(&spec),
		ResultsFrom: config.TerminationMessage,

		MaxResultSize: config.Default().Flags.MaxResultSize,
		Transport:     reporting{},
		Nonce:         "NONCE",
		Image:         "registry.example/inpod@sha256:0000",
		Delivery:      ImageVolume,
	}
	for _, f := range change {
		f(&in)
	}
	return in
}

func messages(*Input) {}

// reporting is a Transport that only adds an argument to the steps.
type reporting struct{}

func (reporting) AddTo(p *corev1.Pod, layout Layout) {
	if len(layout.Results) > 0 {
		AddStepArgs(p, "-report-results")
	}
}

// container is a Transport that adds a container with everything that a layout has.
type container struct{}

func (container) AddTo(p *corev1.Pod, layout Layout) {
	p.Spec.Containers = append(p.Spec.Containers, corev1.Container{
		Name: "sidecar-other", Image: layout.Image, Command: []string{ImageBinary},
		Args:         append([]string{"other", layout.Nonce, strconv.FormatInt(layout.MaxResultSize, 10)}, layout.ResultArgs()...),
		VolumeMounts: layout.ResultMounts(), SecurityContext: Restricted(),
	})
}

func otherMethod(in *Input) {
	in.ResultsFrom, in.Transport = "other", container{}
	in.MaxResultSize = 100000
}

func command(name string, argv ...string) v1.Step {
	return v1.Step{Name: name, Image: "busybox:1", Command: argv[:1], Args: argv[1:]}
}

func TestBuildGolden(t *testing.T) {
	results := []v1.TaskResult{{Name: "digest"}, {Name: "images", Type: v1.TypeArray}}
	cases := map[string]struct {
		reason string
		in     Input
	}{
		"one-step": {
			reason: "the smallest task has one container and no volume that it does not need",
			in:     input(v1.TaskSpec{Steps: []v1.Step{command("", "true")}}),
		},
		"termination-message": {
			reason: "in the default mode results travel with the steps, and no sidecar is there",
			in:     input(v1.TaskSpec{Results: results, Steps: []v1.Step{command("one", "echo", "1"), command("two", "echo", "2")}}),
		},
		"carrier": {
			reason: "the results sidecar comes last, sees everything read-only, and no init container gates the first step",
			in:     input(v1.TaskSpec{Results: results, Steps: []v1.Step{command("one", "echo", "1"), command("two", "echo", "2")}}, otherMethod),
		},
		"artifacts": {
			reason: "documents of artifacts leave the pod like results; that of the task has a volume for itself",
			in:     input(artifactsTask(), substitutedArtifacts, otherMethod),
		},
		"init-container": {
			reason: "without image volumes one init container copies the binary",
			in:     input(v1.TaskSpec{Steps: []v1.Step{command("one", "true")}}, func(in *Input) { in.Delivery = InitContainer }),
		},
		"script": {
			reason: "a script travels encoded, so that Kubernetes expands nothing in it; its arguments follow",
			in: input(v1.TaskSpec{
				Steps: []v1.Step{{Name: "s", Image: "bash:1", Script: "echo $$ $(date)", Args: []string{"a"}, WorkingDir: "src/$x"}},
			}),
		},
		"sidecar": {
			reason: "a task's sidecar is a native one, its readiness holds back the first step",
			in: input(v1.TaskSpec{Steps: []v1.Step{command("one", "true")}, Sidecars: []v1.Sidecar{
				{
					Name:           "registry",
					Image:          "registry:2",
					Ports:          []corev1.ContainerPort{{ContainerPort: 5000}},
					ReadinessProbe: &corev1.Probe{PeriodSeconds: 2},
				},
				{Name: "logger", Image: "busybox:1", Script: "tail -f /dev/null"},
			}}),
		},
		"workspaces": {
			reason: "workspaces are mounted in every step and sidecar, unbound optional ones in none",
			in: input(v1.TaskSpec{
				Workspaces: []v1.WorkspaceDeclaration{
					{Name: "source", ReadOnly: true},
					{Name: "cache", MountPath: "/cache"},
					{Name: "extra", Optional: true},
				},
				Steps:    []v1.Step{command("one", "true")},
				Sidecars: []v1.Sidecar{{Name: "watcher", Image: "busybox:1", Command: []string{"true"}}},
			}, func(in *Input) {
				in.TaskRun.Spec.Workspaces = []v1.WorkspaceBinding{
					{
						Name:      "source",
						SubPath:   "a",
						ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "modules"}},
					},
					{Name: "cache", EmptyDir: &corev1.EmptyDirVolumeSource{}},
				}
			}),
		},
		"metadata": {
			reason: "labels and annotations of the run are carried to the pod, those of kubectl and Chains are not",
			in: input(v1.TaskSpec{Steps: []v1.Step{command("one", "true")}}, func(in *Input) {
				in.TaskRun.Labels = map[string]string{"team": "release"}
				in.TaskRun.Annotations = map[string]string{
					"team/owner": "release", "chains.tekton.dev/signed": "true", corev1.LastAppliedConfigAnnotation: "{}",
				}
				in.TaskRun.Spec.TaskRef = &v1.TaskRef{Name: "build-image"}
				in.TaskRun.Spec.ServiceAccountName = "builder"
			}),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { golden(t, name, tc.reason, tc.in) })
	}
}

// TestControllerAnnotationsAreNotCopied: what only the controller sets on a pod cannot come in with its run.
func TestControllerAnnotationsAreNotCopied(t *testing.T) {
	for _, annotation := range v1.ControllerAnnotations() {
		t.Run(annotation, func(t *testing.T) {
			p, err := Build(input(v1.TaskSpec{Steps: []v1.Step{command("one", "true")}}, func(in *Input) {
				in.TaskRun.Annotations = map[string]string{annotation: "2000-01-01T00:00:00Z", "team": "release"}
			}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"team": "release"}, p.Annotations); diff != "" {
				t.Errorf("annotations of the pod: -want +got:\n%s", diff)
			}
		})
	}
}

// golden compares the pod of an input with the file of that name.
func golden(t *testing.T, name, reason string, in Input) {
	t.Helper()
	got, err := Build(in)
	if err != nil {
		t.Fatalf("%s: %v", reason, err)
	}
	text, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s: -want +got:\n%s", reason, diff)
	}
}

// TestScriptArrivesUnchanged: what a user writes in a script must not be touched by the kubelet, which expands $(NAME)
// and folds $$ in arguments.
func TestScriptArrivesUnchanged(t *testing.T) {
	text := "#!/bin/sh\necho '$$' \"$(date)\" $(HOME) \\ ` \x00 é\n"
	p, err := Build(input(v1.TaskSpec{Steps: []v1.Step{{Name: "s", Image: "i", Script: text}}}))
	if err != nil {
		t.Fatal(err)
	}
	var pieces []string
	args := p.Spec.Containers[0].Args
	for i, arg := range args {
		if arg == "-script" {
			pieces = append(pieces, args[i+1])
		}
		if strings.Contains(arg, "$") {
			t.Errorf("argument %d holds a $, which the kubelet interprets: %q", i, arg)
		}
	}
	var got strings.Builder
	if err := script.Decode(&got, pieces); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, got.String()); diff != "" {
		t.Errorf("script: -want +got:\n%s", diff)
	}
}

func TestBuildLimits(t *testing.T) {
	random := noise(1 << 20)
	cases := map[string]struct {
		reason string
		step   v1.Step
		want   string // part of the LimitError; empty where the pod is fine
	}{
		"LargestArgument": {
			reason: "Linux takes 131071 bytes in one argument",
			step:   command("s", "echo", strings.Repeat("x", 131071)),
		},
		"ArgumentTooLong": {
			reason: "one more fails in the kernel with a message that nobody understands",
			step:   command("s", "echo", strings.Repeat("x", 131072)),
			want:   "spec.steps[0].args[0]: 131072 bytes",
		},
		"FoldedArgument": {
			reason: "Kubernetes makes each $$ one byte before Linux counts",
			step:   command("s", "echo", strings.Repeat("$$", 131071)),
		},
		"EnvTooLong": {
			reason: "a variable counts with its name",
			step:   v1.Step{Image: "i", Command: []string{"x"}, Env: []corev1.EnvVar{{Name: "BIG", Value: strings.Repeat("x", 131068)}}},
			want:   "spec.steps[0].env[0].value: 131072 bytes",
		},
		"LargeScript": {
			reason: "a script of a megabyte that does not compress fits",
			step:   v1.Step{Image: "i", Script: random[:1000000]},
		},
		"ScriptTooLarge": {
			reason: "a pod is one API object",
			step:   v1.Step{Image: "i", Script: random + random[:700000]},
			want:   "more than the limit",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Build(input(v1.TaskSpec{Steps: []v1.Step{tc.step}}))
			var limit *LimitError
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("%s: %v", tc.reason, err)
			case tc.want != "" && (!errors.As(err, &limit) || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%s: want a LimitError with %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// noise is text with six random bits in each byte, so that compression and base64 cancel each other.
func noise(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n)
	state := uint64(88172645463325252)
	for i := range b {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		b[i] = alphabet[state%64]
	}
	return string(b)
}

// TestTrimKeepsWhatIsRead: a cached pod still says how its results come back, and with which arguments.
func TestTrimKeepsWhatIsRead(t *testing.T) {
	spec := v1.TaskSpec{
		Results:  []v1.TaskResult{{Name: "r"}},
		Steps:    []v1.Step{{Name: "one", Image: "i", Script: noise(100000), Args: []string{"-results-from", "forged"}}},
		Sidecars: []v1.Sidecar{{Name: "s", Image: "i", Script: noise(100000)}},
	}
	p, err := Build(input(spec, otherMethod))
	if err != nil {
		t.Fatal(err)
	}
	carrier := p.Spec.Containers[1].Args
	Trim(p)
	if got := ResultsFrom(p); got != "other" {
		t.Errorf("want what the pod was made for, not what a step says in its arguments, got %q", got)
	}
	if diff := cmp.Diff(carrier, p.Spec.Containers[1].Args); diff != "" {
		t.Errorf("the carrier's arguments: -want +got:\n%s", diff)
	}
	if size := p.Size(); size > 2000 {
		t.Errorf("scripts are not kept in the cache, got a pod of %d bytes", size)
	}
	if got := ResultsFrom(&corev1.Pod{}); got != config.TerminationMessage {
		t.Errorf("a pod that does not say is one whose steps report themselves, got %q", got)
	}
}

func TestDeliveryFor(t *testing.T) {
	cases := map[string]struct {
		reason                string
		setting, major, minor string
		want                  Delivery
		fails                 bool
	}{
		"Since": {
			reason:  "on by default since 1.35",
			setting: "auto",
			major:   "1",
			minor:   "35",
			want:    ImageVolume,
		},
		"Before": {
			reason:  "off by default before",
			setting: "auto",
			major:   "1",
			minor:   "34",
			want:    InitContainer,
		},
		"Provider": {
			reason:  "providers append to the minor version",
			setting: "auto",
			major:   "1",
			minor:   "37+",
			want:    ImageVolume,
		},
		"Forced": {
			reason:  "a setting wins over the version",
			setting: "init-container",
			major:   "1",
			minor:   "37",
			want:    InitContainer,
		},
		"Typo": {
			reason:  "a setting that is unknown is refused",
			setting: "image-volumes",
			major:   "1",
			minor:   "37",
			fails:   true,
		},
		"Unknown": {
			reason:  "a version that says nothing is not guessed",
			setting: "auto",
			fails:   true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := DeliveryFor(tc.setting, tc.major, tc.minor)
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("%s: want %q, got %q, %v", tc.reason, tc.want, got, err)
			}
		})
	}
}
