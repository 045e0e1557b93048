package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// way is one way of installation.
type way struct {
	// File is the name in the release, and Folder that in config/.
	File, Folder string
	// Purpose is the first line of the file.
	Purpose string
}

// ways returns the manifests of a release. Settings have their own files: once they exist in a cluster, its administrator owns them.
func ways() []way {
	return []way{
		{"release.yaml", "core", "the controller, the resolvers, and all kinds"},
		{"release-coexist.yaml", "coexist", "beside Tekton, for single namespaces"},
		{"release-monitoring.yaml", "monitoring", "release.yaml, with metrics that Prometheus can read over TLS"},
		{"release-monitoring-open.yaml", "monitoring-open", "release.yaml, with metrics over HTTP for labeled namespaces"},
		{"release-resolvers.yaml", "resolvers", "only the program that answers ResolutionRequests"},
		{"release-signed-results.yaml", "signed-results", "release.yaml, with steps that sign their results through SPIFFE"},
		{"crds-runs-v1-only.yaml", "runs-v1-only", "the kinds without v1beta1 of runs; apply it after release.yaml"},
		{"monitoring-operator.yaml", "monitoring/operator", "what the Prometheus operator scrapes, and the alerts"},
		{"settings.yaml", "flags", "the settings, for the first installation only"},
		{"settings-coexist.yaml", "coexist/settings", "the settings beside Tekton, for the first installation only"},
		{"enable-log-access.yaml", "enable-log-access-to-controller", "the right to read logs of pods, in all namespaces"},
		{"enable-log-access-namespaced.yaml", "enable-log-access-to-controller/namespaced", "the right to read logs of pods, in one namespace"},
		{"enable-retention.yaml", "enable-retention", "the right to delete finished runs"},
	}
}

// imageReference is a reference that ko would build.
var imageReference = regexp.MustCompile(`ko://[^\s"']+`)

// manifests writes a file for each way of a list, with the images by digest.
func (r release) manifests(folder string, list []way, images map[string]string) error {
	for _, w := range list {
		text, err := manifestsOf(filepath.Join(r.Project, "config", filepath.FromSlash(w.Folder)))
		if err != nil {
			return fmt.Errorf("cannot build the manifests of config/%s: %w", w.Folder, err)
		}
		if text, err = withImages(text, images); err != nil {
			return fmt.Errorf("cannot write %s: %w", w.File, err)
		}
		text = fmt.Sprintf("# Sluice %s: %s.\n%s", r.Version, w.Purpose, text)
		if err := os.WriteFile(filepath.Join(folder, w.File), []byte(text), 0o644); err != nil {
			return fmt.Errorf("cannot write %s: %w", w.File, err)
		}
	}
	return nil
}

// kustomization is the file by which a folder is one of kustomize.
const kustomization = "kustomization.yaml"

// manifestsOf returns the manifests of a folder: those that kustomize makes of it, or else those of its files, which
// `kubectl apply -f` reads.
func manifestsOf(folder string) (string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	switch {
	case err != nil:
		return "", err
	case len(files) == 0:
		return "", fmt.Errorf("cannot find manifests in folder %q: it has no file that ends with .yaml", folder)
	case slices.Contains(files, filepath.Join(folder, kustomization)):
		return kustomize(folder)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&all, "---\n%s", text)
	}
	return all.String(), nil
}

// kustomize returns the manifests of a folder, in the order to apply.
func kustomize(folder string) (string, error) {
	o := krusty.MakeDefaultOptions()
	o.Reorder = krusty.ReorderOptionUnspecified // as the program does: namespaces first, webhooks last
	objects, err := krusty.MakeKustomizer(o).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return "", err
	}
	text, err := objects.AsYaml()
	return string(text), err
}

// withImages replaces each reference that ko would build by the one of the release.
func withImages(text string, images map[string]string) (string, error) {
	var missing []string
	replaced := imageReference.ReplaceAllStringFunc(text, func(found string) string {
		program, ok := strings.CutPrefix(found, "ko://"+module+"/cmd/")
		if reference := images[program]; ok && reference != "" {
			return reference
		}
		missing = append(missing, found)
		return found
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("the release has no image for %s", strings.Join(missing, ", "))
	}
	return replaced, nil
}
