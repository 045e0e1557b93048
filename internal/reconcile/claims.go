package reconcile

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// ClaimKind describes the claims that runs create for their workspaces.
func ClaimKind() ChildKind[*corev1.PersistentVolumeClaim] {
	return ChildKind[*corev1.PersistentVolumeClaim]{
		Noun: "PersistentVolumeClaim", New: func() *corev1.PersistentVolumeClaim { return &corev1.PersistentVolumeClaim{} },
	}
}

// Claim returns the claim that a run of a kind creates from a template. It belongs to the run, so that Kubernetes deletes it
// together with the run.
func Claim(template *corev1.PersistentVolumeClaim, name, kind string, run metav1.Object) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: run.GetNamespace(), Name: name, Labels: template.Labels, Annotations: template.Annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(run, v1.GroupVersion.WithKind(kind))},
		},
		Spec: template.Spec,
	}
	return claim.DeepCopy()
}
