package pod

import (
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

func TestBuildRefuses(t *testing.T) {
	mount := func(volume, path string) []corev1.VolumeMount {
		return []corev1.VolumeMount{{Name: volume, MountPath: path}}
	}
	cases := map[string]struct {
		reason string
		in     Input
		field  string
	}{
		"Mount": {
			reason: "no step mounts anything over what is ours",
			in:     input(oneStep(func(s *v1.Step) { s.VolumeMounts = mount("v", "/tekton/run/0") })),
			field:  "spec.steps[0].volumeMounts[0].mountPath",
		},
		"Spelling": {
			reason: "however the path is spelled",
			in:     input(oneStep(func(s *v1.Step) { s.VolumeMounts = mount("v", "/tekton/home/../bin/") })),
			field:  "spec.steps[0].volumeMounts[0].mountPath",
		},
		"Relative": {
			reason: "a relative path begins at the root",
			in:     input(oneStep(func(s *v1.Step) { s.VolumeMounts = mount("v", "tekton/results") })),
			field:  "spec.steps[0].volumeMounts[0].mountPath",
		},
		"Root": {
			reason: "everything is below the root",
			in:     input(oneStep(func(s *v1.Step) { s.VolumeMounts = mount("v", "//") })),
			field:  "spec.steps[0].volumeMounts[0].mountPath",
		},
		"Template": {
			reason: "a step template is no way around",
			in:     input(v1.TaskSpec{StepTemplate: &v1.StepTemplate{VolumeMounts: mount("v", "/tekton")}, Steps: []v1.Step{command("a", "b")}}),
			field:  "spec.steps[0].volumeMounts[0].mountPath",
		},
		"Device": {
			reason: "nor is a device",
			in: input(oneStep(func(s *v1.Step) {
				s.VolumeDevices = []corev1.VolumeDevice{{Name: "v", DevicePath: "/tekton/bin/inpod"}}
			})),
			field: "spec.steps[0].volumeDevices[0].devicePath",
		},
		"Workspace": {
			reason: "nor a workspace",
			in: input(v1.TaskSpec{
				Workspaces: []v1.WorkspaceDeclaration{{Name: "w", MountPath: "/tekton/creds"}},
				Steps:      []v1.Step{command("a", "b")},
			}),
			field: "spec.workspaces[0].mountPath",
		},
		"Isolated": {
			reason: "nor one that a step mounts elsewhere",
			in:     input(oneStep(func(s *v1.Step) { s.Workspaces = []v1.WorkspaceUsage{{Name: "w", MountPath: "/tekton/steps"}} })),
			field:  "spec.steps[0].workspaces[0].mountPath",
		},
		"Sidecar": {
			reason: "nor a sidecar",
			in: input(v1.TaskSpec{
				Steps:    []v1.Step{command("a", "b")},
				Sidecars: []v1.Sidecar{{Image: "i", VolumeMounts: mount("v", "/tekton/run")}},
			}),
			field: "spec.sidecars[0].volumeMounts[0].mountPath",
		},
		"Message": {
			reason: "nor its termination message",
			in: input(v1.TaskSpec{
				Steps:    []v1.Step{command("a", "b")},
				Sidecars: []v1.Sidecar{{Image: "i", TerminationMessagePath: "/tekton/x"}},
			}),
			field: "spec.sidecars[0].terminationMessagePath",
		},
		"OurVolume": {
			reason: "nobody mounts a volume of ours",
			in:     input(oneStep(func(s *v1.Step) { s.VolumeMounts = mount("tekton-internal-run-1", "/x") })),
			field:  "spec.steps[0].volumeMounts[0].name",
		},
		"Volume": {
			reason: "nor brings one of that name",
			in:     input(v1.TaskSpec{Volumes: []corev1.Volume{{Name: "tekton-internal-bin"}}, Steps: []v1.Step{command("a", "b")}}),
			field:  "spec.volumes[0].name",
		},
		"TemplateVol": {
			reason: "nor by the pod's template",
			in: input(oneStep(func(*v1.Step) {}), run(func(tr *v1.TaskRunSpec) {
				tr.PodTemplate = &v1.PodTemplate{Volumes: []corev1.Volume{{Name: "tekton-internal-x"}}}
			})),
			field: "podTemplate.volumes[0].name",
		},
		"CEL": {
			reason: "a guard in CEL is not dropped in silence",
			in:     input(oneStep(func(s *v1.Step) { s.When = []v1.WhenExpression{{CEL: "true"}} })),
			field:  "spec.steps[0].when[0].cel",
		},
		"NoSuchResult": {
			reason: "a reference to nothing is not dropped, either",
			in: input(oneStep(func(s *v1.Step) { s.Args = []string{"tok"} }), func(in *Input) {
				in.References = []substitute.StepResultToken{{Token: "tok", Step: "one", Result: "r"}}
			}),
			field: "spec.steps[0]",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Build(tc.in)
			if refused, ok := errors.AsType[*FieldError](err); !ok || refused.Field != tc.field || !strings.Contains(err.Error(), refused.Problem) {
				t.Errorf("%s: want %s refused, got %v", tc.reason, tc.field, err)
			}
		})
	}
}

// Whatever a task mounts and wherever, nothing that is not ours ends up over what is ours, or above it.
func TestNothingShadowsOurs(t *testing.T) {
	part := rapid.SampledFrom([]string{
		"tekton", "home", "run", "0", "bin", "inpod", "results", "steps", "workspace", "x", "..", ".", "",
		"tekton-x",
	})
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SampledFrom([]string{"/", "", "//"}).Draw(t, "begin") + strings.Join(rapid.SliceOfN(part, 1, 6).Draw(t, "parts"), "/")
		spec := v1.TaskSpec{Steps: []v1.Step{command("a", "b"), command("c", "d")}, Volumes: []corev1.Volume{emptyDir("user")}}
		mounts := []corev1.VolumeMount{{Name: "user", MountPath: at}}
		switch rapid.SampledFrom([]string{"step", "template", "sidecar", "workspace", "usage"}).Draw(t, "where") {
		case "step":
			spec.Steps[1].VolumeMounts = mounts
		case "template":
			spec.StepTemplate = &v1.StepTemplate{VolumeMounts: mounts}
		case "sidecar":
			spec.Sidecars = []v1.Sidecar{{Image: "i", Script: "x", VolumeMounts: mounts}}
		case "workspace":
			spec.Workspaces = []v1.WorkspaceDeclaration{{Name: "w", MountPath: at}}
		default:
			spec.Workspaces = []v1.WorkspaceDeclaration{{Name: "w"}}
			spec.Steps[1].Workspaces = []v1.WorkspaceUsage{{Name: "w", MountPath: at}}
		}
		p, err := Build(input(spec, run(func(tr *v1.TaskRunSpec) {
			tr.Workspaces = []v1.WorkspaceBinding{{Name: "w", EmptyDir: &corev1.EmptyDirVolumeSource{}}}
		})))
		if err != nil {
			return
		}
		for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
			for _, m := range c.VolumeMounts {
				if strings.HasPrefix(m.Name, v1.ReservedVolumePrefix) {
					continue
				}
				dir := cleaned("/" + m.MountPath)
				if dir == "/" || dir == "/tekton" ||
					strings.HasPrefix(dir, "/tekton/") && dir != podpaths.HomeDir && !strings.HasPrefix(dir, podpaths.HomeDir+"/") {
					t.Fatalf("container %q mounts %q at %q", c.Name, m.Name, m.MountPath)
				}
			}
		}
	})
}

// A step can write what is its own, what all share, and nothing else of ours.
func TestWhatStepsCanWrite(t *testing.T) {
	p, err := Build(input(steps(), references, otherMethod))
	if err != nil {
		t.Fatal(err)
	}
	shared := []string{workspaceVolume, homeVolume, resultsVolume}
	writers := map[string]string{}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		for _, m := range c.VolumeMounts {
			if m.ReadOnly || !strings.HasPrefix(m.Name, v1.ReservedVolumePrefix) || slices.Contains(shared, m.Name) {
				continue
			}
			if other, ok := writers[m.Name]; ok && other != c.Name {
				t.Errorf("both %q and %q can write %q", other, c.Name, m.Name)
			}
			writers[m.Name] = c.Name
		}
	}
	if writers[runVolume(0)] != "step-make" || writers[runVolume(2)] != "step-look" {
		t.Errorf("a step cannot write its own directory: %v", writers)
	}
}
