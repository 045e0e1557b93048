// Package local brings up a Kubernetes on this machine with Sluice on it, for `sluice run --local`. It needs nothing but the
// programs that `make cli localkube` builds, beside one another: sluice, localkube, and those of the two images.
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
	// between is how long is waited before asking again.
	between = 200 * time.Millisecond
)

// images are the names of the two images of an installation.
type images struct{ controller, inpod string }

// Cluster is the cluster of this machine.
type Cluster struct {
	// Dir is its folder; empty for localkube's own choice.
	Dir string
	// Port of its API server; 0 for localkube's own choice.
	Port int
	// Programs is the folder with the programs; empty for that of this program.
	Programs string
	// Terminal is told how far the work has come.
	Terminal *terminal.Terminal
}

// Start makes sure that the cluster is up and has this build of Sluice on it, and returns the name of its kubeconfig.
// What is there already is left as it is: a second run finds everything done.
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

// install puts images and manifests onto the cluster, unless this build is there, and waits until it works.
func (k *Cluster) install(ctx context.Context, p programs, c *cluster.Cluster) error {
	images, err := imagesOf(p)
	if err != nil {
		return err
	}
	if !installed(ctx, c, images) {
		k.Terminal.Notef("putting Sluice on it")
		if err := k.load(ctx, p, images); err != nil {
			return err
		}
		if err := k.apply(ctx, p, c, images); err != nil {
			return err
		}
	}
	return answering(ctx, c)
}

// apply does what sluice install does. On a new cluster results come through logs, so that large ones do; settings that
// are there stay.
func (k *Cluster) apply(ctx context.Context, p programs, c *cluster.Cluster, images images) error {
	mirror, err := k.ask(ctx, p, "registry", "--pods")
	if err != nil {
		return err
	}
	below := *k.Terminal
	below.Out = below.Err // what is said of the installation is not what was asked for
	installation := &install.Options{Terminal: &below, Wait: patience, Choice: bundle.Choice{
		Controller: images.controller, Inpod: images.inpod, Logs: true,
		// The nodes ask the cluster's own registry for every image; the controller has to see what they see.
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

// answering waits until the webhooks answer. The API server comes to know a moment later than the Deployment where they
// are, so a Task is offered to them, without being stored.
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
		return clierror.Hint(fmt.Errorf("cannot use the cluster: its webhooks do not answer: %w", errors.Join(err, last)),
			"sluice doctor says more")
	}
	return nil
}

// imagesOf names the two images after what is in them, so that another build has another name.
func imagesOf(p programs) (images, error) {
	controller, err := tag(p.controller)
	if err != nil {
		return images{}, err
	}
	inpod, err := tag(p.inpod)
	if err != nil {
		return images{}, err
	}
	return images{controller: "sluice.local/controller:" + controller, inpod: "sluice.local/inpod:" + inpod}, nil
}

// load makes images of the programs and puts them into the cluster's registry, and with them the stand-ins for public
// images that may lie beside them.
func (k *Cluster) load(ctx context.Context, p programs, images images) error {
	for _, image := range []struct{ name, program string }{{images.controller, p.controller}, {images.inpod, p.inpod}} {
		if err := k.loadProgram(ctx, p, image.name, image.program); err != nil {
			return err
		}
	}
	names := []string{"controller", "inpod"}
	for _, archive := range p.archives {
		if _, err := k.ask(ctx, p, "load", "--archive", archive); err != nil {
			return err
		}
		names = append(names, filepath.Base(archive))
	}
	k.Terminal.Notef("loaded the images %s", strings.Join(names, ", "))
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
	_, err = k.ask(ctx, p, "load", "--name", name, "--rootfs", folder, "--entrypoint", "/"+inside, "--user", imageUser)
	return err
}
