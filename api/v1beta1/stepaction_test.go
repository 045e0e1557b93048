package v1beta1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestStep(t *testing.T) {
	action := StepAction{Spec: StepActionSpec{
		DisplayName: "for people", Description: "for people",
		Params: []v1.ParamSpec{{Name: "p", Properties: map[string]v1.PropertySpec{"k": {}}}},
		Image:  "i", Command: []string{"c"}, Args: []string{"a"}, Script: "s", WorkingDir: "/w",
		Results:         []v1.StepResult{{Name: "r"}},
		Env:             []corev1.EnvVar{{Name: "E", Value: "v"}},
		VolumeMounts:    []corev1.VolumeMount{{Name: "v", MountPath: "/m"}},
		SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(1))},
	}}
	want := &v1.Step{
		Image: "i", Command: []string{"c"}, Args: []string{"a"}, Script: "s", WorkingDir: "/w",
		Results:         []v1.StepResult{{Name: "r"}},
		Env:             []corev1.EnvVar{{Name: "E", Value: "v"}},
		VolumeMounts:    []corev1.VolumeMount{{Name: "v", MountPath: "/m"}},
		SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(1))},
	}
	if diff := cmp.Diff(want, action.Spec.Step()); diff != "" {
		t.Errorf("the step must have every field of the StepAction: -want, +got:\n%s", diff)
	}
}
