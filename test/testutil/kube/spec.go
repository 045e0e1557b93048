package kube

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// StepImage is the image of every step of the tests. hack/images/busybox.sh loads a replacement for it.
const StepImage = "docker.io/library/busybox:1"

// Script returns a step that runs text in sh.
func Script(name, text string) v1.Step {
	return v1.Step{Name: name, Image: StepImage, Script: "#!/bin/sh\nset -eu\n" + text}
}

// Result declares a result; keys are those of an object.
func Result(name string, kind v1.ValueType, keys ...string) v1.TaskResult {
	r := v1.TaskResult{Name: name, Type: kind}
	for _, key := range keys {
		if r.Properties == nil {
			r.Properties = map[string]v1.PropertySpec{}
		}
		r.Properties[key] = v1.PropertySpec{Type: v1.TypeString}
	}
	return r
}

// Restricted returns the security context that the Pod Security standard "restricted" requires of a container.
func Restricted() *corev1.SecurityContext {
	no, yes, user := false, true, int64(1000)
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no,
		RunAsNonRoot:             &yes,
		RunAsUser:                &user,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// Values returns the results of a run by name.
func Values(run *v1.TaskRun) map[string]v1.Value {
	all := map[string]v1.Value{}
	for _, r := range run.Status.Results {
		all[r.Name] = r.Value
	}
	return all
}

// Describe formats a condition for people.
func Describe(c *metav1.Condition) string {
	if c == nil {
		return "it has no condition"
	}
	return fmt.Sprintf("Succeeded=%s %s: %s", c.Status, c.Reason, c.Message)
}
