package image

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/truncate"
)

// Entrypoint is what an image runs when nobody says otherwise.
type Entrypoint struct {
	// Image is the name of the image by digest. A pod that runs this and not a tag runs what was looked at.
	Image string
	// Entrypoint and Cmd are those of the image's configuration; at least one of them has a word.
	Entrypoint, Cmd []string
}

// Command returns what a step runs that gives args and no command: the entrypoint with args, or with the image's own
// arguments where args are empty. For an image with nothing but arguments these are the command: that is not what
// Kubernetes makes of it, but what Tasks rely on (image: busybox, args: [-c, …]).
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

// maxCommand is how many bytes entrypoint and arguments of an image may have together: what is remembered is bounded.
const maxCommand = 32 << 10

const (
	// maxPlatforms is for how many platforms an image may be.
	maxPlatforms = 64
	// maxPlatform is how many bytes the name of one may have.
	maxPlatform = 128
)

// manifest is what is remembered of one: an image's command, or what an index lists.
type manifest struct {
	// index says that it is a list of images for several platforms.
	index bool
	// images are those of an index for Linux.
	images []variant
	// what an image runs
	entrypoint, cmd []string
}

// variant is an image of an index.
type variant struct {
	platform, architecture string
	digest                 v1.Hash
}

// parseIndex returns what an index lists for Linux.
func parseIndex(images listing) (manifest, error) {
	m := manifest{index: true}
	for _, d := range images {
		// Signatures and the like are listed for the platform "unknown".
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
		return manifest{}, &unusableError{why: "has nothing for Linux", do: "take another image"}
	case len(m.images) > maxPlatforms:
		return manifest{}, &unusableError{
			why: fmt.Sprintf("is for %d platforms, more than the limit of %d", len(m.images), maxPlatforms),
			do:  giveCommand,
		}
	}
	return m, nil
}

// choose returns the images of an index for the given architectures; all of them where none is given.
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
		why: fmt.Sprintf("is for %s, and the pod runs on %s", strings.Join(platforms, ", "), strings.Join(architectures, ", ")),
		do:  "take another image, or another node",
	}
}

// agree returns nil if two images of an index run the same.
func agree(a, b variant, one, other manifest) error {
	if slices.Equal(one.entrypoint, other.entrypoint) && slices.Equal(one.cmd, other.cmd) {
		return nil
	}
	return &unusableError{
		why: fmt.Sprintf("runs %s on %s and %s on %s", quoted(one), a.platform, quoted(other), b.platform),
		do:  giveCommand + ", or bind the run to one platform with the node selector kubernetes.io/arch",
	}
}

// quoted is what an image runs, clipped for a message.
func quoted(m manifest) string {
	const most = 500
	text := fmt.Sprintf("%q", slices.Concat(m.entrypoint, m.cmd))
	return truncate.Text(text, most)
}

// isIndex says whether a manifest of this type lists images; ok is false for what is neither a list nor an image.
func isIndex(mediaType types.MediaType) (index, ok bool) {
	return mediaType.IsIndex(), mediaType.IsIndex() || mediaType.IsImage()
}
