package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestManifestsOf: a folder without a kustomization has all its manifests in the release.
func TestManifestsOf(t *testing.T) {
	cases := map[string]struct {
		reason  string
		files   map[string]string
		want    string
		refusal string
	}{
		"Plain": {
			reason: "The files follow each other in the order of their names, and other files are left out.",
			files: map[string]string{
				"b.yaml":    "kind: B\n",
				"a.yaml":    "kind: A\n",
				"README.md": "# Text\n",
			},
			want: "---\nkind: A\n---\nkind: B\n",
		},
		"Kustomization": {
			reason: "Only kustomize knows which files belong to the installation.",
			files: map[string]string{
				kustomization: "resources: [b.yaml]\n",
				"a.yaml":      "kind: A\n",
				"b.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n",
			},
			want: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n",
		},
		"Empty": {
			reason:  "A file of the release without an object would hide a renamed folder.",
			files:   map[string]string{"README.md": "# Text\n"},
			refusal: "it has no file that ends with .yaml",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for file, text := range tc.files {
				writeFile(t, filepath.Join(folder, file), text)
			}
			got, err := manifestsOf(folder)
			check(t, err, tc.refusal)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRightsAreInTheRelease: the rights that are granted separately are whole objects in the files of the release.
func TestRightsAreInTheRelease(t *testing.T) {
	folder := madeUp(t)
	for file, want := range map[string][]string{
		"enable-log-access.yaml":            {"ClusterRole", "ClusterRoleBinding"},
		"enable-log-access-namespaced.yaml": {"Role", "RoleBinding"},
		"enable-retention.yaml":             {"ClusterRole", "ClusterRoleBinding"},
	} {
		text, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, found := range regexp.MustCompile(`(?m)^kind: (\S+)$`).FindAllStringSubmatch(string(text), -1) {
			kinds = append(kinds, found[1])
		}
		if diff := cmp.Diff(want, kinds); diff != "" {
			t.Errorf("%s: -want +got:\n%s", file, diff)
		}
	}
}

// TestPageListsTheFiles: the page about releases names each manifest.
func TestPageListsTheFiles(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(project, "docs", "release.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ways() {
		if !strings.Contains(string(page), "`"+w.File+"`") {
			t.Errorf("docs/release.md does not name %s: %s", w.File, w.Purpose)
		}
	}
}
