package pod

import (
	corev1 "k8s.io/api/core/v1"
)

// Restricted returns a security context that satisfies Pod Security "restricted", which is all that the system's containers
// need. The user is that of the images that are built from nothing; it exists nowhere else.
func Restricted() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		ReadOnlyRootFilesystem:   new(true),
		RunAsNonRoot:             new(true),
		RunAsUser:                new(int64(65532)),
		RunAsGroup:               new(int64(65532)),
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// secured returns the security context of a step or a sidecar. If configured it satisfies Pod Security "restricted", except
// where the task or the pod has its own setting: such a setting is never overridden, and if the namespace forbids it, the API
// server reports that.
func (b *builder) secured(own *corev1.SecurityContext) *corev1.SecurityContext {
	sc := &corev1.SecurityContext{}
	if own != nil {
		sc = own.DeepCopy()
	}
	if privileged := sc.Privileged != nil && *sc.Privileged; privileged || !b.Settings.SecurityContext {
		return own
	}
	sc.AllowPrivilegeEscalation = first(sc.AllowPrivilegeEscalation, new(false))
	sc.Capabilities = mergedCapabilities(&corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, sc.Capabilities)
	pod := b.template.SecurityContext
	if pod == nil {
		pod = &corev1.PodSecurityContext{}
	}
	if user := first(sc.RunAsUser, pod.RunAsUser); sc.RunAsNonRoot == nil && pod.RunAsNonRoot == nil && (user == nil || *user != 0) {
		sc.RunAsNonRoot = new(true)
	}
	if sc.SeccompProfile == nil && pod.SeccompProfile == nil {
		sc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	}
	if b.Settings.ReadOnlyRootFilesystem {
		sc.ReadOnlyRootFilesystem = first(sc.ReadOnlyRootFilesystem, new(true))
	}
	return sc
}
