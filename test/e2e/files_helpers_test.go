//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// objectLimit is what one API object may have, in bytes (etcd's default for a request).
const objectLimit = 1572864

// encoded is how many bytes s takes in a JSON object.
func encoded(t *testing.T, s string) int {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return len(b)
}

// files makes a ConfigMap with the given files and returns the workspace "in" that holds them.
func (n *namespace) files(t *testing.T, files map[string]string) v1.WorkspaceBinding {
	t.Helper()
	config := &corev1.ConfigMap{BinaryData: map[string][]byte{}}
	config.Namespace, config.GenerateName = n.name, "files-"
	for name, data := range files {
		config.BinaryData[name] = []byte(data)
	}
	if err := n.client.Create(t.Context(), config); err != nil {
		t.Fatalf("cannot create ConfigMap: %v", err)
	}
	return v1.WorkspaceBinding{Name: "in", ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: config.Name}}}
}
