package rootfs

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Layer packs the tree. Entries are sorted by name, and their time is the epoch.
func (t *Tree) Layer() (v1.Layer, error) {
	var packed bytes.Buffer
	if err := t.write(&packed); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("cannot build a layer: %w", err)
	}
	return layer, nil
}

func (t *Tree) write(to io.Writer) error {
	w := tar.NewWriter(to)
	for _, name := range slices.Sorted(maps.Keys(t.entries)) {
		one := t.entries[name]
		header := one.header
		if header.Typeflag == tar.TypeDir {
			header.Name += "/"
		}
		if err := w.WriteHeader(&header); err != nil {
			return fmt.Errorf("cannot pack %q: %w", name, err)
		}
		if _, err := w.Write(one.content); err != nil {
			return fmt.Errorf("cannot pack %q: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("cannot finish archive: %w", err)
	}
	return nil
}
