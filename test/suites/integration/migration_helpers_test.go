//go:build integration

package integration

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/internal/cli/migration"
)

// sizeOfTest returns how many objects the tests of conversion store, and how often a migration is killed. FULL=1 is for releases.
func sizeOfTest() (objects, kills int) {
	if os.Getenv("FULL") != "" {
		return 2000, 20
	}
	return 200, 8
}

// storeAs makes the API server store new objects of a CRD in a version.
func storeAs(t *testing.T, name, version string) {
	t.Helper()
	crd := &unstructured.Unstructured{}
	readCRD(t, name, crd)
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil {
		t.Fatal(err)
	}
	var operations []map[string]any
	for i, one := range versions {
		operations = append(operations, map[string]any{
			"op": "replace", "path": fmt.Sprintf("/spec/versions/%d/storage", i), "value": one.(map[string]any)["name"] == version,
		})
	}
	patchCRD(t, name, operations...)
	eventually(t, func(context.Context) error {
		if stored := storedVersions(t, name); !slices.Contains(stored, version) {
			return fmt.Errorf("%s: objects are stored as %v", name, stored)
		}
		return nil
	})
}

func storedVersions(t *testing.T, name string) []string {
	t.Helper()
	crd := &unstructured.Unstructured{}
	readCRD(t, name, crd)
	stored, _, err := unstructured.NestedStringSlice(crd.Object, "status", "storedVersions")
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// buildProgram builds a program of this module.
func buildProgram(t *testing.T, program, source string) {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, source)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build %s: %v\n%s", source, err, out)
	}
}

// migrate returns the command that migrates the objects of the cluster.
func migrate(t *testing.T, program string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), program, "migrate", "storage", "--rate=10000")
}

// killMigration starts a migration and kills it after it has reported a number of pages. It fails the test if the migration ends
// before.
func killMigration(t *testing.T, program string, pages int) {
	t.Helper()
	cmd := migrate(t, program)
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(progress)
	seen := 0
	var text strings.Builder
	for seen < pages && lines.Scan() {
		fmt.Fprintln(&text, lines.Text())
		if strings.Contains(lines.Text(), "objects rewritten") {
			seen++
		}
	}
	if seen < pages {
		t.Errorf("the migration ended after %d pages, want %d:\n%s", seen, pages, text.String())
	}
	_ = cmd.Process.Kill() // it ended already if it has failed
	_ = cmd.Wait()
}

// completeMigration runs a migration to its end, and returns its output.
func completeMigration(t *testing.T, program string) string {
	t.Helper()
	out, err := migrate(t, program).CombinedOutput()
	if err != nil {
		t.Fatalf("the migration failed: %v\n%s", err, out)
	}
	return string(out)
}

// pagesLeft returns the number of pages of the first kind that a migration has not completed.
func pagesLeft(t *testing.T, all []*unstructured.Unstructured) int {
	t.Helper()
	for _, kind := range []string{"Task", "Pipeline", "TaskRun", "PipelineRun"} { // the order of a migration
		if len(storedVersions(t, converted()[kind])) == 1 {
			continue
		}
		of := 0
		for _, o := range all {
			if o.GetKind() == kind {
				of++
			}
		}
		return (of + migration.PageSize - 1) / migration.PageSize
	}
	t.Fatal("the migration is complete")
	return 0
}
