package check

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
)

// kustomization is the part of a kustomization that names patches.
type kustomization struct {
	metav1.TypeMeta

	Patches []struct {
		Path string `json:"path"`
	} `json:"patches"`
	PatchesStrategicMerge []string `json:"patchesStrategicMerge"`
	PatchesJSON6902       []struct {
		Path string `json:"path"`
	} `json:"patchesJson6902"`
}

// kustomizationFile reports whether kustomize reads a file of this name. Such a file needs no kind.
func kustomizationFile(name string) bool {
	switch filepath.Base(name) {
	case "kustomization.yaml", "kustomization.yml", "Kustomization":
		return true
	}
	return false
}

// patchesOf returns the files that a document names as patches; ok is false if it is no kustomization.
func patchesOf(d document.Document) (files []string, ok bool) {
	var k kustomization
	if json.Unmarshal(d.JSON, &k) != nil {
		return nil, false
	}
	if !strings.HasPrefix(k.APIVersion, "kustomize.config.k8s.io/") && !(k.Kind == "" && kustomizationFile(d.File)) {
		return nil, false
	}
	add := func(name string) {
		// An inline patch has line breaks.
		if name != "" && !strings.Contains(name, "\n") {
			files = append(files, path.Join(filepath.ToSlash(filepath.Dir(d.File)), name))
		}
	}
	for _, p := range k.Patches {
		add(p.Path)
	}
	for _, p := range k.PatchesJSON6902 {
		add(p.Path)
	}
	for _, name := range k.PatchesStrategicMerge {
		add(name)
	}
	return files, true
}

// kustomizationNote says that a kustomization is not applied.
func kustomizationNote(d document.Document) Finding {
	return Finding{
		Place: d.Start(), Severity: Note, Message: "a kustomization is not applied; the files that it names as patches are not checked",
		Hint: "render it, and check the result, as in kustomize build . | sluice validate -",
	}
}

// withoutPatches moves the objects of files that a kustomization names as patches, and their findings, out of the set: a patch
// is a part of an object.
func (s *Set) withoutPatches() {
	patches := map[string]bool{}
	for _, name := range s.patches {
		patches[name] = true
	}
	if len(patches) == 0 {
		return
	}
	patched := func(file string) bool { return patches[path.Clean(filepath.ToSlash(file))] }
	var objects []*Object
	for _, o := range s.Objects {
		if patched(o.Document.File) {
			s.Others++
			continue
		}
		objects = append(objects, o)
	}
	var findings []Finding
	for _, f := range s.findings {
		if !patched(f.File) {
			findings = append(findings, f)
		}
	}
	s.Objects, s.findings, s.patches = objects, findings, nil
}

// otherVersion returns the note for an object of a version that is not served.
func otherVersion(d document.Document, meta metav1.TypeMeta, served string) Finding {
	_, version, _ := strings.Cut(meta.APIVersion, "/")
	return Finding{
		Place: d.At("apiVersion"), Severity: Note, Object: meta.Kind, Field: "apiVersion",
		Message: fmt.Sprintf("not validated: version %s", version),
		Hint:    "Sluice serves " + served + " only; convert the object before you apply it",
	}
}
