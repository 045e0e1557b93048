package local

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

const (
	// imageFolder is the folder of programs in images of ko; pods expect the in-pod program there.
	imageFolder = "ko-app"
	// imageUser is the user of the programs, without rights.
	imageUser = "65532"
	// imagesFolder is the folder of stand-ins for public images, next to the programs.
	imagesFolder = "images"
)

// programs are the files for a local cluster.
type programs struct {
	localkube, controller, inpod, resolvers string
	// archives are stand-ins for public images; none: images are pulled.
	archives []string
}

// imageOf is one image of an installation: the program in it, and the place of its name.
type imageOf struct {
	program string
	name    *string
}

// of returns the images of these programs.
func (p programs) of(i *images) []imageOf {
	return []imageOf{{p.controller, &i.controller}, {p.inpod, &i.inpod}, {p.resolvers, &i.resolvers}}
}

// findPrograms finds the programs in the folder of this program; localkube may also be on the PATH.
func (k *Cluster) findPrograms() (programs, error) {
	folder, err := k.folder()
	if err != nil {
		return programs{}, err
	}
	var p programs
	for _, wanted := range []struct {
		name string
		file *string
	}{{"localkube", &p.localkube}, {"controller", &p.controller}, {"inpod", &p.inpod}, {"resolvers", &p.resolvers}} {
		if *wanted.file, err = find(folder, wanted.name); err != nil {
			return programs{}, err
		}
	}
	layouts, err := filepath.Glob(filepath.Join(folder, imagesFolder, "*", "oci-layout"))
	if err != nil {
		return programs{}, fmt.Errorf("cannot search for images: %w", err)
	}
	for _, layout := range layouts {
		p.archives = append(p.archives, filepath.Dir(layout))
	}
	return p, nil
}

// folder returns the folder of the programs, without links.
func (k *Cluster) folder() (string, error) {
	if k.Programs != "" {
		return k.Programs, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find the folder of this program: %w", err)
	}
	if target, err := filepath.EvalSymlinks(self); err == nil {
		self = target
	}
	return filepath.Dir(self), nil
}

func find(folder, name string) (string, error) {
	beside := filepath.Join(folder, name)
	if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
		return beside, nil
	}
	if found, err := exec.LookPath(name); err == nil && name == "localkube" {
		return found, nil
	}
	return "", clierror.New(fmt.Sprintf("cannot start a cluster on this machine: program %q does not exist in %s", name, folder),
		"build it in the source tree: make cli localkube", "or use an existing cluster: KUBECONFIG=FILE, --context NAME")
}

// tag returns a name for the content of a file.
func tag(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("cannot read program %q: %w", file, err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("cannot read program %q: %w", file, err)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

func copyProgram(from, to string) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("cannot create a folder for %q: %w", to, err)
	}
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("cannot read program %q: %w", from, err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return fmt.Errorf("cannot write program %q: %w", to, err)
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(fmt.Errorf("cannot write program %q: %w", to, err), out.Close())
	}
	return out.Close()
}

// installed reports whether the cluster already has this build.
func installed(ctx context.Context, c *cluster.Cluster, images images) bool {
	controller, ok := container(ctx, c, bundle.Namespace, bundle.Deployment)
	if !ok || controller.Image != images.controller || !strings.Contains(strings.Join(controller.Args, " "), images.inpod) {
		return false
	}
	resolvers, ok := container(ctx, c, bundle.ResolversNamespace, bundle.ResolversDeployment)
	return ok && resolvers.Image == images.resolvers
}

// container returns the only container of a Deployment, if there is one.
func container(ctx context.Context, c *cluster.Cluster, namespace, name string) (corev1.Container, bool) {
	var d appsv1.Deployment
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &d)
	if err != nil || len(d.Spec.Template.Spec.Containers) != 1 {
		return corev1.Container{}, false
	}
	return d.Spec.Template.Spec.Containers[0], true
}

// show runs localkube, and prints its output indented.
func (k *Cluster) show(ctx context.Context, p programs, args ...string) error {
	read, write := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(read); lines.Scan(); {
			// The caller prints what to do next.
			if line := lines.Text(); line != "" && !strings.HasPrefix(line, "next:") {
				k.Terminal.Notef("  %s", terminal.Clean(line))
			}
		}
	}()
	err := k.command(ctx, p, args, write, write)
	_ = write.Close() // a pipe in memory
	<-done
	return err
}

// ask runs localkube, and returns its output. An error includes its error output.
func (k *Cluster) ask(ctx context.Context, p programs, args ...string) (string, error) {
	var answer, said bytes.Buffer
	if err := k.command(ctx, p, args, &answer, &said); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(answer.String()), nil
}

func (k *Cluster) command(ctx context.Context, p programs, args []string, out, errOut io.Writer) error {
	if k.Dir != "" {
		args = append(slices.Clip(args), "--dir", k.Dir)
	}
	command := exec.CommandContext(ctx, p.localkube, args...)
	// Interrupt it as a user would, so that it cleans up.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.Stdout, command.Stderr = out, errOut
	err := command.Run()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("cannot run %s %s: %w", p.localkube, strings.Join(args, " "), err)
	if os.Geteuid() != 0 {
		return clierror.Hint(err, "run the command as root: a cluster on this machine needs it")
	}
	return clierror.Hint(err, "install the packages that it needs: hack/install-deps.sh; for details: "+p.localkube+" status")
}
