package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// TestRunsV1Only: the folder has what config/crd has, and no longer serves v1beta1 of the two kinds of runs.
func TestRunsV1Only(t *testing.T) {
	all, less := built(t, "crd"), built(t, "runs-v1-only")
	want := served(t, all)
	for _, name := range []string{"taskruns.tekton.dev", "pipelineruns.tekton.dev"} {
		if !slices.Contains(want[name], "v1beta1") {
			t.Errorf("%s: config/crd does not serve v1beta1, so this test shows nothing", name)
		}
		want[name] = []string{"v1"}
	}
	if diff := cmp.Diff(want, served(t, less)); diff != "" {
		t.Errorf("served versions: -want +got:\n%s", diff)
	}
	const on, off = "    served: true", "    served: false"
	before, after := strings.Split(all, "\n"), strings.Split(less, "\n")
	if len(before) != len(after) {
		t.Fatalf("%d lines, want %d", len(after), len(before))
	}
	for i := range before {
		if before[i] != after[i] && (before[i] != on || after[i] != off) {
			t.Errorf("line %d is %q, want %q", i+1, after[i], before[i])
		}
	}
}

func built(t *testing.T, folder string) string {
	t.Helper()
	text, err := kustomize(filepath.Join(project, "config", folder))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// served returns the served versions of CRDs, by the names of the CRDs.
func served(t *testing.T, manifests string) map[string][]string {
	t.Helper()
	versions := map[string][]string{}
	for document := range strings.SplitSeq(manifests, "\n---\n") {
		var crd struct {
			Metadata struct{ Name string }
			Spec     struct {
				Versions []struct {
					Name   string
					Served bool
				}
			}
		}
		if err := yaml.Unmarshal([]byte(document), &crd); err != nil {
			t.Fatal(err)
		}
		for _, version := range crd.Spec.Versions {
			if version.Served {
				versions[crd.Metadata.Name] = append(versions[crd.Metadata.Name], version.Name)
			}
		}
	}
	return versions
}
