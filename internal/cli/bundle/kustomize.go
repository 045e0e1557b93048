// Package bundle is what an installation of Sluice consists of: the manifests of config/, built into the binary, with the
// images put in, and how they get onto a cluster.
package bundle

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/cli/manifest"
)

// kustomization is the part of a kustomization file that those of config/ use. Another field is an error, so that nothing
// is left out in silence.
type kustomization struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Resources  []string `json:"resources"`
	Labels     []struct {
		Pairs map[string]string `json:"pairs"`
	} `json:"labels"`
}

// build returns the objects of a folder, as `kubectl kustomize` does, in the order of its resources.
func build(files fs.FS, folder string) ([]*unstructured.Unstructured, error) {
	text, err := fs.ReadFile(files, path.Join(folder, "kustomization.yaml"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the manifests of %q: %w", folder, err)
	}
	var k kustomization
	if err := yaml.UnmarshalStrict(text, &k); err != nil {
		return nil, fmt.Errorf("cannot read the kustomization of %q: %w", folder, err)
	}
	var all []*unstructured.Unstructured
	for _, resource := range k.Resources {
		some, err := one(files, path.Join(folder, resource))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	for _, l := range k.Labels {
		for _, o := range all {
			labels := o.GetLabels()
			if labels == nil {
				labels = map[string]string{}
			}
			maps.Copy(labels, l.Pairs)
			o.SetLabels(labels)
		}
	}
	return all, nil
}

// one returns the objects of a resource: a file or a folder.
func one(files fs.FS, name string) ([]*unstructured.Unstructured, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, fmt.Errorf("cannot read manifest %q: %w", name, err)
	}
	if info.IsDir() {
		return build(files, name)
	}
	return read(files, name)
}

func read(files fs.FS, name string) ([]*unstructured.Unstructured, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("cannot read manifest %q: %w", name, err)
	}
	objects, err := manifest.Read([]string{"-"}, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("cannot read manifest %q: %w", name, err)
	}
	all := make([]*unstructured.Unstructured, len(objects))
	for i, o := range objects {
		all[i] = o.Unstructured
	}
	return all, nil
}
