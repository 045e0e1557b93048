package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// refName is the annotation that holds the name of an image in the index of an OCI layout (image-spec, annotations).
const refName = "org.opencontainers.image.ref.name"

// Named is an image with its name in the archive, which may be empty.
type Named struct {
	Name  string
	Image v1.Image
}

// FromArchive reads the images from an archive in the format of `docker save`, or from an OCI layout (a folder or a tar
// archive). scratch is a folder for unpacking. The caller removes it when the images are no longer needed.
func FromArchive(path, scratch string) ([]Named, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read archive: %w", err)
	}
	if info.IsDir() {
		return fromLayout(path)
	}
	docker, err := contains(path, "manifest.json")
	if err != nil {
		return nil, err
	}
	if docker {
		return fromDocker(path)
	}
	if err := unpack(path, scratch); err != nil {
		return nil, err
	}
	return fromLayout(scratch)
}

func fromDocker(path string) ([]Named, error) {
	open := func() (io.ReadCloser, error) { return os.Open(path) }
	list, err := tarball.LoadManifest(open)
	if err != nil {
		return nil, fmt.Errorf("cannot read the manifest of %q: %w", path, err)
	}
	var images []Named
	for _, entry := range list {
		if len(entry.RepoTags) == 0 {
			if len(list) > 1 {
				return nil, fmt.Errorf("cannot read images from %q: it has several images, and one has no name", path)
			}
			image, err := tarball.Image(open, nil)
			if err != nil {
				return nil, fmt.Errorf("cannot read image from %q: %w", path, err)
			}
			images = append(images, Named{Image: image})
		}
		for _, tag := range entry.RepoTags {
			parsed, err := name.NewTag(tag)
			if err != nil {
				return nil, fmt.Errorf("cannot parse image name %q: %w", tag, err)
			}
			image, err := tarball.Image(open, &parsed)
			if err != nil {
				return nil, fmt.Errorf("cannot read image %q from %q: %w", tag, path, err)
			}
			images = append(images, Named{Name: tag, Image: image})
		}
	}
	return images, nil
}

func fromLayout(path string) ([]Named, error) {
	index, err := layout.ImageIndexFromPath(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read OCI layout %q: %w", path, err)
	}
	return fromIndex(index, "")
}

// fromIndex collects the images of an index for this machine's architecture. A nested index is one image for several
// architectures.
func fromIndex(index v1.ImageIndex, inherited string) ([]Named, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("cannot read index: %w", err)
	}
	var images []Named
	for _, one := range manifest.Manifests {
		called := one.Annotations[refName]
		if called == "" {
			called = inherited
		}
		switch {
		case one.MediaType.IsIndex():
			inner, err := index.ImageIndex(one.Digest)
			if err != nil {
				return nil, fmt.Errorf("cannot read index %s: %w", one.Digest, err)
			}
			found, err := fromIndex(inner, called)
			if err != nil {
				return nil, err
			}
			images = append(images, found...)
		case one.MediaType.IsImage() && (one.Platform == nil || one.Platform.Architecture == runtime.GOARCH):
			image, err := index.Image(one.Digest)
			if err != nil {
				return nil, fmt.Errorf("cannot read image %s: %w", one.Digest, err)
			}
			images = append(images, Named{Name: called, Image: image})
		}
	}
	return images, nil
}

// contains reports whether the tar archive has a file of that name at its top level.
func contains(path, file string) (bool, error) {
	found := false
	err := eachEntry(path, func(header *tar.Header, _ io.Reader) error {
		found = found || filepath.Clean(header.Name) == file
		return nil
	})
	return found, err
}

// unpack extracts the files of the tar archive to dir. It refuses names that lead outside dir.
func unpack(path, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("cannot open %q: %w", dir, err)
	}
	defer root.Close()
	return eachEntry(path, func(header *tar.Header, content io.Reader) error {
		if header.Typeflag != tar.TypeReg {
			return nil
		}
		if err := root.MkdirAll(filepath.Dir(header.Name), 0o755); err != nil {
			return fmt.Errorf("cannot unpack %q: %w", header.Name, err)
		}
		file, err := root.Create(header.Name)
		if err != nil {
			return fmt.Errorf("cannot unpack %q: %w", header.Name, err)
		}
		defer file.Close()
		if _, err := io.Copy(file, content); err != nil {
			return fmt.Errorf("cannot unpack %q: %w", header.Name, err)
		}
		return nil
	})
}

func eachEntry(path string, use func(*tar.Header, io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot read archive: %w", err)
	}
	defer file.Close()
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read archive %q: %w", path, err)
		}
		if err := use(header, reader); err != nil {
			return err
		}
	}
}
