package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/tools/standin/apt"
	"github.com/sluice-ci/sluice/tools/standin/recipe"
	"github.com/sluice-ci/sluice/tools/standin/rootfs"
)

// refName is the annotation for the name of an image in the index of an OCI layout (image-spec, annotations).
const refName = "org.opencontainers.image.ref.name"

// tags returns the tags of each image: the one in test data, and the default.
func tags() []string { return []string{"1", "latest"} }

// archive is a source of packages.
type archive interface {
	Closure(ctx context.Context, names ...string) ([]apt.Package, error)
	Alone(ctx context.Context, names ...string) ([]apt.Package, error)
	Open(ctx context.Context, p apt.Package) (io.ReadCloser, error)
}

// builder builds images. It builds each layer once.
type builder struct {
	archive archive
	layers  map[string]mutate.Addendum
}

// build builds the image of a recipe.
func (b *builder) build(ctx context.Context, r recipe.Recipe) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	var below []string
	for _, l := range r.Layers {
		made, err := b.layer(ctx, l, below)
		if err != nil {
			return nil, fmt.Errorf("cannot build layer %q of image %q: %w", l.Name, r.Name, err)
		}
		if image, err = mutate.Append(image, made); err != nil {
			return nil, fmt.Errorf("cannot add layer %q to image %q: %w", l.Name, r.Name, err)
		}
		below = append(below, l.Packages...)
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("cannot read configuration of image %q: %w", r.Name, err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", runtime.GOARCH, r.Config
	return mutate.ConfigFile(image, file)
}

// layer returns a layer for a base that has the packages below. It builds each layer only once.
func (b *builder) layer(ctx context.Context, l recipe.Layer, below []string) (mutate.Addendum, error) {
	if made, ok := b.layers[l.Name]; ok {
		return made, nil
	}
	packages, err := b.packages(ctx, l, below)
	if err != nil {
		return mutate.Addendum{}, err
	}
	tree := rootfs.New()
	for _, p := range packages {
		if err := b.unpack(ctx, tree, p); err != nil {
			return mutate.Addendum{}, err
		}
	}
	if l.Settle != nil {
		if err := l.Settle(ctx, tree); err != nil {
			return mutate.Addendum{}, err
		}
	}
	packed, err := tree.Layer()
	if err != nil {
		return mutate.Addendum{}, err
	}
	made := mutate.Addendum{Layer: packed, History: v1.History{CreatedBy: "packages: " + list(packages)}}
	b.layers[l.Name] = made
	return made, nil
}

// packages returns the packages of the layer that the layers below do not contain.
func (b *builder) packages(ctx context.Context, l recipe.Layer, below []string) ([]apt.Package, error) {
	if l.Alone {
		return b.archive.Alone(ctx, l.Packages...)
	}
	all, err := b.archive.Closure(ctx, append(below, l.Packages...)...)
	if err != nil || len(below) == 0 {
		return all, err
	}
	lower, err := b.archive.Closure(ctx, below...)
	if err != nil {
		return nil, err
	}
	return apt.Without(all, lower), nil
}

func (b *builder) unpack(ctx context.Context, tree *rootfs.Tree, p apt.Package) error {
	files, err := b.archive.Open(ctx, p)
	if err != nil {
		return err
	}
	if err := tree.Add(files); err != nil {
		_ = files.Close() // err has the cause
		return fmt.Errorf("cannot unpack package %q: %w", p.Name, err)
	}
	return files.Close()
}

func list(packages []apt.Package) string {
	names := make([]string, len(packages))
	for i, p := range packages {
		names[i] = p.String()
	}
	return strings.Join(names, ", ")
}

// write stores the image as an OCI layout in dir/<name>, and replaces an existing one. It appears complete or not at all.
func write(dir, name string, image v1.Image, out io.Writer) error {
	target, scratch := filepath.Join(dir, name), filepath.Join(dir, "."+name)
	if err := os.RemoveAll(scratch); err != nil {
		return fmt.Errorf("cannot remove folder: %w", err)
	}
	path, err := layout.Write(scratch, empty.Index)
	if err != nil {
		return fmt.Errorf("cannot create image folder %q: %w", scratch, err)
	}
	for _, tag := range tags() {
		called := "docker.io/library/" + name + ":" + tag
		if err := path.AppendImage(image, layout.WithAnnotations(map[string]string{refName: called})); err != nil {
			return fmt.Errorf("cannot write image %q: %w", called, err)
		}
	}
	if err := os.RemoveAll(target); err != nil {
		return fmt.Errorf("cannot remove folder: %w", err)
	}
	if err := os.Rename(scratch, target); err != nil {
		return fmt.Errorf("cannot rename folder: %w", err)
	}
	return report(out, name, image)
}

func report(out io.Writer, name string, image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return fmt.Errorf("cannot read image %q: %w", name, err)
	}
	var total int64
	for _, l := range layers {
		size, err := l.Size()
		if err != nil {
			return fmt.Errorf("cannot read image %q: %w", name, err)
		}
		total += size
	}
	digest, err := image.Digest()
	if err != nil {
		return fmt.Errorf("cannot read image %q: %w", name, err)
	}
	fmt.Fprintf(out, "built %s: %.1f MB packed, %s\n", name, float64(total)/1e6, digest)
	return nil
}
