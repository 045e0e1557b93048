package lifecycle

import (
	"fmt"
	"io"
	"os"

	"github.com/sluice-ci/sluice/localkube/internal/image"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// LoadOptions select what to load. Exactly one of Rootfs and Archive is given.
type LoadOptions struct {
	// Name is the name that pods use for the image. An archive may contain the names of its images.
	Name string
	// Rootfs is a folder, or a tar archive of one, that becomes the image's only layer.
	Rootfs string
	// Archive is an archive of images, or a folder with an OCI layout.
	Archive string
	// Config configures the process of an image made of Rootfs.
	Config image.Config
}

// Load pushes images to the cluster's registry, from which the node pulls them.
func Load(c state.Cluster, o LoadOptions, out io.Writer) error {
	if c.APIOnly || !c.Supervisor.Alive() {
		return fmt.Errorf("cannot load an image: there is no registry, because the cluster is not up or has no node")
	}
	scratch, err := os.MkdirTemp("", "localkube-load-")
	if err != nil {
		return fmt.Errorf("cannot create a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	images, err := o.images(scratch)
	if err != nil {
		return err
	}
	if len(images) == 0 {
		return fmt.Errorf("cannot load %q: it has no image for this machine", o.Archive)
	}
	if o.Name != "" && len(images) > 1 {
		return fmt.Errorf("cannot load %q under one name: it has %d images", o.Archive, len(images))
	}
	registry := fmt.Sprintf("127.0.0.1:%d", c.RegistryPort)
	for _, one := range images {
		called := one.Name
		if o.Name != "" {
			called = o.Name
		}
		if called == "" {
			return fmt.Errorf("cannot load %q: it does not name its image, use --name", o.Archive)
		}
		digest, err := image.Push(registry, called, one.Image)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "loaded %s (%s)\n", called, digest)
	}
	return nil
}

func (o LoadOptions) images(scratch string) ([]image.Named, error) {
	if o.Archive != "" {
		return image.FromArchive(o.Archive, scratch)
	}
	made, err := image.FromRootfs(o.Rootfs, o.Config)
	if err != nil {
		return nil, err
	}
	return []image.Named{{Name: o.Name, Image: made}}, nil
}
