package bundles

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	registryv1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

// The annotations of a layer. The contract of Tekton bundles defines them.
const (
	AnnotationName       = "dev.tekton.image.name"
	AnnotationKind       = "dev.tekton.image.kind"
	AnnotationAPIVersion = "dev.tekton.image.apiVersion"
)

// MaxEntries is the maximum number of definitions of a bundle, in the contract of Tekton bundles.
const MaxEntries = 20

// Entry is a definition that the manifest of a bundle lists.
type Entry struct {
	// Kind is in lower case and singular, such as "task".
	Kind, Name, APIVersion string

	digest registryv1.Hash
}

// Definition is a definition of a bundle with its content: YAML or JSON.
type Definition struct {
	Entry

	Content []byte
}

// entriesOf returns the definitions that a manifest lists. It checks the contract of Tekton bundles.
func entriesOf(manifest *registryv1.Manifest) ([]Entry, error) {
	if len(manifest.Layers) > MaxEntries {
		return nil, fmt.Errorf("it has %d layers, more than the limit of %d", len(manifest.Layers), MaxEntries)
	}
	var all []Entry
	seen := map[[2]string]bool{}
	for i, layer := range manifest.Layers {
		e := Entry{digest: layer.Digest}
		for _, one := range []struct {
			key  string
			into *string
		}{{AnnotationKind, &e.Kind}, {AnnotationName, &e.Name}, {AnnotationAPIVersion, &e.APIVersion}} {
			if *one.into = layer.Annotations[one.key]; *one.into == "" {
				return nil, fmt.Errorf("layer %d has no annotation %s", i+1, one.key)
			}
		}
		if singular := strings.TrimSuffix(strings.ToLower(e.Kind), "s"); singular != e.Kind {
			return nil, fmt.Errorf("annotation %s of layer %d is %s, want %s", AnnotationKind, i+1, shown(e.Kind), shown(singular))
		}
		id := [2]string{e.Kind, e.Name}
		if seen[id] {
			return nil, fmt.Errorf("two layers are %s %s", shown(e.Kind), shown(e.Name))
		}
		seen[id] = true
		all = append(all, e)
	}
	return all, nil
}

const (
	// maxUnpacked is the maximum size in bytes of a layer without compression: a definition, and the frame of an archive.
	maxUnpacked = resolvers.MaxContent + 64<<10
)

var errTooLarge = fmt.Errorf("it has more than %d bytes, the limit of a definition", resolvers.MaxContent)

// unpack returns the definition in a layer: the only file of an archive, or the layer itself. Both may be compressed.
func unpack(layer []byte) ([]byte, error) {
	plain, err := inflate(layer)
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(bytes.NewReader(plain))
	header, err := archive.Next()
	if err != nil {
		if len(plain) > resolvers.MaxContent {
			return nil, errTooLarge
		}
		return plain, nil
	}
	for header.Typeflag == tar.TypeDir {
		if header, err = archive.Next(); err != nil {
			return nil, errors.New("its archive has no file")
		}
	}
	switch {
	case header.Typeflag != tar.TypeReg:
		return nil, errors.New("its archive has a link or a device, want a file")
	case header.Size > resolvers.MaxContent:
		return nil, errTooLarge
	}
	content, err := io.ReadAll(archive)
	if err != nil {
		return nil, errors.New("its archive is damaged")
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return nil, errors.New("its archive has several files, want one")
	}
	return content, nil
}

// inflate returns a layer without compression, up to the limit.
func inflate(layer []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(layer, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, errors.New("its layer has zstd compression, which bundles do not have; use gzip")
	case !bytes.HasPrefix(layer, []byte{0x1f, 0x8b}):
		return layer, nil
	}
	from, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		return nil, errors.New("its compression is damaged")
	}
	plain, err := io.ReadAll(io.LimitReader(from, maxUnpacked+1))
	switch {
	case err != nil:
		return nil, errors.New("its compression is damaged")
	case len(plain) > maxUnpacked:
		return nil, errTooLarge
	}
	return plain, nil
}
