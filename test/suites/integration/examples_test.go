//go:build integration

package integration

import (
	"path/filepath"
	"testing"
)

// TestExamplesAreTaken: the API server accepts every example, without an unknown field.
func TestExamplesAreTaken(t *testing.T) {
	namespace := newNamespace(t)
	files, err := filepath.Glob(root + "/examples/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("cannot find examples: %v", err)
	}
	for _, file := range files {
		file, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(file, func(t *testing.T) {
			mustKubectl(t, "create", "--namespace", namespace, "--dry-run=server", "--validate=strict", "-f", file)
		})
	}
}
