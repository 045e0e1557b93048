package image

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/truncate"
)

// Entrypoint is the command of an image for a step without a command.
type Entrypoint struct {
	// Image is the name of the image by digest. A pod with this name instead of a tag runs the image of the lookup.
	Image string
	// Entrypoint and Cmd are those of the image's configuration. At least one of them is not empty.
	Entrypoint, Cmd []string
}

// Command returns the command of a step with args and no command: the entrypoint with args, or with the image's arguments if
// args are empty. If the image has no entrypoint, args or its arguments are the command. Kubernetes does it in another way,
// but Tasks rely on this one (image: busybox, args: [-c, …]).
func (e Entrypoint) Command(args []string) (command, arguments []string) {
	switch {
	case len(e.Entrypoint) == 0:
		return e.Cmd, args
	case len(args) == 0:
		return e.Entrypoint, e.Cmd
	default:
		return e.Entrypoint, args
	}
}

// maxCommand is the maximum length in bytes of an image's entrypoint and arguments together, which limits the cache.
const maxCommand = 32 << 10

const (
	// maxPlatforms is the maximum number of platforms of an image.
	maxPlatforms = 64
	// maxPlatform is the maximum length of a platform's name in bytes.
	maxPlatform = 128
)

// manifest is the cached part of a manifest: an image's command, or the images of an index.
type manifest struct {
	// index reports that it is a list of images for several platforms.
	index bool
	// images are the images of an index for Linux.
	images []variant
	// The command of an image.
	entrypoint, cmd []string
}

// variant is an image of an index.
type variant struct {
	platform, architecture string
	digest                 v1.Hash
}

// parseIndex returns the images of an index for Linux.
func parseIndex(images listing) (manifest, error) {
	m := manifest{index: true}
	for _, d := range images {
		// Signatures and attestations are listed for the platform "unknown".
		if d.Platform == nil || d.Platform.OS != "linux" || !d.MediaType.IsImage() {
			continue
		}
		platform := v1.Platform{
			OS:           d.Platform.OS,
			Architecture: d.Platform.Architecture,
			Variant:      d.Platform.Variant,
			OSVersion:    d.Platform.OSVersion,
		}
		if len(platform.String()) > maxPlatform {
			return manifest{}, &unusableError{why: fmt.Sprintf("names a platform with more than %d bytes", maxPlatform), do: giveCommand}
		}
		m.images = append(m.images, variant{platform: platform.String(), architecture: d.Platform.Architecture, digest: d.Digest})
	}
	switch {
	case len(m.images) == 0:
		return manifest{}, &unusableError{why: "has no image for Linux", do: "use another image"}
	case len(m.images) > maxPlatforms:
		return manifest{}, &unusableError{
			why: fmt.Sprintf("is for %d platforms, more than the limit of %d", len(m.images), maxPlatforms),
			do:  giveCommand,
		}
	}
	return m, nil
}

// choose returns the images of an index for the given architectures, or all of them without any.
func choose(images []variant, architectures []string) ([]variant, error) {
	if len(architectures) == 0 {
		return images, nil
	}
	fitting := slices.DeleteFunc(slices.Clone(images), func(v variant) bool { return !slices.Contains(architectures, v.architecture) })
	if len(fitting) > 0 {
		return fitting, nil
	}
	platforms := make([]string, len(images))
	for i, v := range images {
		platforms[i] = v.platform
	}
	return nil, &unusableError{
		why: fmt.Sprintf("is for %s, but the pod runs on %s", strings.Join(platforms, ", "), strings.Join(architectures, ", ")),
		do:  "use another image, or another node",
	}
}

// agree returns nil if two images of an index have the same command.
func agree(a, b variant, one, other manifest) error {
	if slices.Equal(one.entrypoint, other.entrypoint) && slices.Equal(one.cmd, other.cmd) {
		return nil
	}
	return &unusableError{
		why: fmt.Sprintf("runs %s on %s and %s on %s", quoted(one), a.platform, quoted(other), b.platform),
		do:  giveCommand + ", or bind the run to one platform with the node selector kubernetes.io/arch",
	}
}

// quoted returns the command of an image, shortened for a message.
func quoted(m manifest) string {
	const most = 500
	text := fmt.Sprintf("%q", slices.Concat(m.entrypoint, m.cmd))
	return truncate.Text(text, most)
}

// isIndex reports whether a manifest of this type lists images. It returns ok = false if the type is neither a list nor an
// image.
func isIndex(mediaType types.MediaType) (index, ok bool) {
	return mediaType.IsIndex(), mediaType.IsIndex() || mediaType.IsImage()
}
