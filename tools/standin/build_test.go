package main

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/sluice-ci/sluice/tools/standin/apt"
	"github.com/sluice-ci/sluice/tools/standin/recipe"
	"github.com/sluice-ci/sluice/tools/standin/rootfs"
)

// fakeArchive has a package for each name, with one file; the package "app" depends on "library", as "shell" does.
type fakeArchive struct{}

func (fakeArchive) Alone(_ context.Context, names ...string) ([]apt.Package, error) {
	var packages []apt.Package
	for _, name := range names {
		packages = append(packages, apt.Package{Name: name, Version: "1"})
	}
	return packages, nil
}

func (f fakeArchive) Closure(ctx context.Context, names ...string) ([]apt.Package, error) {
	return f.Alone(ctx, append([]string{"library"}, names...)...)
}

func (fakeArchive) Open(_ context.Context, p apt.Package) (io.ReadCloser, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./usr/lib/" + p.Name, Mode: 0o644}); err != nil {
		return nil, err
	}
	return io.NopCloser(&buffer), w.Close()
}

func TestBuild(t *testing.T) {
	base := recipe.Layer{Name: "base", Packages: []string{"shell"}, Settle: func(_ context.Context, tree *rootfs.Tree) error {
		tree.File("etc/passwd", "root", 0o644)
		return nil
	}}
	top := recipe.Layer{Name: "top", Packages: []string{"app"}}
	b := &builder{archive: fakeArchive{}, layers: map[string]mutate.Addendum{}}
	below := build(t, b, recipe.Recipe{Name: "below", Layers: []recipe.Layer{base}})
	above := build(t, b, recipe.Recipe{Name: "above", Layers: []recipe.Layer{base, top}, Config: v1.Config{Cmd: []string{"app"}}})

	want := [][]string{{"etc/passwd", "usr/lib/library", "usr/lib/shell"}, {"usr/lib/app"}}
	if diff := cmp.Diff(want, files(t, above)); diff != "" {
		t.Errorf("what a lower layer has is not repeated: -want +got:\n%s", diff)
	}
	if one, other := diffID(t, below, 0), diffID(t, above, 0); one != other {
		t.Errorf("the images do not share their first layer: %s and %s", one, other)
	}
	config, err := above.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.OS != "linux" || !slices.Equal(config.Config.Cmd, []string{"app"}) {
		t.Errorf("the image says %s %q about itself", config.OS, config.Config.Cmd)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	b := &builder{archive: fakeArchive{}, layers: map[string]mutate.Addendum{}}
	image := build(t, b, recipe.Recipe{Name: "one", Layers: []recipe.Layer{{Name: "l", Packages: []string{"p"}}}})
	for range 2 { // the second write replaces the first
		if err := write(dir, "one", image, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(filepath.Join(dir, "one"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range manifest.Manifests {
		names = append(names, m.Annotations[refName])
	}
	if diff := cmp.Diff([]string{"docker.io/library/one:1", "docker.io/library/one:latest"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func build(t *testing.T, b *builder, r recipe.Recipe) v1.Image {
	t.Helper()
	image, err := b.build(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// files lists the files of each layer.
func files(t *testing.T, image v1.Image) [][]string {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for _, l := range layers {
		archive, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		reader := tar.NewReader(archive)
		for header, err := reader.Next(); err == nil; header, err = reader.Next() {
			names = append(names, header.Name)
		}
		all = append(all, names)
	}
	return all
}

func diffID(t *testing.T, image v1.Image, i int) string {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return config.RootFS.DiffIDs[i].String()
}
