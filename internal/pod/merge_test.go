package pod

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func TestMerged(t *testing.T) {
	template := func(change func(*v1.StepTemplate)) *v1.StepTemplate {
		t := &v1.StepTemplate{}
		change(t)
		return t
	}
	cases := map[string]struct {
		reason   string
		template *v1.StepTemplate
		step     v1.Step
		want     v1.Step
	}{
		"NoTemplate": {
			reason: "without a template a step stays as it is",
			step:   command("s", "true"),
			want:   command("s", "true"),
		},
		"Filled": {
			reason: "what a step does not say, the template says",
			template: &v1.StepTemplate{Image: "i", ImagePullPolicy: corev1.PullAlways, Command: []string{"c"}, Args: []string{"a"}, WorkingDir: "/w",
				EnvFrom: []corev1.EnvFromSource{{Prefix: "P"}}},
			step: v1.Step{Name: "s"},
			want: v1.Step{Name: "s", Image: "i", ImagePullPolicy: corev1.PullAlways, Command: []string{"c"}, Args: []string{"a"}, WorkingDir: "/w",
				EnvFrom: []corev1.EnvFromSource{{Prefix: "P"}}},
		},
		"StepWins": {
			reason: "what a step says itself stays",
			template: &v1.StepTemplate{Image: "i", ImagePullPolicy: corev1.PullAlways, Command: []string{"c"}, Args: []string{"a"}, WorkingDir: "/w",
				EnvFrom: []corev1.EnvFromSource{{Prefix: "P"}}},
			step: v1.Step{Image: "j", ImagePullPolicy: corev1.PullNever, Command: []string{"d"}, Args: []string{"b"}, WorkingDir: "/v",
				EnvFrom: []corev1.EnvFromSource{{Prefix: "Q"}}},
			want: v1.Step{Image: "j", ImagePullPolicy: corev1.PullNever, Command: []string{"d"}, Args: []string{"b"}, WorkingDir: "/v",
				EnvFrom: []corev1.EnvFromSource{{Prefix: "Q"}}},
		},
		"Script": {
			reason:   "a step with a script has no other command",
			template: template(func(t *v1.StepTemplate) { t.Command = []string{"c"} }),
			step:     v1.Step{Script: "true"},
			want:     v1.Step{Script: "true"},
		},
		"Env": {
			reason: "variables are merged by name, and one that refers to another still comes after it",
			template: template(func(t *v1.StepTemplate) {
				t.Env = []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "$(A)"}}
			}),
			step: v1.Step{Env: []corev1.EnvVar{{Name: "C", Value: "$(B)"}, {Name: "A", Value: "2"}}},
			want: v1.Step{Env: []corev1.EnvVar{{Name: "A", Value: "2"}, {Name: "B", Value: "$(A)"}, {Name: "C", Value: "$(B)"}}},
		},
		"Mounts": {
			reason: "mounts and devices are merged by their path, in any spelling",
			template: template(func(t *v1.StepTemplate) {
				t.VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/a/"}, {Name: "w", MountPath: "/b"}}
				t.VolumeDevices = []corev1.VolumeDevice{{Name: "d", DevicePath: "/dev/x"}}
			}),
			step: v1.Step{
				VolumeMounts:  []corev1.VolumeMount{{Name: "x", MountPath: "/c/../a"}},
				VolumeDevices: []corev1.VolumeDevice{{Name: "e", DevicePath: "/dev/y"}},
			},
			want: v1.Step{VolumeMounts: []corev1.VolumeMount{{Name: "x", MountPath: "/c/../a"}, {Name: "w", MountPath: "/b"}},
				VolumeDevices: []corev1.VolumeDevice{{Name: "d", DevicePath: "/dev/x"}, {Name: "e", DevicePath: "/dev/y"}}},
		},
		"Resources": {
			reason: "each resource of each kind stands for itself",
			template: template(func(t *v1.StepTemplate) {
				t.ComputeResources = corev1.ResourceRequirements{Requests: list("cpu", "1", "memory", "1Gi"), Limits: list("memory", "2Gi")}
			}),
			step: v1.Step{ComputeResources: corev1.ResourceRequirements{Requests: list("memory", "3Gi"), Limits: list("cpu", "4")}},
			want: v1.Step{ComputeResources: corev1.ResourceRequirements{
				Requests: list("cpu", "1", "memory", "3Gi"),
				Limits:   list("memory", "2Gi", "cpu", "4"),
			}},
		},
		"Security": {
			reason: "the security context is merged by field",
			template: template(func(t *v1.StepTemplate) {
				t.SecurityContext = &corev1.SecurityContext{RunAsUser: new(int64(1)), RunAsNonRoot: new(true),
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"CHOWN"}}}
			}),
			step: v1.Step{SecurityContext: &corev1.SecurityContext{
				RunAsUser:    new(int64(2)),
				Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"KILL"}},
			}},
			want: v1.Step{SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(2)), RunAsNonRoot: new(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"KILL"}}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := &v1.TaskSpec{StepTemplate: tc.template, Steps: []v1.Step{tc.step, tc.step}}
			before := spec.DeepCopy()
			got := Merged(spec)
			want := &v1.TaskSpec{Steps: []v1.Step{tc.want, tc.want}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(before, spec); diff != "" {
				t.Errorf("the task itself was changed: -before +after:\n%s", diff)
			}
			if diff := cmp.Diff(got, Merged(got)); diff != "" {
				t.Errorf("merging again changes it: -once +twice:\n%s", diff)
			}
		})
	}
}
