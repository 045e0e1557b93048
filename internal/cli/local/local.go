// Package local brings up a Kubernetes on this machine with Sluice on it, for `sluice run --local`. It needs nothing but the
// programs that `make cli localkube` builds, beside one another: sluice, localkube, and those of the two images.
package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/internal/cli/bundle"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

const (
	// patience is how long the controller may take to become ready.
	patience = 3 * time.Minute
	// maxResultSize is the limit of one result on a new local cluster, in bytes.
	maxResultSize = "1000000"
)

// Cluster is the cluster of this machine.
type Cluster struct {
	// Dir is its folder; empty for localkube's own choice.
	Dir string
	// Port of its API server; 0 for localkube's own choice.
	Port int
	// Terminal is told how far the work has come.
	Terminal *terminal.Terminal
}

// Start makes sure that the cluster is up and has this build of Sluice on it, and returns the name of its kubeconfig.
// What is there already is left as it is: a second run finds everything done.
func (k *Cluster) Start(ctx context.Context) (string, error) {
	p, err := findPrograms()
	if err != nil {
		return "", err
	}
	if err := k.up(ctx, p); err != nil {
		return "", err
	}
	kubeconfig, err := k.ask(ctx, p, "kubeconfig", "--path")
	if err != nil {
		return "", err
	}
	c, err := (&cluster.Flags{Kubeconfig: kubeconfig}).Connect()
	if err != nil {
		return "", err
	}
	if err := k.install(ctx, p, c); err != nil {
		return "", err
	}
	k.Terminal.Notef("the cluster is ready; other commands reach it with  export KUBECONFIG=%s", kubeconfig)
	return kubeconfig, nil
}

// up starts the cluster unless it is up, whatever port it has then.
func (k *Cluster) up(ctx context.Context, p programs) error {
	if _, err := k.ask(ctx, p, "status"); err == nil {
		return nil
	}
	args := []string{"up"}
	if k.Port != 0 {
		args = append(args, "--api-port", strconv.Itoa(k.Port))
	}
	k.Terminal.Notef("starting a cluster on this machine (%s)", p.localkube)
	return k.show(ctx, p, args...)
}

// Stop is the command that ends the cluster.
func (k *Cluster) Stop() string {
	p, err := findPrograms()
	if err != nil {
		return "localkube down"
	}
	command := p.localkube + " down"
	if k.Dir != "" {
		command += " --dir " + k.Dir
	}
	return command
}

// install puts images and manifests onto the cluster, unless this build is there.
func (k *Cluster) install(ctx context.Context, p programs, c *cluster.Cluster) error {
	images, err := k.images(p)
	if err != nil {
		return err
	}
	if installed(ctx, c, images) {
		return bundle.Ready(ctx, c.Client)
	}
	k.Terminal.Notef("putting Sluice on it")
	if err := k.load(ctx, p, images); err != nil {
		return err
	}
	mirror, err := k.ask(ctx, p, "registry", "--pods")
	if err != nil {
		return err
	}
	// The nodes ask the cluster's own registry for every image; the controller has to see what they see.
	objects, err := bundle.Core(images, "--registry-mirror=*=http://"+mirror)
	if err != nil {
		return err
	}
	access, err := bundle.LogAccess()
	if err != nil {
		return err
	}
	nothing := func(*unstructured.Unstructured) {}
	if err := bundle.Apply(ctx, c.Client, append(objects, access...), nothing); err != nil {
		return err
	}
	if err := k.settings(ctx, c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return bundle.Ready(ctx, c.Client)
}

// settings creates those of a new cluster: results come through logs, so that large ones do.
func (k *Cluster) settings(ctx context.Context, c *cluster.Cluster) error {
	settings, err := bundle.Settings()
	if err != nil {
		return err
	}
	for _, s := range settings {
		if s.GetName() != "feature-flags" {
			continue
		}
		for key, value := range map[string]string{"results-from": "sidecar-logs", "max-result-size": maxResultSize} {
			if err := unstructured.SetNestedField(s.Object, value, "data", key); err != nil {
				return fmt.Errorf("cannot set %s: %w", key, err)
			}
		}
	}
	created, err := bundle.CreateMissing(ctx, c.Client, settings)
	if err != nil {
		return err
	}
	if len(created) > 0 {
		k.Terminal.Notef("  results-from is sidecar-logs, max-result-size %s (ConfigMap feature-flags in %s)", maxResultSize, bundle.Namespace)
	}
	return nil
}

// images names the two images after what is in them, so that another build has another name.
func (*Cluster) images(p programs) (bundle.Images, error) {
	controller, err := tag(p.controller)
	if err != nil {
		return bundle.Images{}, err
	}
	inpod, err := tag(p.inpod)
	if err != nil {
		return bundle.Images{}, err
	}
	return bundle.Images{Controller: "sluice.local/controller:" + controller, Inpod: "sluice.local/inpod:" + inpod}, nil
}

// load makes images of the programs and puts them into the cluster's registry, and with them the stand-ins for public
// images that may lie beside them.
func (k *Cluster) load(ctx context.Context, p programs, images bundle.Images) error {
	for _, image := range []struct{ name, program string }{{images.Controller, p.controller}, {images.Inpod, p.inpod}} {
		if err := k.loadProgram(ctx, p, image.name, image.program); err != nil {
			return err
		}
	}
	for _, archive := range p.archives {
		if err := k.show(ctx, p, "load", "--archive", archive); err != nil {
			return err
		}
	}
	return nil
}

// loadProgram makes an image that holds one program, where the manifests and the pods look for it.
func (k *Cluster) loadProgram(ctx context.Context, p programs, name, program string) error {
	folder, err := os.MkdirTemp("", "sluice-image-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for image %q: %w", name, err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // it lies in the folder for temporary files
	if err := os.Chmod(folder, 0o755); err != nil {
		return fmt.Errorf("cannot make a folder for image %q: %w", name, err)
	}
	inside := filepath.Join(imageFolder, filepath.Base(program))
	if err := copyProgram(program, filepath.Join(folder, inside)); err != nil {
		return err
	}
	return k.show(ctx, p, "load", "--name", name, "--rootfs", folder, "--entrypoint", "/"+inside, "--user", imageUser)
}
