// Package emptyimage builds and pushes an image without files. It is the base of the release images, because a file that is
// not in an image can be neither vulnerable nor used by an attacker. ko reads its base from a registry and has no "scratch".
package emptyimage

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// architectures returns the architectures of the base, and so of the images on it.
func architectures() []string { return []string{"amd64", "arm64"} }

// Push writes the image to reference and returns the reference by digest. The image is the same every time, so pushing
// it again changes nothing.
func Push(reference string) (string, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return "", fmt.Errorf("cannot parse reference %q: %w", reference, err)
	}
	index, err := Build()
	if err != nil {
		return "", fmt.Errorf("cannot build the empty image: %w", err)
	}
	if err := remote.WriteIndex(ref, index, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return "", fmt.Errorf("cannot push to %q: %w", reference, err)
	}
	digest, err := index.Digest()
	if err != nil {
		return "", fmt.Errorf("cannot build the empty image: %w", err)
	}
	return ref.Context().Digest(digest.String()).String(), nil
}

// Build returns an index with one empty image for each architecture: ko picks the one that it builds for.
func Build() (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range architectures() {
		image := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
		config, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		config = config.DeepCopy()
		config.OS, config.Architecture = "linux", arch
		if image, err = mutate.ConfigFile(image, config); err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index, nil
}
