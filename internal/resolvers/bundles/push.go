package bundles

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"

	registryv1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

// Image returns the image of a bundle of definitions, in their order. The same definitions are always the same image.
func Image(definitions []Definition) (registryv1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	var layers []mutate.Addendum
	for _, d := range definitions {
		if len(d.Content) > resolvers.MaxContent {
			return nil, fmt.Errorf("cannot add %s %q: it has %d bytes, more than the limit of %d", d.Kind, d.Name, len(d.Content),
				resolvers.MaxContent)
		}
		archive, err := pack(d)
		if err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil },
			tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
		if err != nil {
			return nil, fmt.Errorf("cannot compress %s %q: %w", d.Kind, d.Name, err)
		}
		layers = append(layers, mutate.Addendum{Layer: layer, Annotations: map[string]string{
			AnnotationKind: d.Kind, AnnotationName: d.Name, AnnotationAPIVersion: d.APIVersion,
		}})
	}
	made, err := mutate.Append(image, layers...)
	if err != nil {
		return nil, fmt.Errorf("cannot build the bundle: %w", err)
	}
	manifest, err := made.Manifest()
	if err != nil {
		return nil, fmt.Errorf("cannot build the bundle: %w", err)
	}
	if _, err := entriesOf(manifest); err != nil {
		return nil, fmt.Errorf("cannot build the bundle: %w", err)
	}
	return made, nil
}

// pack returns an archive with a definition as its only file.
func pack(d Definition) ([]byte, error) {
	var archive bytes.Buffer
	to := tar.NewWriter(&archive)
	if err := to.WriteHeader(&tar.Header{Name: d.Name, Mode: 0o600, Size: int64(len(d.Content)), Typeflag: tar.TypeReg}); err != nil {
		return nil, fmt.Errorf("cannot add %s %q: %w", d.Kind, d.Name, err)
	}
	if _, err := to.Write(d.Content); err != nil {
		return nil, fmt.Errorf("cannot add %s %q: %w", d.Kind, d.Name, err)
	}
	if err := to.Close(); err != nil {
		return nil, fmt.Errorf("cannot add %s %q: %w", d.Kind, d.Name, err)
	}
	return archive.Bytes(), nil
}
