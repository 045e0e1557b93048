package standin

import (
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

// Namespace is the namespace of Tekton.
const Namespace = "tekton-pipelines"

// Installation returns what a client sees of Tekton, as a List in JSON: its kinds, its namespace with these feature flags, and a
// Deployment with the name of its controller, which does nothing.
func Installation(flags map[string]string) ([]byte, error) {
	crds, err := tektoncrds.CRDs()
	if err != nil {
		return nil, err
	}
	objects := []any{
		&corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: Namespace}},
		&corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "feature-flags"},
			Data:       flags,
		},
		deployment(),
	}
	for _, crd := range crds {
		objects = append(objects, crd.Object)
	}
	return json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
}

func deployment() *appsv1.Deployment {
	labels := map[string]string{"app": "tekton-pipelines-controller"}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "tekton-pipelines-controller", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					TerminationGracePeriodSeconds: new(int64(0)),
					Containers: []corev1.Container{{
						Name: "nothing", Image: "docker.io/library/busybox:1", Command: []string{"sleep", "1000000"},
					}},
				},
			},
		},
	}
}
