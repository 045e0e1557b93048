package install

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
)

// images sets the images that the user did not give: those of the release, or those of the existing installation. Without an image
// of the resolvers they are left out.
func (o *Options) images(ctx context.Context, c *cluster.Cluster) error {
	existing, err := o.installed(ctx, c)
	if err != nil {
		return err
	}
	given := o.Choice.Images()
	chosen := choose(given, existing, o.Released)
	if given == (bundle.Images{}) && o.Released.Controller != "" && chosen == existing && existing != o.Released {
		o.Terminal.Notef("keeping the images in %s; to update to this release, copy its images there, and give them with --image, "+
			"--inpod-image and --resolvers-image", repository(existing.Controller))
	}
	o.Choice = o.Choice.WithImages(chosen)
	if chosen.Controller == "" || chosen.Inpod == "" {
		return clierror.New("cannot install without images: this program belongs to no release, and the cluster has no installation",
			"build and push them, and print their references: KO_DOCKER_REPO=REGISTRY hack/images.sh",
			"then: sluice install --image REGISTRY/controller@sha256:... --inpod-image REGISTRY/inpod@sha256:...")
	}
	if o.Choice.Beside {
		return nil // Tekton's resolvers answer
	}
	if o.Choice.NoResolvers = chosen.Resolvers == ""; o.Choice.NoResolvers {
		o.Terminal.Notef("leaving out the resolvers of git, bundles, http, hub and cluster: --resolvers-image is not given")
	}
	return nil
}

// choose returns the images to install. Images that the user gave come first. Those of the release come next, if nothing is installed,
// or if the installation has images of the same repository: an administrator who copied the images elsewhere updates the copies. An
// installation without resolvers stays without.
func choose(given, existing, released bundle.Images) bundle.Images {
	switch {
	case released.Controller == "":
		return given.Or(existing)
	case existing.Controller == "":
		return given.Or(released)
	case repository(existing.Controller) != repository(released.Controller):
		return given.Or(existing)
	case existing.Resolvers == "":
		released.Resolvers = ""
	}
	return given.Or(released)
}

// repository returns a reference without its last part: that is the same for all images of a release.
func repository(image string) string {
	if i := strings.LastIndex(image, "/"); i >= 0 {
		return image[:i]
	}
	return ""
}

// installed returns the images of the existing installation; empty ones if there is none.
func (o *Options) installed(ctx context.Context, c *cluster.Cluster) (bundle.Images, error) {
	var images bundle.Images
	image, args, err := container(ctx, c, o.Choice.Namespace(), bundle.Deployment)
	if err != nil {
		return images, err
	}
	images.Controller, images.Inpod = image, argument(args, "--inpod-image")
	if !o.Choice.Beside {
		images.Resolvers, _, err = container(ctx, c, bundle.ResolversNamespace, bundle.ResolversDeployment)
	}
	return images, err
}

// container returns the image and the arguments of the first container of a Deployment; nothing if it does not exist.
func container(ctx context.Context, c *cluster.Cluster, namespace, name string) (image string, args []string, err error) {
	var d appsv1.Deployment
	err = c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &d)
	if client.IgnoreNotFound(err) != nil {
		return "", nil, fmt.Errorf("cannot read deployment %q: %w", name, err)
	}
	if err != nil || len(d.Spec.Template.Spec.Containers) == 0 {
		return "", nil, nil
	}
	first := d.Spec.Template.Spec.Containers[0]
	return first.Image, first.Args, nil
}

// argument returns the value of a flag in arguments, in either of its forms.
func argument(args []string, flag string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, flag+"="); ok {
			return value
		}
		if arg == flag && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}
