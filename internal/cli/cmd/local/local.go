// Package local starts Kubernetes with Sluice on this machine, for `sluice run --local`. It needs only the programs that
// `make cli localkube` builds into one folder: sluice, localkube, and the programs of the three images.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/config"
)

const (
	// patience is how long the controller may take to become ready.
	patience = 3 * time.Minute
	// maxResultSize is the limit of one result on a new local cluster, in bytes.
	maxResultSize = 1000000
	// between is the pause between two requests.
	between = 200 * time.Millisecond
)

// images are the names of the three images of an installation.
type images struct{ controller, inpod, resolvers string }

// Cluster is the cluster of this machine.
type Cluster struct {
	// Dir is its folder; empty: the default of localkube.
	Dir string
	// Port of its API server; 0: the default of localkube.
	Port int
	// Programs is the folder with the programs; empty: that of this program.
	Programs string
	// Terminal receives progress.
	Terminal *terminal.Terminal
}

// Start makes sure that the cluster is running with this build of Sluice, and returns the name of its kubeconfig. It does not
// change what is already there.
func (k *Cluster) Start(ctx context.Context) (string, error) {
	p, err := k.findPrograms()
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
	k.Terminal.Notef("the cluster is ready; for other commands:  export KUBECONFIG=%s", kubeconfig)
	return kubeconfig, nil
}

// up starts the cluster unless it is running, with any port.
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

// Stop returns the command that stops the cluster.
func (k *Cluster) Stop() string {
	p, err := k.findPrograms()
	if err != nil {
		return "localkube down"
	}
	command := p.localkube + " down"
	if k.Dir != "" {
		command += " --dir " + k.Dir
	}
	return command
}

// install loads images and applies manifests, unless this build is installed, and waits until the webhooks respond.
func (k *Cluster) install(ctx context.Context, p programs, c *cluster.Cluster) error {
	images, err := imagesOf(p)
	if err != nil {
		return err
	}
	if !installed(ctx, c, images) {
		k.Terminal.Notef("installing Sluice on it")
		if err := k.load(ctx, p, images); err != nil {
			return err
		}
		if err := k.apply(ctx, p, c, images); err != nil {
			return err
		}
	}
	return answering(ctx, c)
}

// apply runs sluice install. A new cluster gets results-from: sidecar-logs, so that large results work. Existing settings are
// kept.
func (k *Cluster) apply(ctx context.Context, p programs, c *cluster.Cluster, images images) error {
	mirror, err := k.ask(ctx, p, "registry", "--pods")
	if err != nil {
		return err
	}
	below := *k.Terminal
	below.Out = below.Err // the messages of the installation are not the output of the command
	installation := &install.Options{Terminal: &below, Wait: patience, Choice: bundle.Choice{
		Controller: images.controller, Inpod: images.inpod, Resolvers: images.resolvers, Logs: true,
		// The nodes pull every image from the registry of the cluster; the controller must look images up in the same one.
		Args: []string{"--registry-mirror=*=http://" + mirror},
	}}
	var settings corev1.ConfigMap
	err = c.Client.Get(ctx, client.ObjectKey{Namespace: bundle.Namespace, Name: bundle.FlagsName}, &settings)
	if apierrors.IsNotFound(err) {
		installation.Choice.ResultsFrom, installation.Choice.MaxResultSize = string(config.SidecarLogs), maxResultSize
		k.Terminal.Notef("results-from is %s, max-result-size %d (ConfigMap %s in namespace %s)",
			config.SidecarLogs, maxResultSize, bundle.FlagsName, bundle.Namespace)
	}
	return installation.Install(ctx, c)
}

// answering waits until the webhooks respond. The API server gets their address shortly after the Deployment is ready, so it
// creates a Task in a dry run.
func answering(ctx context.Context, c *cluster.Cluster) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, between, patience, true, func(ctx context.Context) (bool, error) {
		task := &v1.Task{Spec: v1.TaskSpec{Steps: []v1.Step{{Image: "none"}}}}
		task.Namespace, task.GenerateName = bundle.Namespace, "ready-"
		if last = c.Client.Create(ctx, task, client.DryRunAll); apierrors.IsInternalError(last) {
			return false, nil
		}
		return last == nil, last
	})
	if err != nil {
		return clierror.Hint(fmt.Errorf("cannot use the cluster: its webhooks do not respond: %w", errors.Join(err, last)),
			"find the problem: sluice doctor")
	}
	return nil
}

// imagesOf returns the names of the images. They depend on the contents, so another build has another name.
func imagesOf(p programs) (images, error) {
	var i images
	for _, image := range p.of(&i) {
		digest, err := tag(image.program)
		if err != nil {
			return images{}, err
		}
		*image.name = "sluice.local/" + filepath.Base(image.program) + ":" + digest
	}
	return i, nil
}

// load builds images of the programs and loads them into the registry of the cluster, together with stand-ins for public images
// in the same folder.
func (k *Cluster) load(ctx context.Context, p programs, images images) error {
	var names []string
	for _, image := range p.of(&images) {
		if err := k.loadProgram(ctx, p, *image.name, image.program); err != nil {
			return err
		}
		names = append(names, filepath.Base(image.program))
	}
	for _, archive := range p.archives {
		if _, err := k.ask(ctx, p, "load", "--archive", archive); err != nil {
			return err
		}
		names = append(names, filepath.Base(archive))
	}
	k.Terminal.Notef("loaded the images %s", strings.Join(names, ", "))
	return nil
}

// loadProgram loads an image with one program, at the path that the manifests and the pods use.
func (k *Cluster) loadProgram(ctx context.Context, p programs, name, program string) error {
	folder, err := os.MkdirTemp("", "sluice-image-")
	if err != nil {
		return fmt.Errorf("cannot create a folder for image %q: %w", name, err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // it is in the folder for temporary files
	if err := os.Chmod(folder, 0o755); err != nil {
		return fmt.Errorf("cannot create a folder for image %q: %w", name, err)
	}
	inside := filepath.Join(imageFolder, filepath.Base(program))
	if err := copyProgram(program, filepath.Join(folder, inside)); err != nil {
		return err
	}
	_, err = k.ask(ctx, p, "load", "--name", name, "--rootfs", folder, "--entrypoint", "/"+inside, "--user", imageUser)
	return err
}
