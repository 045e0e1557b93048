package clientinfo

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

const namespace = "tekton-pipelines"

func configMap(annotations, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: Name, Annotations: annotations}, Data: data,
	}
}

func TestReconcile(t *testing.T) {
	cases := map[string]struct {
		reason            string
		annotations, data map[string]string
		wantAnnotations   map[string]string
		want              string
	}{
		"New": {
			reason:          "the manifests create the ConfigMap without a version",
			wantAnnotations: map[string]string{AnnotationWritten: "v2"},
			want:            "v2",
		},
		"Upgrade": {
			reason:          "a version of Sluice is replaced and not kept",
			annotations:     map[string]string{AnnotationWritten: "v1"},
			data:            map[string]string{KeyVersion: "v1"},
			wantAnnotations: map[string]string{AnnotationWritten: "v2"},
			want:            "v2",
		},
		"Tekton": {
			reason:          "the version of Tekton is kept for the day on which Sluice is removed",
			data:            map[string]string{KeyVersion: "v1.9.0"},
			wantAnnotations: map[string]string{AnnotationWritten: "v2", AnnotationReplaced: "v1.9.0"},
			want:            "v2",
		},
		"UpgradeAfterTekton": {
			reason:          "an upgrade of Sluice does not change the version that is kept",
			annotations:     map[string]string{AnnotationWritten: "v1", AnnotationReplaced: "v1.9.0"},
			data:            map[string]string{KeyVersion: "v1"},
			wantAnnotations: map[string]string{AnnotationWritten: "v2", AnnotationReplaced: "v1.9.0"},
			want:            "v2",
		},
		"TektonAgain": {
			reason:          "the manifests of Tekton were applied again, in another version",
			annotations:     map[string]string{AnnotationWritten: "v2", AnnotationReplaced: "v1.9.0"},
			data:            map[string]string{KeyVersion: "v1.10.0"},
			wantAnnotations: map[string]string{AnnotationWritten: "v2", AnnotationReplaced: "v1.10.0"},
			want:            "v2",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			other := configMap(nil, map[string]string{KeyVersion: "x"})
			other.Name = "feature-flags"
			api := fake.NewClientBuilder().WithObjects(configMap(c.annotations, c.data), other).Build()
			reconcile(t, api)
			got := get(t, api, Name)
			if diff := cmp.Diff(c.wantAnnotations, got.Annotations); diff != "" || got.Data[KeyVersion] != c.want {
				t.Errorf("%s: want %s, got %v\n%s", c.reason, c.want, got.Data, diff)
			}
			reconcile(t, api)
			if again := get(t, api, Name); again.ResourceVersion != got.ResourceVersion {
				t.Error("a right version must not be written again")
			}
			if data := get(t, api, other.Name).Data; data[KeyVersion] != "x" {
				t.Errorf("want other ConfigMaps left alone, got %v", data)
			}
		})
	}
}

// TestReconcileWithout: the publisher does not create the ConfigMap.
func TestReconcileWithout(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	reconcile(t, api)
	var all corev1.ConfigMapList
	if err := api.List(t.Context(), &all); err != nil || len(all.Items) != 0 {
		t.Errorf("want none, got %v, %v", all.Items, err)
	}
}

func TestRestore(t *testing.T) {
	cases := map[string]struct {
		annotations map[string]string
		want        map[string]string
	}{
		"Tekton": {
			annotations: map[string]string{AnnotationWritten: "v2", AnnotationReplaced: "v1.9.0", "other": "x"},
			want:        map[string]string{KeyVersion: "v1.9.0"},
		},
		"None": {annotations: map[string]string{AnnotationWritten: "v2", "other": "x"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			api := fake.NewClientBuilder().WithObjects(configMap(c.annotations, map[string]string{KeyVersion: "v2"})).Build()
			cm := get(t, api, Name)
			if err := api.Patch(t.Context(), cm, client.RawPatch(types.MergePatchType, Restore(cm))); err != nil {
				t.Fatal(err)
			}
			got := get(t, api, Name)
			if diff := cmp.Diff(c.want, got.Data); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(map[string]string{"other": "x"}, got.Annotations); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func reconcile(t *testing.T, api client.Client) {
	t.Helper()
	if _, err := New(api, namespace, "v2").Reconcile(t.Context(), ctrl.Request{}); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, api client.Client, name string) *corev1.ConfigMap {
	t.Helper()
	cm := &corev1.ConfigMap{}
	if err := api.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: name}, cm); err != nil {
		t.Fatal(err)
	}
	return cm
}
